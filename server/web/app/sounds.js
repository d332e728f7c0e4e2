/** Sound in the chat: notes that are played, replies that are read aloud. One at a time. */
import { Problem, token, UNREACHABLE } from "./session.js";
import { signal } from "./ui.js";

/** What sounds now: its id, where it stands (0..1), and whether it is only being fetched.
 * @type {import("../vendor/signals.js").Signal<{ id: string, at: number, paused: boolean, loading: boolean } | null>} */
export const playing = signal(/** @type {{ id: string, at: number, paused: boolean, loading: boolean } | null} */ (null));
export const speed = signal(1);

/** A sound, and how a companion's mouth goes with it where it speaks. @typedef {{ url: string, companion?: string, lips?: import("./faces/lips.js").Lips | null }} Sound */

/** @type {HTMLAudioElement | null} */
let player = null;
/** @type {Sound | null} */
let sounding = null;
/** @type {AudioContext | null} */
let mixer = null;
/** Fetched sounds, by id; the newest few. @type {Map<string, Sound>} */
const fetched = new Map();
const KEPT = 12;

/** @param {string} id @param {() => Promise<Sound>} find @param {boolean} folded both sides in both ears */
async function play(id, find, folded) {
  stop();
  playing.value = { id, at: 0, paused: false, loading: true };
  const sound = fetched.get(id) ?? await find().catch((error) => { if (playing.peek()?.id === id) playing.value = null; throw error; });
  keep(id, sound);
  if (playing.peek()?.id !== id) return;
  const mine = new Audio(sound.url);
  player = mine;
  sounding = sound;
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

/** @param {string} id @param {Sound} sound */
function keep(id, sound) {
  fetched.delete(id);
  fetched.set(id, sound);
  for (const [old, { url }] of [...fetched].slice(0, Math.max(0, fetched.size - KEPT))) {
    fetched.delete(old);
    URL.revokeObjectURL(url);
  }
}

/** What the companion's mouth does this moment, or null while it says nothing aloud. @param {string} companion */
export function heard(companion) {
  if (!player || player.paused || !sounding?.lips || sounding.companion !== companion) return null;
  const at = player.currentTime;
  return { shape: sounding.lips.at(at), level: sounding.lips.level(at) };
}

export function stop() {
  player?.pause();
  player = null;
  sounding = null;
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

/** Play, pause or go on. @param {string} id @param {() => Promise<Sound>} find @param {boolean} [folded] */
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

/** A note's sound: it is no public address, so it is fetched as who is signed in. @param {string} recording @returns {Promise<Sound>} */
export async function noteSound(recording) {
  const answer = await fetchSound(`/api/v1/media/recordings/${recording}/sound`, {});
  return { url: URL.createObjectURL(await answer.blob()) };
}

/** A reply, spoken in the companion's voice, with the shapes its mouth takes. @param {string} text @param {string} companion @param {string} [voice] another than its own @returns {Promise<Sound>} */
export async function spoken(text, companion, voice = companion) {
  const body = JSON.stringify({ model: companion, voice, input: text, response_format: "wav", stream_format: "sse" });
  const answer = await fetchSound("/v1/audio/speech", { method: "POST", body, headers: { "content-type": "application/json" } });
  const [{ soundOf }, stream] = await Promise.all([import("./faces/spoken.js"), answer.text()]);
  const { wav, lips } = soundOf(stream);
  return { url: URL.createObjectURL(new Blob([wav], { type: "audio/wav" })), companion, lips };
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
  return answer;
}
