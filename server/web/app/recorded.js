/** Recording of a call: who agrees, the sign that it goes on, and what was kept, wherever one looks. */
import { api } from "./api.js";
import { clock } from "./calls/told.js";
import { ask, callOf, me, meta, roomOf } from "./live.js";
import { Dialog } from "./parts.js";
import { playing, recordedCall, toggle } from "./sounds.js";
import { toast } from "./toast.js";
import { html, icon, useState } from "./ui.js";

/** @typedef {import("./calls/told.js").Told} Told */

/** Say yes or no to it; without the consent to recordings at all, `onAsk` has it asked for.
 * @param {Told} told @param {string} room @param {boolean} on @param {() => void} [onAsk] */
async function say(told, room, on, onAsk) {
  try {
    await ask({ type: "call.record", room, call: told.call, on });
  } catch (error) {
    const fault = /** @type {any} */ (error);
    if (fault.code === "consent_needed" && onAsk) onAsk();
    else toast(fault.message);
  }
}

/** @param {string} room */
function useSaying(room) {
  const [asking, setAsking] = useState(false);
  const told = callOf(room);
  const yes = () => told && say(told, room, true, () => setAsking(true));
  const no = () => told && say(told, room, false);
  const agree = async () => {
    setAsking(false);
    try {
      await api("POST", "privacy/consents", { body: { purpose: "recording", granted: true } });
    } catch (error) {
      toast(/** @type {Error} */ (error).message);
      return;
    }
    await yes();
  };
  const dialog = asking ? html`<${Dialog} title="May this call be recorded?" onClose=${() => setAsking(false)}>
    <p>Both sides are recorded and kept on this server, sealed, until they are deleted. Only who called can hear them, in the room and in the settings.</p>
    <p class="soft">Everybody in the room is asked. Whoever says no, now or later, stops it at once. You can take this back in the settings.</p>
    <div class="acts"><button type="button" class="btn line" onClick=${() => setAsking(false)}>No</button><button type="button" class="btn p" onClick=${agree}>Yes, record</button></div>
  </${Dialog}>` : null;
  return { told, yes, no, dialog };
}

/** In the bar of one's own call. @param {{ room: string }} props */
export function RecordButton({ room }) {
  const { told, yes, no, dialog } = useSaying(room);
  if (!meta.value?.recorded_calls || !told) return null;
  const mine = told.recording.agreed.includes(me.value) || told.recording.state === "on";
  return html`<button type="button" aria-pressed=${mine ? "true" : "false"} title=${mine ? "Stop recording" : "Record this call"} data-record-call onClick=${() => void (mine ? no() : yes())}><span>${icon(mine ? "stop" : "record")}</span>Record</button>${dialog}`;
}

/** That it is recorded, for as long as it is; or who has not answered yet. @param {{ room: string }} props */
export function RecordingSign({ room }) {
  const told = callOf(room);
  if (!told || told.ended || told.recording.state === "off") return null;
  const names = told.recording.missing.map((id) => roomOf(room)?.members.find((one) => one.id === id)?.name ?? "somebody");
  const on = told.recording.state === "on";
  return html`<span class=${`rec-sign${on ? " on" : ""}`} role="status" data-recording=${told.recording.state}><i class="rec-dot" aria-hidden="true"></i>${on ? "Recording" : `Not recorded yet: waiting for ${names.join(", ")}`}</span>`;
}

/** For the others in the room: what is asked of them, and that it goes on. @param {{ room: string }} props */
export function RecordingBanner({ room }) {
  const { told, yes, no, dialog } = useSaying(room);
  if (!told || told.ended || told.person === me.value || told.recording.state === "off") return null;
  const who = roomOf(room)?.members.find((one) => one.id === told.person)?.name ?? "Somebody";
  const on = told.recording.state === "on";
  const waits = told.recording.missing.includes(me.value);
  return html`<div class=${`banner${on ? " danger" : ""}`} role="status" data-recording-asked=${told.recording.state}><i class="rec-dot" aria-hidden="true"></i>
    <span>${on ? `${who}'s call in this room is being recorded.` : waits ? `${who} asks whether the call in this room may be recorded. Your words may be answered in it.` : `${who}'s call is not recorded until everybody agrees.`}</span>
    ${waits ? html`<button type="button" class="btn" onClick=${() => void yes()}>Agree</button>` : html`<button type="button" class="btn" onClick=${() => void no()}>${on ? "Stop it" : "Take it back"}</button>`}${dialog}</div>`;
}

/** A recording's button, in the room and in the settings. @param {{ id: string, label: string }} props */
export function PlayRecording({ id, label }) {
  const now = playing.value?.id === id ? playing.value : null;
  const sounding = now !== null && !now.paused;
  const press = () => { toggle(id, () => recordedCall(id), true).catch((error) => toast(error.status === 404 ? "This recording is not there yet, or was deleted." : error.message)); };
  return html`<button type="button" class="icon" aria-label=${sounding ? "Pause" : label} title=${sounding ? "Pause" : label} data-play-recording=${id} onClick=${press}>${now?.loading ? html`<i class="spin"></i>` : icon(sounding ? "pause" : "play")}</button>`;
}

/** How long it is. @param {number} ms */
export function lengthOf(ms) {
  return clock(ms / 1000);
}
