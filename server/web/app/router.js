/**
 * Addresses of screens, with the browser's own history.
 */
import { signal } from "./ui.js";

/** The path on screen. */
export const path = signal(location.pathname);

/** @param {string} to @param {{ replace?: boolean }} [options] */
export function go(to, { replace = false } = {}) {
  if (to === location.pathname) return;
  history[replace ? "replaceState" : "pushState"]({ inside: true }, "", to);
  path.value = location.pathname;
}

/** Back to where one came from in the app, or to `otherwise`. @param {string} otherwise */
export function back(otherwise) {
  if (history.state?.inside) history.back();
  else go(otherwise, { replace: true });
}

/** @param {string} pattern as "/chats/:room" @param {string} [at] @returns {Record<string, string> | null} */
export function match(pattern, at = path.value) {
  const wanted = pattern.split("/");
  const given = at.split("/");
  if (wanted.length !== given.length) return null;
  /** @type {Record<string, string>} */
  const found = {};
  for (const [i, part] of wanted.entries()) {
    if (part.startsWith(":") && given[i]) found[part.slice(1)] = decodeURIComponent(given[i]);
    else if (part !== given[i]) return null;
  }
  return found;
}

globalThis.addEventListener("popstate", () => { path.value = location.pathname; });

// Links inside the app do not load a page.
document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = /** @type {Element} */ (event.target).closest?.("a[href]");
  if (!(link instanceof HTMLAnchorElement) || link.origin !== location.origin || link.target || link.hasAttribute("download")) return;
  if (/^\/(terms|privacy|safety|api|v1|static|docs|openapi)/.test(link.pathname) || link.hash) return;
  event.preventDefault();
  go(link.pathname);
});
