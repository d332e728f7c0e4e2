/** For administrators: the live rooms of all nodes, one of them as it happens, calls, reviews and the audit log. */
import { api } from "../api.js";
import { credits, date, time, when, words } from "../format.js";
import { Avatar, Fault, useLoaded } from "../parts.js";
import { go } from "../router.js";
import { CallLog } from "./call_log.js";
import { Shell } from "../shell.js";
import { Words } from "../text.js";
import { toast } from "../toast.js";
import { html, icon, useEffect, useLayoutEffect, useRef, useState } from "../ui.js";
import { act, unwatch, watch, watched } from "../watching.js";

/** @typedef {{ room: string, node: string, people: { id: string, name: string }[], companions: { id: string, name: string, portrait: string }[], state: "idle" | "thinking" | "speaking", reply: string | null, turn_microcredits: number, spent_microcredits: number, n: number, halted: "" | "paused" | "ended", directed: boolean, at: number }} LiveRow */
/** @typedef {{ items: LiveRow[], rooms: number, silent: string[] }} LiveRooms */
/** @typedef {{ n: number, at: number, who: string, name: string, act: string, room: string, why: string, outcome: string, note: string }} AuditRow */
/** @typedef {{ currentTarget: HTMLInputElement }} Input */

const REFRESH_MS = 2_000;
const STATES = { idle: "Waiting", thinking: "Thinking", speaking: "Speaking" };

/** @param {{ room?: string }} props */
export function Console({ room }) {
  const [list, setList] = useState(/** @type {"rooms" | "calls" | "reviews" | "log"} */ ("rooms"));
  const log = list === "log";
  const reviews = list === "reviews";
  useEffect(() => { document.title = "Console · Kindred"; }, []);
  useEffect(() => () => unwatch(), [room]);
  return html`<${Shell} inside=${Boolean(room)}><main class=${`console${room ? " one" : ""}${log ? " with-log" : reviews ? " with-reviews" : ""}`} id="main" tabindex="-1">
    <section class="console-list" aria-label="What goes on">
      <header class="head"><h1>Console</h1>
        <div class="tabs" role="group" aria-label="What is shown">
          <button type="button" class="chip" aria-pressed=${list === "rooms" ? "true" : "false"} onClick=${() => setList("rooms")}>Live rooms</button>
          <button type="button" class="chip" aria-pressed=${list === "calls" ? "true" : "false"} onClick=${() => setList("calls")}>Calls</button>
          <button type="button" class="chip" aria-pressed=${reviews ? "true" : "false"} onClick=${() => { setList("reviews"); if (room) go("/console"); }}>Reviews</button>
          <button type="button" class="chip" aria-pressed=${log ? "true" : "false"} onClick=${() => setList("log")}>Audit log</button>
        </div></header>
      ${log ? html`<${Log} />` : list === "calls" ? html`<${CallLog} />` : reviews ? html`<${Reviews} />` : html`<${Rooms} current=${room} />`}
    </section>
    ${reviews ? null : room
      ? html`<${Room} id=${room} key=${room} />`
      : html`<section class="nothing"><div class="empty">${icon("eye", "huge")}<h2>Nobody is being watched</h2><p>Choose a room. Say why you look: it is kept in the audit log, with everything you do.</p></div></section>`}
  </main></${Shell}>`;
}

/** Companions that wait for a review, fetched once somebody reads them. */
function Reviews() {
  const [screen, setScreen] = useState(/** @type {typeof import("./reviews.js") | null} */ (null));
  const [fault, setFault] = useState("");
  const load = () => { setFault(""); import("./reviews.js").then(setScreen, () => setFault("This screen could not be loaded.")); };
  useEffect(load, []);
  if (screen) return html`<${screen.Reviews} />`;
  return fault ? html`<${Fault} text=${fault} act=${load} />` : html`<i class="spin"></i>`;
}

/** The list, asked for again while it is on screen. @param {{ current?: string }} props */
function Rooms({ current }) {
  const { value, fault, reload } = useLoaded(() => /** @type {Promise<LiveRooms>} */ (api("GET", "admin/rooms")), []);
  useEffect(() => {
    const again = setInterval(() => { if (!document.hidden) reload(); }, REFRESH_MS);
    return () => clearInterval(again);
  });
  if (fault && !value) return html`<${Fault} text=${fault} act=${reload} />`;
  const items = value?.items ?? [];
  const nodes = new Set(items.map((one) => one.node));
  return html`
    <p class="soft num" role="status">${value ? `${value.rooms} ${value.rooms === 1 ? "room" : "rooms"} in memory${nodes.size ? ` on ${[...nodes].sort().join(", ")}` : ""}` : "Asking all nodes…"}</p>
    ${value?.silent.length ? html`<p class="note warn">${icon("warn", "s")} No answer from ${value.silent.join(", ")}</p>` : null}
    <ul class="live-rooms">${items.map((one) => html`<${Row} key=${one.room} row=${one} current=${one.room === current} />`)}</ul>
    ${value && !items.length ? html`<p class="soft center">No room is live just now.</p>` : null}`;
}

/** @param {{ row: LiveRow, current: boolean }} props */
function Row({ row, current }) {
  const who = row.people.map((one) => one.name).join(", ") || "Nobody";
  const face = row.companions[0];
  const cost = row.state === "idle" ? row.spent_microcredits : row.turn_microcredits;
  return html`<li data-room=${row.room} data-state=${row.state}><a href=${`/console/${row.room}`} aria-current=${current ? "page" : undefined}>
    <${Avatar} name=${face?.name ?? "?"} src=${face?.portrait} size="s44" />
    <b>${who} <span class="soft">with</span> ${row.companions.map((one) => one.name).join(", ")}</b>
    <time class="num soft">${when(row.at)}</time>
    <p><span class=${`dot ${row.state}`} aria-hidden="true"></span><span class="turn-state">${STATES[row.state]}</span> · <span class="num" data-cost>${credits(cost, { least: 2 })}</span> credits ${row.state === "idle" ? "so far" : "this turn"} · <span class="node">${row.node}</span></p>
    ${row.halted || row.directed ? html`<p class="marks">${row.halted ? html`<span class="badge warn">${row.halted}</span>` : null}${row.directed ? html`<span class="badge">directed</span>` : null}</p>` : null}
  </a></li>`;
}

/** @param {{ id: string }} props */
function Room({ id }) {
  const [why, setWhy] = useState("");
  const now = watched.value;
  if (now?.room !== id) {
    return html`<section class="watched ask" aria-label="Why">
      <form class="card" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); if (why.trim()) void watch(id, why.trim()); }}>
        <h2>Why do you look?</h2>
        <p class="soft">The reason is kept in the audit log, with the time, the room and your name.</p>
        <label class="sr" for="why">Reason</label>
        <input id="why" class="input" maxlength="500" required autofocus placeholder="A report, a complaint, a fault…" value=${why} onInput=${(/** @type {Input} */ e) => setWhy(e.currentTarget.value)} />
        <div class="doors"><button class="btn p" disabled=${!why.trim()}>${icon("eye")} Watch</button><button type="button" class="btn line" onClick=${() => go("/console")}>Not now</button></div>
      </form>
    </section>`;
  }
  return html`<section class="watched" aria-label="Watched room">
    <${Head} /><${Stream} /><${Hands} />
  </section>`;
}

function Head() {
  const now = watched.value;
  const room = now?.state.rooms[now.room];
  const people = room?.members.filter((one) => one.kind === "person").map((one) => one.name).join(", ");
  const companions = room?.members.filter((one) => one.kind === "companion").map((one) => one.name).join(", ");
  return html`<header class="watched-head">
    <a class="icon" href="/console" aria-label="Stop watching">${icon("close")}</a>
    <div><h2>${room ? `${people} with ${companions}` : "…"}</h2><p class="soft">Watching: ${now?.why}</p></div>
    ${now?.halted ? html`<span class="badge warn">${now.halted}</span>` : html`<span class="badge">live</span>`}
  </header>
  ${now?.fault ? html`<p class="note warn" role="alert">${icon("warn", "s")} ${now.fault}</p>` : null}`;
}

function Stream() {
  const end = useRef(/** @type {HTMLDivElement | null} */ (null));
  const now = watched.value;
  const items = (now && now.state.logs[now.room]?.items) ?? [];
  const reply = now?.state.replies[now.room];
  const notes = (now?.state.notes[now.room] ?? []).filter((one) => one.kind === "oversight");
  const typing = now?.state.typing[now.room];
  useLayoutEffect(() => { if (end.current) end.current.scrollTop = end.current.scrollHeight; }, [items.length, reply?.length, notes.length]);
  return html`<div class="stream" ref=${end} role="log" aria-label="The conversation" tabindex="0"><ul class="list-of-messages">
    ${items.map((one) => html`<li key=${one.id} data-id=${one.id} class=${`m${one.sender.kind === "person" ? " me" : ""}`}>
      <span class="whose">${one.sender.name} · <time>${time(one.at)}</time>${one.cost_microcredits ? html` · <span class="num">${credits(one.cost_microcredits, { least: 2 })} credits</span>` : null}${one.by_staff ? html` · <b class="by-staff">written by staff</b>` : null}</span>
      <div class="line"><div class="bubble"><span class="said" dir="auto"><${Words} text=${words(one)} /></span></div></div></li>
      ${notes.filter((note) => note.after === one.id).map((note) => html`<${Note} key=${note.id} text=${note.text} />`)}`)}
    ${reply ? html`<li class="m writing" data-writing><span class="whose">writing · <span class="num">${credits(reply.cost, { least: 2 })} credits</span></span>
      <div class="line"><div class="bubble"><span class="said"><${Words} text=${reply.text} /></span><i class="caret"></i></div></div></li>` : null}
    ${typing ? html`<li class="soft">${typing.name} is writing…</li>` : null}
    ${notes.filter((one) => !items.some((message) => message.id === one.after)).map((one) => html`<${Note} key=${one.id} text=${one.text} />`)}
  </ul></div>`;
}

/** What the room was told about staff. @param {{ text: string }} props */
function Note({ text }) {
  return html`<li class="notice"><p>${text}</p></li>`;
}

/** Run something; what came of it shows by itself, unless it failed. @param {() => Promise<unknown>} work */
async function attempt(work) {
  try {
    await work();
    return true;
  } catch (error) {
    toast(/** @type {Error} */ (error).message);
    return false;
  }
}

/** Direct, speak, pause, end. */
function Hands() {
  const now = watched.value;
  const [direction, setDirection] = useState("");
  const [once, setOnce] = useState(true);
  const [said, setSaid] = useState("");
  const replying = Boolean(now?.state.replies[now.room]);
  /** @param {Event} event */
  const whisper = async (event) => {
    event.preventDefault();
    if (direction.trim() && await attempt(() => act("whisper", { text: direction.trim(), once }))) setDirection("");
  };
  /** @param {Event} event */
  const say = async (event) => {
    event.preventDefault();
    if (said.trim() && await attempt(() => act("say", { text: said.trim() }))) setSaid("");
  };
  return html`<footer class="hands">
    <form onSubmit=${whisper}><label for="whisper">Whisper</label>
      <input id="whisper" class="input" maxlength="1000" placeholder="A direction only the companion hears" value=${direction} onInput=${(/** @type {Input} */ e) => setDirection(e.currentTarget.value)} />
      <label class="once"><input type="checkbox" checked=${once} onChange=${(/** @type {Input} */ e) => setOnce(e.currentTarget.checked)} /> next reply only</label>
      <button class="btn" disabled=${!direction.trim()}>Whisper</button></form>
    ${now?.direction ? html`<p class="soft standing">Directed: “${now.direction}” <button type="button" class="link" onClick=${() => attempt(() => act("whisper", { text: "" }))}>Withdraw</button></p>` : null}
    <form onSubmit=${say}><label for="say">Take over</label>
      <input id="say" class="input" maxlength="8000" placeholder="Your words, in the companion's place, marked as written by staff" value=${said} onInput=${(/** @type {Input} */ e) => setSaid(e.currentTarget.value)} />
      <button class="btn" disabled=${!said.trim()}>Say</button></form>
    <div class="acts">
      ${now?.halted
        ? html`<button type="button" class="btn p" onClick=${() => attempt(() => act("resume"))}>${icon("play")} Let it go on</button>`
        : html`<button type="button" class="btn line" onClick=${() => attempt(() => act("pause"))}>Pause</button>`}
      <button type="button" class="btn line" disabled=${!replying} onClick=${() => attempt(() => act("end", { what: "turn" }))}>${icon("stop")} Stop the reply</button>
      <button type="button" class="btn danger" disabled=${now?.halted === "ended"} onClick=${() => attempt(() => act("end", { what: "room" }))}>End the conversation</button>
    </div>
  </footer>`;
}

function Log() {
  const [before, setBefore] = useState(0);
  const { value, fault, reload } = useLoaded(() => api("GET", `admin/audit?limit=50${before ? `&before=${before}` : ""}`), [before]);
  if (fault) return html`<${Fault} text=${fault} act=${reload} />`;
  const items = /** @type {AuditRow[]} */ (value?.items ?? []);
  return html`<div class="audit"><table>
    <caption class="sr">Who looked where, did what, and why</caption>
    <thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Room</th><th scope="col">Why</th></tr></thead>
    <tbody>${items.map((one) => html`<tr key=${one.n} data-act=${one.act} data-outcome=${one.outcome}>
      <td class="num">${date(one.at)} ${time(one.at)}</td><td>${one.name || one.who}</td>
      <td>${one.act}${one.outcome === "allowed" ? null : html` <span class=${`badge${one.outcome === "done" ? "" : " warn"}`}>${one.outcome}</span>`}</td>
      <td class="mono">${one.room ? html`<a href=${`/console/${one.room}`}>…${one.room.slice(-6)}</a>` : null}</td><td>${one.why || one.note}</td></tr>`)}</tbody>
  </table>
  <div class="doors"><button type="button" class="btn line" onClick=${() => { setBefore(0); reload(); }}>Newest</button>
    <button type="button" class="btn line" disabled=${items.length < 50} onClick=${() => setBefore(items.at(-1)?.n ?? 0)}>Older</button></div></div>`;
}
