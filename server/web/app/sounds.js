/** Sound in the chat: notes that are played, replies that are read aloud. One at a time. */
import { Problem, token, UNREACHABLE } from "./session.js";
import { signal } from "./ui.js";

/** What sounds now: its id, where it stands (0..1), and whether it is only being fetched.
 * @type {import("../vendor/signals.js").Signal<{ id: string, at: number, paused: boolean, loading: boolean } | null>} */
export const playing = signal(/** @type {{ id: string, at: number, paused: boolean, loading: boolean } | null} */ (null));
export const speed = signal(1);

/** @type {HTMLAudioElement | null} */
let player = null;
/** @type {AudioContext | null} */
let mixer = null;
/** Fetched sounds, by id; the newest few. @type {Map<string, string>} */
const fetched = new Map();
const KEPT = 12;

/** @param {string} id @param {() => Promise<string>} find its address @param {boolean} folded both sides in both ears */
async function play(id, find, folded) {
  stop();
  playing.value = { id, at: 0, paused: false, loading: true };
  const url = fetched.get(id) ?? await find().catch((error) => { if (playing.peek()?.id === id) playing.value = null; throw error; });
  keep(id, url);
  if (playing.peek()?.id !== id) return;
  const mine = new Audio(url);
  player = mine;
  mine.playbackRate = speed.peek();
  if (folded) fold(mine);
  const look = () => {
    if (player !== mine) return;
    playing.value = { id, at: mine.duration ? Math.min(1, mine.currentTime / mine.duration) : 0, paused: mine.paused, loading: false };
    if (!mine.paused) requestAnimationFrame(look);
  };
  mine.onplay = look;
  mine.onpause = look;
  mine.onended = () => { if (player === mine) stop(); };
  mine.onerror = () => { if (player === mine) stop(); };
  await mine.play();
}

/** @param {string} id @param {string} url */
function keep(id, url) {
  fetched.delete(id);
  fetched.set(id, url);
  for (const [old, address] of [...fetched].slice(0, Math.max(0, fetched.size - KEPT))) {
    fetched.delete(old);
    URL.revokeObjectURL(address);
  }
}

export function stop() {
  player?.pause();
  player = null;
  playing.value = null;
}

/** Who called is on the left and the companion on the right: put together, as one hears a call.
 * @param {HTMLAudioElement} audio */
function fold(audio) {
  mixer ??= new AudioContext();
  const both = new GainNode(mixer, { channelCount: 1, channelCountMode: "explicit" });
  mixer.createMediaElementSource(audio).connect(both).connect(mixer.destination);
  void mixer.resume();
}

/** Play, pause or go on. @param {string} id @param {() => Promise<string>} find @param {boolean} [folded] */
export async function toggle(id, find, folded = false) {
  if (playing.peek()?.id !== id || !player) return play(id, find, folded);
  if (player.paused) await player.play();
  else player.pause();
  return undefined;
}

/** @param {string} id @param {number} at 0..1 */
export function seek(id, at) {
  if (playing.peek()?.id !== id || !player?.duration) return;
  player.currentTime = at * player.duration;
  playing.value = { id, at, paused: player.paused, loading: false };
}

export function faster() {
  speed.value = { 1: 1.5, 1.5: 2, 2: 1 }[speed.peek()] ?? 1;
  if (player) player.playbackRate = speed.peek();
}

/** A recorded call's sound, likewise. @param {string} recording */
export function recordedCall(recording) {
  return noteSound(recording);
}

/** A note's sound: it is no public address, so it is fetched as who is signed in. @param {string} recording */
export function noteSound(recording) {
  return fetchSound(`/api/v1/media/recordings/${recording}/sound`, {});
}

/** A reply, spoken in the companion's voice. @param {string} text @param {string} companion */
export function spoken(text, companion) {
  const body = JSON.stringify({ model: companion, voice: companion, input: text, response_format: "wav" });
  return fetchSound("/v1/audio/speech", { method: "POST", body, headers: { "content-type": "application/json" } });
}

/** @param {string} path @param {RequestInit & { headers?: Record<string, string> }} options */
async function fetchSound(path, options) {
  const headers = { ...options.headers, authorization: `Bearer ${await token()}` };
  const answer = await fetch(path, { ...options, headers }).catch(() => { throw new Problem(UNREACHABLE); });
  if (!answer.ok) {
    const body = await answer.json().catch(() => ({}));
    const told = body.error ?? body;
    throw new Problem({ ...told, detail: told.detail ?? told.message, status: answer.status });
  }
  return URL.createObjectURL(await answer.blob());
}
