/** Voice notes as one sees them: the strip while one records, and the note in the conversation. */
import { clock } from "../calls/told.js";
import { helpFor } from "../calls/help.js";
import { meta } from "../live.js";
import { Dialog } from "../parts.js";
import { agreeToNotes, begin, discard, finish, note, records } from "../recording.js";
import { faster, noteSound, playing, seek, speed, toggle } from "../sounds.js";
import { toast } from "../toast.js";
import { html, icon, useEffect, useState } from "../ui.js";

/** Whether a microphone stands beside the words here. */
export function offersNotes() {
  return records() && meta.value?.voice_notes === true;
}

/** @param {{ id: string }} props */
export function RecordButton({ id }) {
  return html`<button type="button" class="go mic" key="mic" aria-label="Record a voice note" title="Record a voice note" data-record
    onClick=${() => void begin(id, meta.value?.voice_note_seconds ?? 300)}>${icon("mic")}</button>`;
}

/** In place of the composer while a note is in hand. @param {{ id: string }} props */
export function Recorder({ id }) {
  const now = note.value;
  const [, beat] = useState(0);
  const recording = now?.phase === "recording";
  useEffect(() => {
    if (!recording) return undefined;
    const timer = setInterval(() => beat((n) => n + 1), 250);
    return () => clearInterval(timer);
  }, [recording]);
  useEffect(() => {
    const keys = (/** @type {KeyboardEvent} */ event) => { if (event.key === "Escape" && note.peek()) { event.preventDefault(); void discard(); } };
    addEventListener("keydown", keys, true);
    return () => removeEventListener("keydown", keys, true);
  }, []);
  useEffect(() => () => { if (note.peek()?.room === id) void discard(); }, [id]);
  if (!now || now.room !== id) return null;
  if (now.phase === "failed") return html`<${Failed} now=${now} />`;
  const seconds = recording ? (performance.now() - now.startedAt) / 1000 : 0;
  const most = meta.value?.voice_note_seconds ?? 300;
  return html`<div class="composer recorder" data-recorder=${now.phase}>
    <button type="button" class="icon" aria-label="Throw the note away" onClick=${() => void discard()}>${icon("trash")}</button>
    <span class="rec-dot" aria-hidden="true"></span>
    <time class="num" role="timer" aria-label="Recorded">${clock(seconds)}</time>
    <span class="bars live" aria-hidden="true">${now.bars.map((bar, i) => html`<i key=${i} style=${{ "--bar": bar / 100 }}></i>`)}</span>
    ${recording && most - seconds < 15 ? html`<span class="num left" role="status">${Math.ceil(most - seconds)} s left</span>` : null}
    <span class="sr" role="status">${now.phase === "sending" ? "Sending the voice note" : now.phase === "asking" ? "Asking for the microphone" : "Recording"}</span>
    <button type="button" class="go" aria-label="Send the voice note" title="Send" disabled=${!recording} onClick=${() => void finish()}>${now.phase === "sending" ? html`<i class="spin"></i>` : icon("send")}</button>
  </div>`;
}

/** @param {{ now: import("../recording.js").Note }} props */
function Failed({ now }) {
  if (now.code === "consent_needed") return html`<${Consent} />`;
  if (now.trouble) {
    const help = helpFor(/** @type {any} */ (now.trouble), { agent: navigator.userAgent, host: location.host });
    return html`<${Dialog} title=${help.title} onClose=${discard}><p>${help.text}</p><ol class="steps">${help.steps.map((one) => html`<li key=${one}>${one}</li>`)}</ol>
      <div class="acts"><button type="button" class="btn p" onClick=${() => void begin(now.room, meta.value?.voice_note_seconds ?? 300)}>Try again</button></div></${Dialog}>`;
  }
  return html`<div class="composer recorder bad" role="alert" data-recorder="failed"><button type="button" class="icon" aria-label="Throw the note away" onClick=${() => void discard()}>${icon("trash")}</button>
    <span class="why-not">${now.fault}</span><button type="button" class="btn" onClick=${() => void finish()}>Send again</button></div>`;
}

/** Sound is kept only by who agreed to it; asked once, before the first note leaves. */
function Consent() {
  const agree = () => agreeToNotes().then(finish, (error) => toast(error.message));
  return html`<${Dialog} title="May we keep your voice notes?" onClose=${discard}>
    <p>A voice note is turned into words by this server, and kept, sealed, so that you can hear it again. Your companion answers the words.</p>
    <p class="soft">You can delete every note, and take this back, in the settings. What you said in writing stays as it is.</p>
    <div class="acts"><button type="button" class="btn line" onClick=${() => void discard()}>No, throw it away</button><button type="button" class="btn p" onClick=${agree}>Yes, send it</button></div>
  </${Dialog}>`;
}

/** A note in the conversation. @param {{ part: { recording: string, ms: number, waveform: number[], transcript: string }, mine: boolean, name: string }} props */
export function VoiceNote({ part, mine, name }) {
  const now = playing.value?.id === part.recording ? playing.value : null;
  const sounding = now !== null && !now.paused;
  const press = () => { toggle(part.recording, () => noteSound(part.recording)).catch((error) => toast(error.status === 404 ? "This recording was deleted. Its words are still here." : error.message)); };
  const at = now?.at ?? 0;
  const seconds = part.ms / 1000;
  /** @param {KeyboardEvent} event */
  const keys = (event) => {
    const step = { ArrowRight: 0.05, ArrowLeft: -0.05 }[event.key];
    if (step) { event.preventDefault(); seek(part.recording, Math.max(0, Math.min(0.99, at + step))); }
  };
  /** @param {MouseEvent} event */
  const point = (event) => {
    const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    const from = getComputedStyle(/** @type {HTMLElement} */ (event.currentTarget)).direction === "rtl" ? box.right - event.clientX : event.clientX - box.left;
    if (now) seek(part.recording, Math.max(0, Math.min(0.99, from / box.width)));
    else press();
  };
  return html`<span class="voice-note" data-voice-note>
    <button type="button" class="round" aria-label=${sounding ? "Pause" : `Play ${mine ? "your" : `${name}'s`} voice note, ${clock(seconds)}`} onClick=${press}>${now?.loading ? html`<i class="spin"></i>` : icon(sounding ? "pause" : "play")}</button>
    <span class="bars" role="slider" tabindex="0" aria-label="Where it stands" aria-valuemin="0" aria-valuemax=${Math.round(seconds)} aria-valuenow=${Math.round(at * seconds)} aria-valuetext=${`${clock(at * seconds)} of ${clock(seconds)}`} onKeyDown=${keys} onClick=${point}>
      ${part.waveform.map((bar, i) => html`<i key=${i} class=${(i + 0.5) / part.waveform.length <= at ? "done" : ""} style=${{ "--bar": bar / 100 }}></i>`)}</span>
    ${now ? html`<button type="button" class="pace num" aria-label=${`Speed ${speed.value}, change it`} onClick=${faster}>${speed.value}×</button>` : html`<span class="num long">${clock(seconds)}</span>`}
    ${part.transcript ? html`<span class="said transcript" dir="auto">${part.transcript}</span>` : null}
  </span>`;
}
