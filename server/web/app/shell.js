/** What stands around every signed-in screen: the rail or the tab bar, and the quick switcher. */
import { link, rooms, summary, unread } from "./live.js";
import { Avatar, Dialog } from "./parts.js";
import { CallStrip } from "./ring.js";
import { go, path } from "./router.js";
import { person } from "./session.js";
import { html, icon, Mark, signal, useState } from "./ui.js";

/** @typedef {import("./ui.js").Child} Child */
/** @typedef {import("../types.d.ts").Room} Room */

const PLACES = [
  ["/chats", "Chats", "chat"],
  ["/discover", "Discover", "people"],
  ["/wallet", "Wallet", "wallet"],
  ["/settings", "Settings", "gear"],
];

const FOR_STAFF = [["/console", "Console", "eye"]];

export const switching = signal(false);

/** @param {{ children?: Child, inside?: boolean }} props `inside` hides the bar on phones */
export function Shell({ children, inside = false }) {
  const at = path.value;
  return html`<div class="frame"><${CallStrip} /><div class=${`shell${inside ? " inside" : ""}`}>
    <a class="skip" href="#main" onClick=${(/** @type {Event} */ e) => { e.preventDefault(); document.getElementById("main")?.focus(); }}>Skip to content</a>
    <nav class="rail" aria-label="Main">
      <a class="home" href="/chats" aria-label="Kindred, your chats"><${Mark} size=${38} /></a>
      ${[...PLACES, ...(person.value?.role === "admin" ? FOR_STAFF : [])].map(([to, label, name]) => html`<a href=${to} aria-current=${at === to || at.startsWith(`${to}/`) ? "page" : undefined}>
        ${icon(name)}<span>${label}</span>
        ${to === "/chats" && unread.value ? html`<i class="n num">${unread.value}<span class="sr"> unread</span></i>` : null}
      </a>`)}
    </nav>
    ${children}
    ${switching.value ? html`<${Switcher} />` : null}
  </div></div>`;
}

/** The companion of a room, as its face. @param {Room} room */
export function faceOf(room) {
  return room.members.find((one) => one.kind === "companion");
}

/** Ctrl+K: another conversation in two keys. */
function Switcher() {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const wanted = query.trim().toLowerCase();
  const found = rooms.value.filter((room) => room.title.toLowerCase().includes(wanted) || summary(room).toLowerCase().includes(wanted)).slice(0, 8);
  const close = () => { switching.value = false; };
  /** @param {Room | undefined} room */
  const open = (room) => { close(); if (room) go(`/chats/${room.id}`); };
  /** @param {KeyboardEvent} event */
  const keys = (event) => {
    if (event.key === "Enter") { event.preventDefault(); open(found[at]); }
    if (event.key === "ArrowDown") { event.preventDefault(); setAt(Math.min(at + 1, found.length - 1)); }
    if (event.key === "ArrowUp") { event.preventDefault(); setAt(Math.max(at - 1, 0)); }
  };
  return html`<${Dialog} title="Switch chat" onClose=${close}>
    <div class="find">${icon("search")}<input class="input" type="search" aria-label="Find a chat" placeholder="Name or words" role="combobox" aria-expanded="true" aria-controls="switch-list"
      aria-activedescendant=${found[at] ? `switch-${found[at].id}` : undefined} autofocus value=${query} onKeyDown=${keys}
      onInput=${(/** @type {{ currentTarget: HTMLInputElement }} */ e) => { setQuery(e.currentTarget.value); setAt(0); }} /></div>
    <ul id="switch-list" class="switch-list" role="listbox" aria-label="Chats">
      ${found.map((room, i) => html`<li key=${room.id} id=${`switch-${room.id}`} role="option" aria-selected=${i === at ? "true" : "false"} onClick=${() => open(room)} onPointerMove=${() => setAt(i)}>
        <${Avatar} name=${room.title} src=${faceOf(room)?.portrait} size="s40" /><span><b>${room.title}</b><small>${summary(room)}</small></span></li>`)}
    </ul>
    ${found.length ? null : html`<p class="soft">No chat with these words.</p>`}
  </${Dialog}>`;
}

/** Whether the server is away, in words people use. */
export function away() {
  return link.value !== "ready" && (link.value === "offline" || !navigator.onLine);
}

addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "k" && rooms.peek().length) {
    event.preventDefault();
    switching.value = !switching.peek();
  }
});
