/** One conversation: who it is with, what to know just now, what was said, and where one writes. */
import { again, carryOn, closeRoom, openRoom, react, stop } from "../actions.js";
import { api } from "../api.js";
import { peopleOf, several } from "../company.js";
import { words } from "../format.js";
import { announcement, begun, broke, demo, happen, link, logOf, low, outbox, me, present, replying, roomOf, typingIn } from "../live.js";
import { Avatar, Balance, Fault, Menu } from "../parts.js";
import { ring } from "../ring.js";
import { RecordingBanner } from "../recorded.js";
import { faceOf } from "../shell.js";
import { playing, spoken, stop as hush, toggle } from "../sounds.js";
import { toast } from "../toast.js";
import { Fragment, html, icon, useEffect, useState } from "../ui.js";
import { Composer } from "./composer.js";
import { PromptDialog, ReceiptDialog, ReportDialog } from "./dialogs.js";
import { Log } from "./log.js";

/** @typedef {import("../../types.d.ts").Message} Message */

const AWAY_MS = 1500;

/** @param {{ id: string, onPanel: () => void, panel: boolean }} props */
export function Conversation({ id, onPanel, panel }) {
  const room = roomOf(id);
  const [fault, setFault] = useState("");
  const [editing, setEditing] = useState(/** @type {Message | null} */ (null));
  const [window_, open] = useState(/** @type {{ kind: "receipt" | "report" | "menu" | "prompt", id?: string, message?: Message, at?: { x: number, y: number } } | null} */ (null));
  const face = room ? faceOf(room) : undefined;
  const mine = me.value;
  const name = (several(room) ? room?.title : face?.name ?? room?.title) ?? "";
  const load = () => { setFault(""); openRoom(id).catch((error) => setFault(error.message)); };
  useEffect(() => { load(); return closeRoom; }, [id]);
  useEffect(() => { if (name) document.title = `${name} · Kindred`; }, [name]);
  useEscape(id);
  const close = () => open(null);
  /** @type {import("./bubble.js").Hands} */
  const hands = {
    edit: setEditing,
    receipt: (receipt) => open({ kind: "receipt", id: receipt }),
    menu: (message, at) => open({ kind: "menu", message, at }),
  };
  return html`<main class="room hue" id="main" tabindex="-1" style=${{ "--h": face?.hue ?? 195 }}>
    <header class="top">
      <a class="icon back" href="/chats" aria-label="Back to chats">${icon("back")}</a>
      <button type="button" class="who" onClick=${onPanel} aria-expanded=${panel ? "true" : "false"} aria-label=${`About ${name}`}>
        <${Avatar} name=${name} src=${face?.portrait} size="s44" alive=${face?.id} />
        <span class="names"><h1>${name || " "}</h1><${Presence} id=${id} /></span>
      </button>
      ${demo.value ? html`<span class="badge warn demo" title="This server answers with a small demonstration model">Demo model</span>` : null}
      ${room && room.status === "active" && face ? html`<${Call} id=${id} name=${face.name} />` : null}
      <${Balance} />
      <button type="button" class="icon about" aria-label="About this chat" aria-expanded=${panel ? "true" : "false"} onClick=${onPanel}>${icon("info")}</button>
    </header>
    <div class="banners"><${RecordingBanner} room=${id} /><${Banners} /></div>
    ${fault && !logOf(id)?.loaded && !outbox.value.some((one) => one.room === id) ? html`<${Fault} text=${fault} act=${load} />` : html`<${Log} id=${id} key=${id} me=${mine} name=${name} hands=${hands} />`}
    <${Composer} id=${id} me=${mine} name=${name} editing=${editing} onEdit=${setEditing} />
    <${Announcer} />
    ${window_?.kind === "receipt" ? html`<${ReceiptDialog} id=${window_.id} onClose=${close} />` : null}
    ${window_?.kind === "prompt" ? html`<${PromptDialog} room=${id} onClose=${close} />` : null}
    ${window_?.kind === "report" && window_.message ? html`<${ReportDialog} message=${window_.message} onClose=${close} />` : null}
    ${window_?.kind === "menu" && window_.message ? html`<${MessageMenu} message=${window_.message} at=${window_.at} me=${mine} hands=${hands} onClose=${close} onReport=${(/** @type {Message} */ message) => open({ kind: "report", message })} onPrompt=${() => open({ kind: "prompt" })} />` : null}
  </main>`;
}

/** @param {{ id: string, name: string }} props */
function Call({ id, name }) {
  return html`<button type="button" class="icon" aria-label=${`Call ${name}`} title=${`Call ${name}`} data-call onClick=${() => ring(id, "voice")}>${icon("call")}</button>
    <button type="button" class="icon wide-only" aria-label=${`Video call with ${name}`} title=${`Video call with ${name}`} onClick=${() => ring(id, "video")}>${icon("camera")}</button>`;
}

/** A finished reply is said once to those who listen; apart, so that nothing else touches it. */
function Announcer() {
  return html`<div class="sr" role="status" aria-live="polite" data-announced>${announcement.value}</div>`;
}

/** What the companion does now; that it is an AI always stands there. @param {{ id: string }} props */
function Presence({ id }) {
  const room = roomOf(id);
  const typed = typingIn(id);
  const now = replying(id) ? (begun(id) ? "Writing" : "Thinking") : typed ? `${typed.name} writes` : link.value === "ready" ? "Here" : "Away";
  if (room && peopleOf(room, me.value).length > 1) {
    const here = peopleOf(room, me.value).filter((one) => one.id === me.value || present.value[one.id] === "online").length;
    return html`<span class="now"><i class=${`dot${link.value === "ready" ? "" : " off"}`}></i><span data-presence>${now === "Here" ? `${here} of ${peopleOf(room, me.value).length} people here` : now}</span> · <b>with AI</b></span>`;
  }
  return html`<span class="now"><i class=${`dot${link.value === "ready" ? "" : " off"}`}></i><span data-presence>${now}</span> · <b>AI companion</b></span>`;
}

/** Esc stops the reply, unless something else is open that Esc closes. @param {string} id */
function useEscape(id) {
  useEffect(() => {
    const keys = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open], [popover]:popover-open")) return;
      if (replying(id)) { event.preventDefault(); void stop(id); }
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, [id]);
}

/** What to know just now, above the messages and never over them. */
function Banners() {
  const [gone, setGone] = useState(false);
  const online = link.value === "ready";
  useEffect(() => {
    if (online) { setGone(false); return undefined; }
    const timer = setTimeout(() => setGone(true), navigator.onLine ? AWAY_MS : 0);
    return () => clearTimeout(timer);
  }, [online]);
  const dismiss = (/** @type {"low" | "broke"} */ what) => happen({ type: "local.dismissed", what });
  const empty = broke.value;
  return html`<${Fragment}>
    ${gone ? html`<div class="banner" role="status">${icon("offline", "s")}<span>You are offline. You can read and write; what you send goes out by itself.</span></div>` : null}
    ${empty ? html`<div class="banner danger" role="alert"><b>${empty.code === "ceiling_reached" ? "Your ceiling is reached" : "Out of credits"}</b><span>${empty.message}</span><a href="/wallet">${empty.code === "ceiling_reached" ? "Change the ceiling" : "See when credits come"}</a><button type="button" class="icon" aria-label="Dismiss" onClick=${() => dismiss("broke")}>${icon("close", "s")}</button></div>`
      : low.value ? html`<div class="banner warn" role="status"><span class="coin" aria-hidden="true"></span><span>${low.value}</span><a href="/wallet">Wallet</a><button type="button" class="icon" aria-label="Dismiss" onClick=${() => dismiss("low")}>${icon("close", "s")}</button></div>` : null}
  </${Fragment}>`;
}

/** Erase a note's sound; its words stay. @param {string} recording */
function eraseNote(recording) {
  api("DELETE", `media/recordings/${recording}`).then(() => toast("The recording is deleted. Its words stay."), (error) => toast(error.status === 404 ? "It was deleted before." : error.message));
}

/** Read a reply aloud in its companion's voice, or stop. @param {Message} message */
function aloud(message) {
  if (playing.peek()?.id === message.id) return hush();
  toggle(message.id, () => spoken(words(message), message.sender.id)).catch((error) => toast(error.status === 404 ? "Nobody speaks on this server yet." : error.message));
}

/**
 * @param {{ message: Message, at: { x: number, y: number } | undefined, me: string, hands: import("./bubble.js").Hands, onClose: () => void, onReport: (message: Message) => void, onPrompt: () => void }} props
 */
function MessageMenu({ message, at = { x: 0, y: 0 }, me, hands, onClose, onReport, onPrompt }) {
  const mine = message.sender.id === me;
  const free = !replying(message.room);
  const newest = logOf(message.room)?.items.at(-1)?.id === message.id;
  const copy = () => { navigator.clipboard?.writeText(words(message)).then(() => toast("Copied."), () => toast("The browser does not allow copying.")); };
  /** @type {import("../parts.js").Item[]} */
  const items = [{ label: "Copy", icon: "copy", act: copy }];
  if (mine && free) items.push({ label: "Edit", icon: "edit", act: () => hands.edit(message) });
  const reply = message.sender.kind === "companion";
  if (reply && free && message.parent) items.push({ label: "Answer again", icon: "again", act: () => again(message.room, message.id) });
  if (reply && free && newest && message.continuable) items.push({ label: "Continue", icon: "play", act: () => carryOn(message.room, message.id) });
  if (reply && words(message)) items.push({ label: playing.value?.id === message.id ? "Stop speaking" : "Speak aloud", icon: "speaker", act: () => aloud(message) });
  if (reply && message.receipt) items.push({ label: "Receipt", icon: "receipt", act: () => hands.receipt(/** @type {string} */ (message.receipt)) });
  const voice = /** @type {any} */ (message.parts.find((one) => one.type === "voice"));
  if (mine && voice) items.push(null, { label: "Delete the recording", icon: "trash", danger: true, act: () => eraseNote(voice.recording) });
  if (!mine) items.push({ label: "What the model sees", icon: "eye", act: onPrompt }, null, { label: "Report", icon: "flag", danger: true, act: () => onReport(message) });
  const faces = { chosen: message.reactions[me] ?? "", choose: (/** @type {string | null} */ face) => void react(message.room, message.id, face) };
  return html`<${Menu} label="Message" items=${items} at=${at} onClose=${onClose} faces=${faces} />`;
}
