/** Conversations: the list, the one in use, and the panel about its companion. */
import { several } from "../company.js";
import { when } from "../format.js";
import { begun, invited, link, me, replying, rooms, roomsLoaded, summary, typingIn } from "../live.js";
import { Avatar } from "../parts.js";
import { faceOf, Shell, switching } from "../shell.js";
import { html, icon, useState } from "../ui.js";
import { Conversation } from "./conversation.js";
import { Panel } from "./panel.js";

/** @typedef {import("../../types.d.ts").Room} Room */

/** @param {{ room?: string }} props */
export function Chats({ room }) {
  const [panel, setPanel] = useState(false);
  return html`<${Shell} inside=${Boolean(room)}>
    <div class=${`chats${room ? " one" : ""}${panel ? " with-panel" : ""}`}>
      <${List} current=${room} />
      ${room
        ? html`<${Conversation} id=${room} key=${room} onPanel=${() => setPanel(!panel)} panel=${panel} /><${Panel} id=${room} key=${`p${room}`} onClose=${() => setPanel(false)} />`
        : html`<main class="nothing" id="main" tabindex="-1"><div class="empty">${icon("chat", "huge")}<h2>Pick up where you left off</h2><p>Choose a chat on the left, or meet somebody new.</p><a class="btn p" href="/discover">Meet someone</a></div></main>`}
    </div>
  </${Shell}>`;
}

/** @param {{ current?: string }} props */
function List({ current }) {
  const [query, setQuery] = useState("");
  const wanted = query.trim().toLowerCase();
  const shown = rooms.value.filter((room) => room.status !== "archived" && (!wanted || room.title.toLowerCase().includes(wanted) || summary(room).toLowerCase().includes(wanted)));
  return html`<aside class="list" aria-label="Chats">
    <header><h1 class="h">Chats</h1>
      <button type="button" class="icon" aria-label="Switch chat" title="Ctrl+K" onClick=${() => { switching.value = true; }}>${icon("search")}</button>
      <a class="icon" href="/discover" aria-label="New chat">${icon("plus")}</a></header>
    <div class="find">${icon("search")}<input class="input" type="search" aria-label="Find in chats" placeholder="Find a chat" value=${query} onInput=${(/** @type {{ currentTarget: HTMLInputElement }} */ e) => setQuery(e.currentTarget.value)} /></div>
    ${invited.value.map((one) => html`<p class="invited" key=${one.id}><span><b>${one.by}</b> invites you to “${one.title}”.</span><a class="btn" href=${`/invitations/${one.id}`}>Look</a></p>`)}
    <ul class="rooms">
      ${shown.map((room) => html`<${Row} key=${room.id} room=${room} current=${room.id === current} />`)}
      ${!roomsLoaded.value && !rooms.value.length && link.value !== "offline" ? [1, 2, 3].map((i) => html`<li key=${i} class="bone row-bone"></li>`) : null}
    </ul>
    ${roomsLoaded.value && !rooms.value.length ? html`<div class="empty"><h2>No chats yet</h2><p>Twelve people are waiting to be met.</p><a class="btn p" href="/discover">Meet someone</a></div>` : null}
    ${wanted && !shown.length ? html`<p class="soft center">No chat with these words.</p>` : null}
  </aside>`;
}

/** @param {{ room: Room, current: boolean }} props */
function Row({ room, current }) {
  const face = faceOf(room);
  const writing = replying(room.id);
  const last = room.last_message;
  const typed = typingIn(room.id);
  const by = last?.sender.id === me.value ? "You: " : several(room) && last ? `${last.sender.name}: ` : "";
  const line = writing || typed
    ? html`<span class="writing">${typed && !writing ? `${typed.name} writes…` : begun(room.id) ? "writing…" : "thinking…"}</span>`
    : `${by}${summary(room)}`;
  return html`<li class="hue" style=${{ "--h": face?.hue ?? 195 }}>
    <a href=${`/chats/${room.id}`} aria-current=${current ? "page" : undefined}>
      <${Avatar} name=${room.title} src=${face?.portrait} size="s52" />
      <b>${room.title}</b><time class="num">${last ? when(last.at) : ""}</time>
      <p>${line}</p>
      ${room.unread ? html`<i class="n num">${room.unread}<span class="sr"> unread</span></i>` : null}
    </a>
  </li>`;
}
