// The service worker of build {{build}}: the app opens without a network, and faces stay known.
const SHELL = "kindred-{{build}}";
const FACES = "kindred-faces";
const FACES_MOST = 120;
const PATIENCE_MS = 3000;
const FILES = [
{{files}}
];

addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(SHELL);
    await cache.addAll([...FILES, new Request("/", { cache: "reload" }), "/icons/mark.svg", "/icons/icon-192.png", "/manifest.webmanifest"]);
    await skipWaiting();
  })());
});

addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name !== SHELL && name !== FACES) await caches.delete(name);
    await clients.claim();
  })());
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (/^\/api\/v1\/companions\/[^/]+\/portrait/.test(url.pathname)) event.respondWith(face(request));
  else if (request.mode === "navigate" && !/^\/(api|v1|terms|privacy|safety|openapi|healthz|readyz)/.test(url.pathname)) event.respondWith(page(request));
  else if (/^\/(static|icons)\/|^\/manifest/.test(url.pathname)) event.respondWith(file(request));
});

/** The newest shell if it comes soon, else the kept one. */
async function page(request) {
  const kept = await caches.match("/");
  const asked = fetch(request);
  if (!kept) return asked;
  const late = new Promise((give) => setTimeout(give, PATIENCE_MS, kept));
  return Promise.race([asked.then((answer) => (answer.status < 500 ? answer : kept), () => kept), late]);
}

async function file(request) {
  return (await caches.match(request)) ?? fetch(request);
}

/** A portrait's address names its version, so a kept one is never old. */
async function face(request) {
  const cache = await caches.open(FACES);
  const kept = await cache.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) {
    await cache.put(request, answer.clone());
    const keys = await cache.keys();
    for (const old of keys.slice(0, Math.max(0, keys.length - FACES_MOST))) await cache.delete(old);
  }
  return answer;
}
