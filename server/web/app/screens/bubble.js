/** One message as it is shown: a bubble, what stands below it, and the same while it is written. */
import { again, carryOn, discard, edit as editAgain, retry, send, walk } from "../actions.js";
import { clock } from "../calls/told.js";
import { several } from "../company.js";
import { credits, time, words } from "../format.js";
import { link, replyOf, replying, roomOf } from "../live.js";
import { PlayRecording } from "../recorded.js";
import { Words } from "../text.js";
import { html, icon } from "../ui.js";
import { VoiceNote } from "./voice_note.js";

/** @typedef {import("../../types.d.ts").Message} Message */
/** @typedef {import("../store.js").Pending} Pending */
/** @typedef {import("../store.js").Note} Note */
/** @typedef {{ edit: (message: Message) => void, receipt: (id: string) => void, menu: (message: Message, at: { x: number, y: number }) => void }} Hands */

const LONG_PRESS_MS = 480;
const LONG_PRESS_PIXELS = 12;

const ENDED = /** @type {Record<string, string>} */ ({
  interrupted: "Stopped here", failed: "Broke off here", out_of_credits: "The credits ended here", moderated: "Withheld by the rules",
});

/** What somebody in a room is called. @param {string} room @param {string} who */
function nameIn(room, who) {
  return roomOf(room)?.members.find((one) => one.id === who)?.name ?? "";
}

/** Paragraphs and line breaks as they were written. @param {{ text: string }} props */
function Said({ text }) {
  return html`<span class="said" dir="auto"><${Words} text=${text} /></span>`;
}

/** Handlers that open the menu: right click, or a finger that stays. @param {(at: { x: number, y: number }) => void} open */
function pressing(open) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let start = { x: 0, y: 0 };
  const stop = () => clearTimeout(timer);
  return {
    onContextMenu: (/** @type {MouseEvent} */ event) => {
      if (String(getSelection()).length) return; // words are selected: the browser's own menu copies them
      event.preventDefault();
      stop();
      open({ x: event.clientX, y: event.clientY });
    },
    onPointerDown: (/** @type {PointerEvent} */ event) => {
      if (event.pointerType !== "touch") return;
      start = { x: event.clientX, y: event.clientY };
      stop();
      timer = setTimeout(() => open(start), LONG_PRESS_MS);
    },
    onPointerMove: (/** @type {PointerEvent} */ event) => {
      if (Math.hypot(event.clientX - start.x, event.clientY - start.y) > LONG_PRESS_PIXELS) stop();
    },
    onPointerUp: stop,
    onPointerCancel: stop,
  };
}

/**
 * A message that stands. `newest` is the last of the branch: only that one is continued or answered again at a touch.
 * @param {{ message: Message, me: string, joined: boolean, newest: boolean, read: boolean, named: boolean, busy: boolean, hands: Hands }} props
 */
export function Bubble({ message, me, joined, newest, read, named, busy, hands }) {
  const mine = message.sender.id === me;
  const text = words(message);
  const part = /** @type {any[]} */ (message.parts).find((one) => one.type === "call" || one.type === "voice");
  const reactions = Object.entries(message.reactions ?? {});
  const open = (/** @type {{ x: number, y: number }} */ at) => hands.menu(message, at);
  /** @param {MouseEvent} event */
  const button = (event) => {
    const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    open({ x: mine ? box.left : box.right, y: box.bottom });
  };
  return html`<li class=${`m${mine ? " me" : ""}${joined ? " joined" : ""}`} data-id=${message.id} data-n=${message.n}>
    <div class="line">
      <div class="bubble" ...${pressing(open)}>
        ${named && !mine ? html`<b class="by" data-by=${message.sender.kind}>${message.sender.name}<span class="sr">: </span></b>` : html`<span class="sr">${mine ? "You" : message.sender.name}: </span>`}
        ${part?.type === "voice" ? html`<${VoiceNote} part=${part} mine=${mine} name=${message.sender.name} />` : part ? html`<${CallEntry} part=${part} me=${me} />` : text ? html`<${Said} text=${text} />` : html`<em class="gone">${message.status === "deleted" ? "Deleted" : "Nothing arrived"}</em>`}
        ${mine
          ? html`<span class="stamp num">${message.edited ? html`<span>edited</span>` : null}<time dateTime=${new Date(message.at).toISOString()}>${time(message.at)}</time>${icon(read ? "checks" : "check", "s")}<span class="sr">${read ? "read" : "sent"}</span></span>`
          : null}
        ${reactions.length ? html`<span class="reactions">${reactions.map(([who, one]) => html`<span key=${who} title=${who === me ? "You" : nameIn(message.room, who)}>${one}</span>`)}</span>` : null}
      </div>
      <button type="button" class="icon dots" aria-label=${`More about ${mine ? "your message" : `${message.sender.name}'s message`} of ${time(message.at)}`} aria-haspopup="menu" onClick=${button}>${icon("more")}</button>
    </div>
    <${Meta} message=${message} mine=${mine} newest=${newest} busy=${busy} hands=${hands} />
  </li>`;
}

const MISSED = new Set(["never_connected", "at_capacity", "failed"]);

/** What a call leaves in its room; who called can hear what was recorded of it.
 * @param {{ part: { kind: string, reason: string, seconds: number, cost_microcredits: number, person?: string, recordings?: string[] }, me: string }} props */
function CallEntry({ part, me }) {
  const missed = MISSED.has(part.reason) && !part.seconds;
  const cost = part.cost_microcredits ? `, ${credits(part.cost_microcredits)} credits` : "";
  return html`<span class="call-entry" data-call-entry><span class=${`round${missed ? " missed" : ""}`}>${icon(part.kind === "video" ? "camera" : "call")}</span>
    <span><b>${part.kind === "video" ? "Video call" : "Voice call"}</b><small class="num">${missed ? "Not connected" : `${clock(part.seconds)}${cost}`}</small></span>
    ${part.person === me ? (part.recordings ?? []).map((id) => html`<${PlayRecording} key=${id} id=${id} label="Play the recording of this call" />`) : null}</span>`;
}

/** @param {{ message: Message, mine: boolean, newest: boolean, busy: boolean, hands: Hands }} props */
function Meta({ message, mine, newest, busy, hands }) {
  const others = message.alternatives && message.alternatives.ids.length > 1 ? message.alternatives : null;
  const ended = ENDED[message.status];
  const paid = !mine && message.receipt;
  const offer = message.sender.kind === "companion" && newest && message.parent && !busy;
  const staff = message.by_staff;
  if (!others && !ended && !paid && !offer && !staff) return null;
  return html`<div class=${`meta${ended ? " ended" : ""}`}>
    ${ended ? html`<span class="why">${ended}</span>` : null}
    ${staff ? html`<span class="by-staff">${icon("people", "s")} Written by a person of the service</span>` : null}
    ${paid ? html`<button type="button" class="link quiet num" onClick=${() => hands.receipt(/** @type {string} */ (message.receipt))} title="Receipt">${credits(message.cost_microcredits)} credits</button>` : null}
    ${!mine && message.memories.length ? html`<button type="button" class="link quiet" onClick=${() => hands.receipt(/** @type {string} */ (message.receipt))}>${message.memories.length} ${message.memories.length === 1 ? "memory" : "memories"} used</button>` : null}
    ${others ? html`<${Walk} message=${message} others=${others} busy=${busy} />` : null}
    ${offer && message.continuable ? html`<button type="button" class="link" onClick=${() => carryOn(message.room, message.id)}>Continue</button>` : null}
    ${offer ? html`<button type="button" class="turn" aria-label="Answer again" title="Answer again" onClick=${() => again(message.room, message.id)}>${icon("again", "s")}</button>` : null}
  </div>`;
}

/** Walking the alternatives of a message. @param {{ message: Message, others: { index: number, ids: string[] }, busy: boolean }} props */
function Walk({ message, others, busy }) {
  const { index, ids } = others;
  const to = (/** @type {number} */ at) => walk(message.room, ids[at - 1]);
  return html`<span class="walk" role="group" aria-label="Alternatives">
    <button type="button" class="turn" aria-label="Earlier alternative" disabled=${busy || index <= 1} onClick=${() => to(index - 1)}>${icon("left", "s")}</button>
    <span class="num" data-walk>${index}/${ids.length}</span>
    <button type="button" class="turn" aria-label="Later alternative" disabled=${busy || index >= ids.length} onClick=${() => to(index + 1)}>${icon("right", "s")}</button>
  </span>`;
}

/** A reply while it is being written: dots, then words and a caret, and what it costs so far.
 * @param {{ room: string, name: string }} props */
export function Writing({ room, name }) {
  const reply = replyOf(room);
  if (!reply) return null;
  const who = nameIn(room, reply.companion) || name;
  const share = reply.ceiling ? Math.min(1, reply.cost / reply.ceiling) : 0;
  return html`<li class="m writing" data-id=${reply.id} data-writing>
    <div class="line"><div class="bubble" aria-hidden="true">
      ${several(roomOf(room)) ? html`<b class="by" data-by="companion">${who}</b>` : null}
      ${reply.missing ? html`<span class="soft">… </span>` : null}
      ${reply.length
        ? html`<${Said} text=${reply.text} /><i class="caret"></i>`
        : html`<span class="waiting"><i></i><i></i><i></i></span>`}
    </div></div>
    <span class="sr">${who} is writing</span>
    ${reply.ceiling ? html`<div class="running" aria-hidden="true">
      <span class="bar"><i style=${{ "--share": share }}></i></span>
      <span class="num"><b data-running>${credits(reply.cost, { least: 3 })}</b> of at most ${credits(reply.ceiling, { least: 3 })} credits</span>
    </div>` : null}
  </li>`;
}

/** What a person said or asked that the server has not carried out yet. @param {{ pending: Pending }} props */
export function Unsent({ pending }) {
  const failed = pending.state === "failed";
  return html`<li class=${`m me unsent${failed ? " failed" : ""}`} data-key=${pending.key}>
    <div class="line"><div class="bubble"><span class="sr">You: </span><${Said} text=${pending.text} />
      <span class="stamp num"><time>${time(pending.at)}</time>${icon(failed ? "warn" : "clock", "s")}<span class="sr">${failed ? "not sent" : "waiting to be sent"}</span></span></div></div>
    ${failed ? html`<div class="meta bad" role="alert"><span>${pending.fault?.message ?? "It was not sent."}</span>${fixes(pending)}</div>` : null}
    ${!failed && link.value !== "ready" ? html`<div class="meta"><span>Goes out when you are back online</span><button type="button" class="link quiet" onClick=${() => discard(pending.key)}>Delete</button></div>` : null}
  </li>`;
}

/** @param {Pending} pending */
function fixes(pending) {
  const broke = pending.fault?.code === "out_of_credits" || pending.fault?.code === "ceiling_reached";
  const plan = pending.fault?.code === "plan_required";
  const mend = () => {
    discard(pending.key);
    if (pending.kind === "edit" && pending.target) editAgain(pending.room, pending.target, pending.text);
    else send(pending.room, pending.text);
  };
  // A refusal is kept under its key, so that trying again needs a new one; a lost answer keeps it.
  const same = ["lost", "unreachable", "timeout", "internal", "unavailable"].includes(pending.fault?.code ?? "");
  return html`${broke || plan ? html`<a class="link" href="/wallet">${plan ? "See plans" : "Open the wallet"}</a>` : null}
    <button type="button" class="link" onClick=${() => (same ? retry(pending.key) : mend())}>Try again</button>
    <button type="button" class="link quiet" onClick=${() => discard(pending.key)}>Delete</button>`;
}

const WHY = /** @type {Record<string, string>} */ ({
  model_busy: "The model is busy just now.", model_timeout: "The model took too long.", model_refused: "The model refused to answer.",
  model_unavailable: "The model cannot be reached.", model_length: "The conversation no longer fits the model.",
});

/** A reply of which nothing arrived. @param {{ room: string, failure: import("../store.js").Failure, name: string }} props */
export function Failed({ room, failure, name }) {
  const why = WHY[failure.code ?? ""] ?? (failure.status === "moderated" ? "The reply was withheld by the rules." : failure.status === "out_of_credits" ? "There are not enough credits for a reply." : "");
  const stopped = failure.status === "interrupted";
  const what = stopped ? "Stopped before the first word." : `${name}'s reply did not arrive. ${why}`;
  return html`<li class=${`m failure${stopped ? " calm" : ""}`} role=${stopped ? "status" : "alert"}><div class="trouble">${icon(stopped ? "stop" : "warn", "s")}
    <span>${what} Nothing was charged.</span>
    ${failure.parent && !replying(room) ? html`<button type="button" class="link" onClick=${() => again(room, /** @type {string} */ (failure.parent))}>Try again</button>` : null}
    ${failure.status === "out_of_credits" ? html`<a class="link" href="/wallet">Open the wallet</a>` : null}</div></li>`;
}

/** Something the house says: that this is an AI, a pause, help. @param {{ note: Note }} props */
export function Notice({ note }) {
  const urgent = note.kind === "crisis" || note.kind === "safety";
  return html`<li class=${`notice ${note.kind}`} role=${urgent ? "note" : undefined}>
    ${urgent ? html`<b class="head">${icon("heart", "s")}${note.kind === "crisis" ? "You are not alone" : "About your safety"}</b>` : null}
    <p>${note.text}</p>
    ${note.links.length ? html`<p class="links">${note.links.map((one) => html`<a key=${one.href} class=${urgent ? "btn" : ""} href=${one.href} target=${one.href.startsWith("http") ? "_blank" : undefined} rel="noopener">${one.label}</a>`)}</p>` : null}
  </li>`;
}
