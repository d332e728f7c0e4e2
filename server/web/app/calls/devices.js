/** Microphone, camera and speaker of this device: asked for, listed, changed; faults are named. */
import { troubleOf } from "./help.js";

/** @typedef {{ id: string, label: string }} Device */
/** @typedef {{ microphones: Device[], cameras: Device[], speakers: Device[] }} Devices */

/** A microphone or camera that cannot be had; `trouble` says what kind (help.js). */
export class DeviceFault extends Error {
  /** @param {import("./help.js").Trouble} trouble @param {"Microphone" | "Camera"} what */
  constructor(trouble, what) {
    super(`${what}: ${trouble}`);
    this.trouble = trouble;
    this.what = what;
  }
}

const CHOSEN = "kindred.devices";

/** What was chosen on this device before. @returns {{ microphone?: string, camera?: string, speaker?: string }} */
export function chosen() {
  try {
    return JSON.parse(localStorage.getItem(CHOSEN) ?? "{}");
  } catch {
    return {};
  }
}

/** @param {{ microphone?: string, camera?: string, speaker?: string }} what */
export function choose(what) {
  localStorage.setItem(CHOSEN, JSON.stringify({ ...chosen(), ...what }));
}

/** @param {string} [id] @returns {Promise<MediaStreamTrack>} */
export async function microphone(id = chosen().microphone) {
  const wanted = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
  const stream = await ask({ audio: id ? { ...wanted, deviceId: { ideal: id } } : wanted }, "Microphone");
  return stream.getAudioTracks()[0];
}

/** @param {{ id?: string, facing?: string }} [which] @returns {Promise<MediaStreamTrack>} */
export async function camera({ id = chosen().camera, facing } = {}) {
  const size = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 15, max: 30 } };
  const from = facing ? { facingMode: facing } : id ? { deviceId: { ideal: id } } : { facingMode: "user" };
  const stream = await ask({ video: { ...size, ...from } }, "Camera");
  return stream.getVideoTracks()[0];
}

/** @param {MediaStreamConstraints} constraints @param {"Microphone" | "Camera"} what */
async function ask(constraints, what) {
  if (!isSecureContext) throw new DeviceFault("insecure", what);
  if (!navigator.mediaDevices?.getUserMedia) throw new DeviceFault("unsupported", what);
  try {
    return await navigator.mediaDevices.getUserMedia(constraints);
  } catch (error) {
    throw new DeviceFault(troubleOf(/** @type {DOMException} */ (error)), what);
  }
}

/** @returns {Promise<Devices>} names are known only once a permission was given */
export async function list() {
  const found = await navigator.mediaDevices?.enumerateDevices?.().catch(() => []) ?? [];
  const of = (/** @type {string} */ kind, /** @type {string} */ name) => found
    .filter((one) => one.kind === kind && one.deviceId)
    .map((one, i) => ({ id: one.deviceId, label: one.label || `${name} ${i + 1}` }));
  return { microphones: of("audioinput", "Microphone"), cameras: of("videoinput", "Camera"), speakers: of("audiooutput", "Speaker") };
}

/** Whether this browser lets a page choose the speaker. */
export function choosesSpeakers() {
  return "setSinkId" in HTMLMediaElement.prototype;
}

/** @param {HTMLMediaElement} player @param {string | undefined} id */
export async function playThrough(player, id) {
  const setSink = /** @type {any} */ (player).setSinkId;
  if (setSink && id) await setSink.call(player, id).catch(() => undefined); // unplugged since: the default plays
}
