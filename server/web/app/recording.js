/**
 * A voice note being spoken: recorded by the browser, watched while it is, sent in as one file.
 * What the server makes of it (length, waveform, words) is the server's; this only shows loudness.
 */
import { api } from "./api.js";
import { newKey } from "./actions.js";
import { DeviceFault, microphone } from "./calls/devices.js";
import { Level } from "./calls/level.js";
import { ask } from "./live.js";
import { Problem, token, UNREACHABLE } from "./session.js";
import { signal } from "./ui.js";

/** @typedef {{ room: string, phase: "asking" | "recording" | "sending" | "failed", startedAt: number, bars: number[], fault: string, trouble: string, code: string }} Note */

const KINDS = ["audio/webm;codecs=opus", "audio/mp4;codecs=mp4a.40.2", "audio/mp4", "audio/ogg;codecs=opus", "audio/webm"];
const BAR_MS = 90;
const BITS = 32_000;

/** The note in hand; one at a time. @type {import("../vendor/signals.js").Signal<Note | null>} */
export const note = signal(/** @type {Note | null} */ (null));

/** @type {{ recorder: MediaRecorder, track: MediaStreamTrack, level: Level, timer: ReturnType<typeof setInterval>, pieces: Blob[] } | null} */
let running = null;
/** What was recorded and could not be sent yet. @type {Blob | null} */
let kept = null;
/** What the server has taken of it and was not sent yet. */
let taken = "";

/** Whether this browser can. */
export function records() {
  return "MediaRecorder" in globalThis;
}

/** @param {Partial<Note>} change */
function change(change) {
  if (note.peek()) note.value = { .../** @type {Note} */ (note.peek()), ...change };
}

/** Begin to record. @param {string} room @param {number} mostSeconds then it is sent by itself */
export async function begin(room, mostSeconds) {
  if (note.peek() && note.peek()?.phase !== "failed") return;
  kept = null;
  taken = "";
  note.value = { room, phase: "asking", startedAt: 0, bars: [], fault: "", trouble: "", code: "" };
  try {
    const track = await microphone();
    if (!note.peek()) return track.stop();
    record(track, mostSeconds);
  } catch (error) {
    const trouble = error instanceof DeviceFault ? error.trouble : "unknown";
    change({ phase: "failed", trouble, fault: "The microphone cannot be used." });
  }
  return undefined;
}

/** @param {MediaStreamTrack} track @param {number} mostSeconds */
function record(track, mostSeconds) {
  const mimeType = KINDS.find((one) => MediaRecorder.isTypeSupported(one));
  const recorder = new MediaRecorder(new MediaStream([track]), { mimeType, audioBitsPerSecond: BITS });
  const level = new Level(new MediaStream([track]));
  /** @type {Blob[]} */
  const pieces = [];
  recorder.ondataavailable = (event) => { if (event.data.size) pieces.push(event.data); };
  recorder.start(1000);
  const startedAt = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const bars = [...note.peek()?.bars ?? [], Math.round(level.read(now) * 100)].slice(-48);
    change({ bars });
    if (now - startedAt > mostSeconds * 1000 - 200) void finish();
  }, BAR_MS);
  running = { recorder, track, level, timer, pieces };
  change({ phase: "recording", startedAt });
}

/** Stop recording; the file. @returns {Promise<Blob | null>} */
function halt() {
  const one = running;
  running = null;
  if (!one) return Promise.resolve(null);
  clearInterval(one.timer);
  one.level.close();
  return new Promise((done) => {
    one.recorder.onstop = () => {
      one.track.stop();
      done(new Blob(one.pieces, { type: one.recorder.mimeType }));
    };
    if (one.recorder.state === "inactive") one.recorder.onstop(new Event("stop"));
    else one.recorder.stop();
  });
}

/** Throw the note away. */
export async function discard() {
  if (taken) void api("DELETE", `media/recordings/${taken}`).catch(() => undefined); // else it goes after a day
  taken = "";
  note.value = null;
  kept = null;
  await halt();
}

/** Stop and send. What could not be sent is kept, to be sent again. */
export async function finish() {
  const now = note.peek();
  if (!now || now.phase === "sending" || now.phase === "asking") return;
  change({ phase: "sending", fault: "", code: "" });
  kept = await halt() ?? kept;
  if (!kept?.size) return void discard();
  try {
    taken ||= (await upload(kept)).id;
    await ask({ type: "message.send", room: now.room, voice: taken, key: newKey() });
    note.value = null;
    kept = null;
    taken = "";
  } catch (error) {
    const fault = /** @type {Problem} */ (error);
    change({ phase: "failed", fault: fault.message, code: fault.code ?? "" });
  }
}

/** @param {Blob} sound */
async function upload(sound) {
  const headers = { authorization: `Bearer ${await token()}`, "content-type": sound.type || "audio/webm" };
  const language = navigator.language.split("-")[0];
  const answer = await fetch(`/api/v1/media/recordings?${new URLSearchParams({ language })}`, { method: "POST", headers, body: sound })
    .catch(() => { throw new Problem(UNREACHABLE); });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem({ ...body, status: answer.status });
  return body;
}

/** Agree once that voice notes are kept. */
export async function agreeToNotes() {
  await api("POST", "privacy/consents", { body: { purpose: "voice_notes", granted: true } });
}
