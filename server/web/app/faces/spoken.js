/** What the server sends of a spoken text, as one sound and the mouth that goes with it. */
import { levelsOf, Lips } from "./lips.js";

/** @typedef {import("./lips.js").Mark} Mark */

const RATE = 24_000;

/** The events of a stream, as `/v1/audio/speech` tells them. @param {string} stream */
export function soundOf(stream) {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const parts = [];
  /** @type {Mark[]} */
  const marks = [];
  let over = false;
  for (const line of stream.split("\n")) {
    if (!line.startsWith("data: ")) continue;
    const event = JSON.parse(line.slice(6));
    if (event.type === "speech.audio.done") over = true;
    if (event.type !== "speech.audio.delta") continue;
    parts.push(Uint8Array.from(atob(event.audio), (one) => one.charCodeAt(0)));
    for (const [shape, at, samples] of event.visemes ?? []) marks.push([shape, at / RATE, samples / RATE]);
  }
  if (!over) throw new Error("The voice broke off.");
  const wav = new Uint8Array(parts.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const part of parts) {
    wav.set(part, at);
    at += part.length;
  }
  const first = closed(wav);
  const samples = new Int16Array(wav.buffer.slice(first, first + ((wav.length - first) & ~1)));
  return { wav, lips: marks.length ? new Lips(marks, levelsOf(samples, RATE), 50) : null };
}

/** Now that the length is known, the file says it. Returns where the samples begin. @param {Uint8Array<ArrayBuffer>} wav */
function closed(wav) {
  const view = new DataView(wav.buffer);
  view.setUint32(4, wav.length - 8, true);
  for (let at = 12; at + 8 <= wav.length;) {
    const long = view.getUint32(at + 4, true);
    if (view.getUint32(at, false) === 0x64617461) {
      view.setUint32(at + 4, wav.length - at - 8, true);
      return at + 8;
    }
    at += 8 + long + (long % 2);
  }
  throw new Error("The voice sent no sound.");
}
