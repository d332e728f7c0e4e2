/** One's voice notes: hear them, delete them, know what is kept and for how long, and take the yes back. */
import { api } from "../api.js";
import { clock } from "../calls/told.js";
import { date, time } from "../format.js";
import { meta, roomOf } from "../live.js";
import { Dialog, Fault, useLoaded } from "../parts.js";
import { Shell } from "../shell.js";
import { noteSound, playing, stop, toggle } from "../sounds.js";
import { toast } from "../toast.js";
import { html, icon, useEffect, useState } from "../ui.js";

/** @typedef {{ id: string, kind: string, ms: number, bytes: number, transcript: string, room: string | null, message: string | null, at: number }} Note */

const PAGE = 20;
const MEGABYTE = 1_000_000;

export function VoiceNotes() {
  useEffect(() => { document.title = "Voice notes · Kindred"; return stop; }, []);
  const { notes, more, fault, loading, load, gone } = useNotes();
  const [asking, setAsking] = useState(/** @type {Note | "all" | null} */ (null));
  const erase = async () => {
    const which = asking === "all" ? notes : asking ? [asking] : [];
    setAsking(null);
    stop();
    for (const one of which) {
      try {
        await api("DELETE", `media/recordings/${one.id}`);
      } catch (error) {
        if (/** @type {any} */ (error).status !== 404) return void toast(/** @type {Error} */ (error).message);
      }
      gone(one.id);
    }
    toast(which.length === 1 ? "The voice note is deleted." : `${which.length} voice notes are deleted.`);
  };
  return html`<${Shell}><main class="page settings" id="main" tabindex="-1">
    <header class="head below"><a class="icon" href="/settings" aria-label="Back to the settings">${icon("back")}</a><h1>Voice notes</h1></header>
    <div class="columns"><div><${Kept} notes=${notes} more=${more} onAll=${() => setAsking("all")} /></div>
    <div><section class="card"><h2>Your notes</h2>
      ${fault ? html`<${Fault} text=${fault} act=${load} />` : null}
      <ul class="entries notes">${notes.map((one) => html`<${Row} key=${one.id} note=${one} onErase=${() => setAsking(one)} />`)}</ul>
      ${!notes.length && !loading && !fault ? html`<p class="soft">No voice notes are kept. Hold a conversation by voice with the microphone beside the text field.</p>` : null}
      ${loading && !notes.length ? html`<div class="bone receipt-bone" aria-busy="true"></div>` : null}
      ${more ? html`<button type="button" class="btn line wide" disabled=${loading} onClick=${load}>Show more</button>` : null}
    </section></div></div>
    ${asking ? html`<${Dialog} title=${asking === "all" ? `Delete ${notes.length} voice notes?` : "Delete this voice note?"} onClose=${() => setAsking(null)}>
      <p>The sound is erased for good. What was said stays in the chat as text.</p>
      <div class="acts"><button type="button" class="btn line" onClick=${() => setAsking(null)}>Keep</button><button type="button" class="btn danger p" onClick=${erase}>Delete</button></div></${Dialog}>` : null}
  </main></${Shell}>`;
}

/** The notes that were read so far, page by page; recordings of calls have a place of their own. */
function useNotes() {
  const [notes, setNotes] = useState(/** @type {Note[]} */ ([]));
  const [read, setRead] = useState(0);
  const [more, setMore] = useState(false);
  const [fault, setFault] = useState("");
  const [loading, setLoading] = useState(true);
  const load = async () => {
    setLoading(true);
    setFault("");
    try {
      const page = await api("GET", `media/recordings?limit=${PAGE}&offset=${read}`);
      setNotes((known) => [...known, ...page.items.filter((/** @type {Note} */ one) => one.kind === "voice_note" && !known.some((old) => old.id === one.id))]);
      setRead((count) => count + page.items.length);
      setMore(page.has_more);
    } catch (error) {
      setFault(/** @type {Error} */ (error).message);
    }
    setLoading(false);
  };
  useEffect(() => { void load(); }, []);
  const gone = (/** @type {string} */ id) => {
    setNotes((known) => known.filter((one) => one.id !== id));
    setRead((count) => Math.max(0, count - 1));
  };
  return { notes, more, fault, loading, load, gone };
}

/** What is kept how long, how much it is, and the consent. @param {{ notes: Note[], more: boolean, onAll: () => void }} props */
function Kept({ notes, more, onAll }) {
  const consents = useLoaded(() => api("GET", "privacy/consents"), []);
  const given = Boolean((consents.value?.items ?? []).findLast((/** @type {any} */ one) => one.purpose === "voice_notes")?.granted);
  const bytes = notes.reduce((sum, one) => sum + one.bytes, 0);
  /** @param {boolean} granted */
  const agree = async (granted) => {
    const before = consents.value;
    // Shown from the press on: what is drawn meanwhile must not turn it back.
    consents.set({ items: [...before.items, { purpose: "voice_notes", granted }] });
    try {
      await api("POST", "privacy/consents", { body: { purpose: "voice_notes", granted } });
      toast(granted ? "Voice notes are kept again." : "No further voice note is kept.");
    } catch (error) {
      consents.set(before);
      toast(/** @type {Error} */ (error).message);
    }
    consents.reload();
  };
  return html`<section class="card"><h2>What is kept</h2>
    <dl class="facts kept">
      <dt>Sound</dt><dd>Sealed on this server, until you delete it or close your account.</dd>
      <dt>Words</dt><dd>In the chat, as if you had written them; they stay when the sound goes.</dd>
      <dt>Never sent</dt><dd>Erased after a day.</dd>
      <dt>Who hears it</dt><dd>You, and whoever is in the chat it was sent to.</dd>
      <dt>Now</dt><dd class="num" data-kept>${more ? "At least " : ""}${notes.length} ${notes.length === 1 ? "note" : "notes"}, ${(bytes / MEGABYTE).toFixed(1)} MB</dd></dl>
    ${consents.value ? html`<label class="switch"><span>Keep my voice notes<small>${given ? "Switched off, no further note can be sent; what is kept stays until you delete it." : "Needed to send voice notes."}</small></span><input type="checkbox" checked=${given} onChange=${(/** @type {{ currentTarget: HTMLInputElement }} */ e) => agree(e.currentTarget.checked)} /></label>` : null}
    ${meta.value?.voice_notes === false ? html`<p class="soft small">This server takes no voice notes at present.</p>` : null}
    ${notes.length > 1 && !more ? html`<button type="button" class="btn danger line wide" onClick=${onAll}>Delete all of them</button>` : null}
  </section>`;
}

/** @param {{ note: Note, onErase: () => void }} props */
function Row({ note, onErase }) {
  const now = playing.value?.id === note.id ? playing.value : null;
  const sounding = now !== null && !now.paused;
  const at = `${date(note.at)}, ${time(note.at)}`;
  const press = () => { toggle(note.id, () => noteSound(note.id)).catch((error) => toast(error.status === 404 ? "This note was deleted." : error.message)); };
  const title = note.room ? roomOf(note.room)?.title ?? "A chat" : "Not sent";
  return html`<li data-note=${note.id}><div>
    <button type="button" class="icon" aria-label=${`${sounding ? "Pause" : "Play"} the note of ${at}`} onClick=${press}>${now?.loading ? html`<i class="spin"></i>` : icon(sounding ? "pause" : "play")}</button>
    <span class="note-words"><b>${note.room ? html`<a href=${`/chats/${note.room}`}>${title}</a>` : title}</b><small class="num">${at} · ${clock(note.ms / 1000)}</small><small dir="auto">${note.transcript}</small></span>
    <button type="button" class="icon" aria-label=${`Delete the note of ${at}`} onClick=${onErase}>${icon("trash")}</button></div></li>`;
}
