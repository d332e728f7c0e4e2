/**
 * The mouth of this device's call: what is said and felt, for whoever draws a face, and how far
 * behind the server the person hears it. Events may come twice, over the socket and the data
 * channel; the first counts.
 */
import { Speech } from "../figure/speech.js";
import { drawers, me } from "../live.js";
import { calling } from "../ring.js";
import { speakerMs } from "./level.js";

/** @typedef {{ name: string, strength: number, arkit: Record<string, number> }} Feeling */

const KEPT_MOST_MS = 600;

export const mouth = {
  speech: new Speech(),
  /** @type {((feeling: Feeling) => void) | null} */
  feel: null,
  /** Sound is kept ready for so long before it is heard. @param {number | null} ms */
  keeps(ms) {
    if (ms === null || !Number.isFinite(ms)) return;
    const wanted = Math.min(KEPT_MOST_MS, Math.max(0, ms)) + speakerMs();
    mouth.speech.delay += (wanted - mouth.speech.delay) * 0.5;
  },
};

/** An event of a call. @param {any} event */
export function mouthed(event) {
  const own = calling.peek();
  if (!own || (event.call && own.call && event.call !== own.call) || (event.person && event.person !== me.peek())) return;
  if (event.type === "call.viseme") mouth.speech.shapes(event);
  else if (event.type === "call.sounding") mouth.speech.sounding(event, performance.now());
  else if (event.type === "call.expression") mouth.feel?.(event);
}

/** Another line, or none: what was to be said on the last one is not. */
export function hushed() {
  mouth.speech.hush();
}

drawers.add(mouthed);
