/** Where one writes: drafts, sending and stopping in one place, editing what was said. */
import { ceilingOf, edit, send, stop, typing } from "../actions.js";
import { api } from "../api.js";
import { credits, words } from "../format.js";
import * as disk from "../keep.js";
import { link, logOf, meta, replying, roomOf, stopping } from "../live.js";
import { note } from "../recording.js";
import { html, icon, useEffect, useLayoutEffect, useRef, useState } from "../ui.js";
import { offersNotes, RecordButton, Recorder } from "./voice_note.js";

/** @typedef {import("../../types.d.ts").Message} Message */

const DRAFT_MS = 300;
const NEARLY_FULL = 0.9;
const touch = matchMedia("(hover: none) and (pointer: coarse)");

/**
 * @param {{ id: string, me: string, name: string, editing: Message | null, onEdit: (message: Message | null) => void }} props
 */
export function Composer({ id, me, name, editing, onEdit }) {
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const [text, setText] = useState("");
  const busy = Boolean(replying(id));
  const halting = busy && stopping(id);
  const most = meta.value?.message_characters ?? 8000;
  useDraft(id, text, setText, editing);
  useLayoutEffect(() => { if (area.current) fit(area.current); }, [text]);
  useEffect(() => {
    if (editing) setText(words(editing));
    if (editing || !touch.matches) area.current?.focus();
  }, [editing?.id, id]);
  const submit = () => {
    const said = text.trim();
    if (!said || said.length > most) return;
    if (editing) edit(id, editing.id, said);
    else send(id, said);
    setText("");
    if (!editing) void disk.keepDraft(id, "");
    onEdit(null);
    area.current?.focus();
  };
  /** @param {KeyboardEvent} event */
  const keys = (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey && !touch.matches) {
      event.preventDefault();
      submit();
    } else if (event.key === "Escape" && editing) {
      event.preventDefault();
      event.stopPropagation();
      setText("");
      onEdit(null);
    } else if (event.key === "ArrowUp" && !text && !busy) {
      const last = logOf(id)?.items.findLast((one) => one.sender.id === me);
      if (last) { event.preventDefault(); onEdit(last); }
    }
  };
  const ready = text.trim().length > 0 && text.length <= most;
  return html`<div class="foot">
    ${editing ? html`<p class="editing">${icon("edit", "s")}<span>Editing your message. The old one is kept beside it.</span><button type="button" class="link" onClick=${() => { setText(""); onEdit(null); }}>Cancel</button></p>` : null}
    <${Recorder} id=${id} />
    ${note.value?.room === id && !note.value.trouble ? null : html`<form class="composer" onSubmit=${(/** @type {Event} */ e) => { e.preventDefault(); submit(); }}>
      <textarea ref=${area} rows="1" aria-label=${`Message ${name}`} placeholder=${`Message ${name}`} enterkeyhint=${touch.matches ? "enter" : "send"} dir="auto" value=${text}
        onKeyDown=${keys} onInput=${(/** @type {{ currentTarget: HTMLTextAreaElement }} */ e) => { setText(e.currentTarget.value); if (e.currentTarget.value) typing(id); }}></textarea>
      ${busy && !ready
        ? html`<button type="button" class="go stop" key="stop" disabled=${halting} aria-label="Stop the reply" title="Stop (Esc)" onClick=${() => stop(id)}>${icon("stop")}</button>`
        : !text && !editing && offersNotes() ? html`<${RecordButton} id=${id} />`
        : html`<button class="go" key="send" disabled=${!ready} aria-label=${editing ? "Save and answer again" : "Send"} title="Send (Enter)">${icon(editing ? "check" : "send")}</button>`}
    </form>`}
    <${Hint} id=${id} busy=${busy} length=${text.length} most=${most} />
  </div>`;
}

/** Below the composer: the keys, and the most the next reply can cost. @param {{ id: string, busy: boolean, length: number, most: number }} props */
function Hint({ id, busy, length, most }) {
  const tokens = usePromptTokens(id, busy);
  const ceiling = ceilingOf(id, tokens);
  const full = length > most * NEARLY_FULL;
  return html`<p class="hint">
    <span class="keys">${busy ? "Esc stops. Sending now interrupts." : "Enter to send, Shift+Enter for a new line"}</span>
    ${full ? html`<span class=${`num${length > most ? " over" : ""}`}>${length} of ${most} characters</span>` : null}
    <span class="price num" data-price>${ceiling && !busy ? `Next reply: at most ${credits(ceiling)} credits` : "You pay only for what arrives"}</span>
  </p>`;
}

/** How long the prompt of the next reply is. Asked when a room is opened, and after each reply that brought no count.
 * @param {string} id @param {boolean} busy */
function usePromptTokens(id, busy) {
  const [tokens, setTokens] = useState(0);
  const head = roomOf(id)?.head;
  const known = Boolean(logOf(id)?.items.at(-1)?.usage);
  useEffect(() => {
    if (busy || known || link.peek() !== "ready") return undefined;
    const gone = new AbortController();
    api("GET", `rooms/${id}/prompt`, { signal: gone.signal }).then((view) => setTokens(view.input_tokens), () => undefined);
    return () => gone.abort();
  }, [id, head, busy, link.value === "ready"]);
  return tokens;
}

/** The draft of a room: read once, kept a moment after the last key. What is being edited is no draft.
 * @param {string} id @param {string} text @param {(text: string) => void} setText @param {Message | null} editing */
function useDraft(id, text, setText, editing) {
  const read = useRef(false);
  useEffect(() => {
    let current = true;
    disk.draft(id).then((kept) => {
      if (!current) return;
      read.current = true;
      if (kept) setText(kept);
    });
    return () => { current = false; };
  }, [id]);
  useEffect(() => {
    if (!read.current || editing) return undefined;
    const timer = setTimeout(() => void disk.keepDraft(id, text), DRAFT_MS);
    return () => clearTimeout(timer);
  }, [id, text]);
}

/** Grow with the words, to six lines. @param {HTMLTextAreaElement} area */
function fit(area) {
  area.style.blockSize = "auto";
  area.style.blockSize = `${Math.min(area.scrollHeight, 164)}px`;
}
