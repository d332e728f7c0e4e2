/** The first script: which screen an address shows, and what runs beside them all. */
import { begin } from "./live.js";
import { CallDoor } from "./ring.js";
import { go, match, path } from "./router.js";
import { Chats } from "./screens/chats.js";
import { Console } from "./screens/console.js";
import { FigureDoor } from "./figure_door.js";
import { Discover } from "./screens/discover.js";
import { Invitation, Invited } from "./screens/invitation.js";
import { Settings } from "./screens/settings.js";
import { Forgot, LogIn, SignUp } from "./screens/sign.js";
import { VoiceNotes } from "./screens/voice_notes.js";
import { Wallet } from "./screens/wallet.js";
import { Welcome } from "./screens/welcome.js";
import { person } from "./session.js";
import { Toasts } from "./toast.js";
import { effect, html, render, useEffect, useState } from "./ui.js";

/** @typedef {import("./ui.js").Child} Child */

// Other names people and links use for the same places.
const SAME = /** @type {Record<string, string>} */ ({ "/login": "/log-in", "/signup": "/sign-up" });

/** @returns {Child} */
function outside() {
  if (match("/sign-up")) return html`<${SignUp} />`;
  if (match("/log-in")) return html`<${LogIn} />`;
  if (match("/forgot")) return html`<${Forgot} />`;
  if (match("/invitations/:code")) return html`<${Invited} />`;
  return html`<${Welcome} />`;
}

/** @returns {Child} */
function inside() {
  const called = match("/chats/:room/call")?.room;
  if (called) return html`<${CallDoor} room=${called} key=${called} />`;
  const room = match("/chats/:room")?.room;
  if (room || match("/chats")) return html`<${Chats} room=${room} />`;
  const code = match("/invitations/:code")?.code;
  if (code) return html`<${Invitation} code=${code} key=${code} />`;
  if (match("/wallet")) return html`<${Wallet} />`;
  if (match("/settings/voice-notes")) return html`<${VoiceNotes} />`;
  if (match("/settings") || match("/settings/:part")) return html`<${Settings} />`;
  const looked = match("/console/:room")?.room;
  if (person.value?.role === "admin" && (looked || match("/console"))) return html`<${Console} room=${looked} />`;
  const made = match("/create/:companion")?.companion;
  if (made || match("/create")) return html`<${CreateDoor} id=${made} key=${made ?? "new"} />`;
  const drawn = match("/discover/:companion/figure")?.companion;
  if (drawn) return html`<${FigureDoor} companion=${drawn} key=${drawn} />`;
  const chosen = match("/discover/:companion")?.companion;
  if (chosen || match("/discover")) return html`<${Discover} chosen=${chosen} key=${chosen ?? "all"} />`;
  return html`<${Chats} />`;
}

/** Making a companion, fetched once somebody does. @param {{ id?: string }} props */
function CreateDoor({ id }) {
  const [screen, setScreen] = useState(/** @type {{ Create: (props: { id?: string }) => Child } | null} */ (null));
  const [fault, setFault] = useState(false);
  useEffect(() => { import("./screens/create.js").then(setScreen, () => setFault(true)); }, []);
  if (screen) return html`<${screen.Create} id=${id} />`;
  return html`<main class="starting" id="main">${fault ? html`<p role="alert">This screen could not be loaded. <a href="/discover">Back</a></p>` : html`<i class="spin"></i><span class="sr">Loading</span>`}</main>`;
}

const PUBLIC = ["/", "/welcome", "/sign-up", "/log-in", "/forgot"];
const TITLES = /** @type {Record<string, string>} */ ({ "/chats": "Chats", "/discover": "Discover", "/create": "Make a companion", "/console": "Console", "/sign-up": "Sign up", "/log-in": "Log in", "/forgot": "Reset your password" });

function App() {
  const at = SAME[path.value] ?? path.value.replace(/^\/room\//, "/chats/");
  const signedIn = person.value !== null;
  // Where one belongs: signed in, the front doors lead to the chats; signed out, everything leads to the front door.
  const open = PUBLIC.includes(at) || at.startsWith("/invitations/");
  const then = signedIn ? sessionStorage.getItem("kindred.then") : null;
  const to = at !== path.value ? at : then && at !== then ? then : signedIn && at === "/sign-up" ? "/discover" : signedIn && PUBLIC.includes(at) && at !== "/welcome" ? "/chats" : !signedIn && !open ? "/log-in" : at;
  useEffect(() => { if (to !== path.value) go(to, { replace: true }); }, [to]);
  useEffect(() => { document.title = TITLES[to] ? `${TITLES[to]} · Kindred` : "Kindred"; }, [to]);
  if (to !== path.value) return null;
  return html`${signedIn && at !== "/welcome" ? inside() : outside()}<${Toasts} />`;
}

effect(() => { if (person.value) void begin(); });

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.replaceChildren();
render(html`<${App} />`, root);

if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("/sw.js").catch(() => undefined); // Private windows may refuse; the app works without.
}
