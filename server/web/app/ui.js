/**
 * One import for what every screen needs: templates, hooks and signals, with the icons.
 * Screens are functions that return templates; they re-render when a signal they read changes.
 */
import htm from "../vendor/htm.js";
import { h } from "../vendor/preact.js";

export { Component, Fragment, render } from "../vendor/preact.js";
export { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "../vendor/hooks.js";
export { batch, computed, effect, signal } from "../vendor/signals.js";

/** @typedef {import("../vendor/preact.js").Child} Child */

export const html = htm.bind(h);

/** @type {Record<string, string>} */
const PATHS = {
  again: "M20 11a8 8 0 1 0-.6 4.5M20 5v6h-6",
  back: "M15 5l-7 7 7 7",
  chat: "M5 5h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-8l-5 4v-4H5a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2z",
  cc: "M3.5 6h17v12h-17zM10.5 10.6a2 2 0 1 0 0 2.8M17 10.6a2 2 0 1 0 0 2.8",
  call: "M5 4h4l1.8 4.6-2.4 1.6a11.5 11.5 0 0 0 5.4 5.4l1.6-2.4L20 15v4a1.2 1.2 0 0 1-1.3 1.2A15.6 15.6 0 0 1 3.8 5.3 1.2 1.2 0 0 1 5 4z",
  camera: "M3.5 6.5h11v11h-11zM14.5 10.5l6-3v9l-6-3",
  check: "M5 12.5l4.5 4.5L19 7.5",
  checks: "M2 12.5l4.5 4.5L15 8M11 16l1 1L22 7.5",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7.5V12l3 2",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h10v11H9zM6 15H5V4h10v2",
  cube: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
  down: "M12 5v14M6 13l6 6 6-6",
  edit: "M4 20l1-4L16 5l3 3L8 19zM13.5 7.5l3 3",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
  flag: "M6 21V4M6 5h11l-2.5 4L17 13H6",
  headset: "M4 8.5h16a1.5 1.5 0 0 1 1.5 1.5v5a1.5 1.5 0 0 1-1.5 1.5h-4.2L14 14.5h-4l-1.8 2H4A1.5 1.5 0 0 1 2.5 15v-5A1.5 1.5 0 0 1 4 8.5zM7.5 12.2v.01M16.5 12.2v.01",
  gear: "M12 8.8a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4zM12 3v2.5M12 18.5V21M3 12h2.5M18.5 12H21M5.6 5.6l1.8 1.8M16.6 16.6l1.8 1.8M18.4 5.6l-1.8 1.8M7.4 16.6l-1.8 1.8",
  heart: "M12 20s-7.5-4.6-7.5-10A4.2 4.2 0 0 1 12 7.6 4.2 4.2 0 0 1 19.5 10c0 5.4-7.5 10-7.5 10z",
  hangup: "M3.2 14.6c0-5.6 17.6-5.6 17.6 0l-.8 2.2-4.8-1v-2.7a11.8 11.8 0 0 0-6.4 0v2.7l-4.8 1z",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5M12 8v.01",
  key: "M14.5 4.5a5 5 0 1 0 0 10 5 5 0 0 0 0-10zM11 13l-7 7M6 18l2 2",
  left: "M14 7l-5 5 5 5",
  mic: "M12 3.5a2.8 2.8 0 0 1 2.8 2.8v5.4a2.8 2.8 0 0 1-5.6 0V6.3A2.8 2.8 0 0 1 12 3.5zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v2.8",
  micoff: "M14.8 9.5V6.3a2.8 2.8 0 0 0-5.4-1M9.2 9.2v2.5a2.8 2.8 0 0 0 4.4 2.3M5.5 11.5a6.5 6.5 0 0 0 10.4 5.2M18.3 13.1c.1-.5.2-1 .2-1.6M12 18v2.8M4 4l16 16",
  more: "M12 5.5v.01M12 12v.01M12 18.5v.01",
  offline: "M4 4l16 16M8.5 15.5a5 5 0 0 1 6 0M5 12a10 10 0 0 1 4-2.3M19 12a10 10 0 0 0-5.5-2.6M12 19v.01",
  pause: "M9 6v12M15 6v12",
  people: "M9 5.5a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4zM3 19.5c.4-3.4 2.8-5.2 6-5.2s5.6 1.8 6 5.2M16 6a3 3 0 0 1 0 5.8M17.5 14.6c2 .6 3.2 2.2 3.5 4.9",
  pip: "M3.5 5.5h17v13h-17zM12 12h6v4h-6z",
  play: "M8 5l11 7-11 7z",
  plus: "M12 5v14M5 12h14",
  record: "M12 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  receipt: "M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6",
  right: "M10 7l5 5-5 5",
  search: "M11 4.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM16 16l4.5 4.5",
  send: "M4 12L20 5l-5 15-3.5-6.5z",
  shield: "M12 3l7.5 3v5.5c0 4.5-3 8-7.5 9.5-4.5-1.5-7.5-5-7.5-9.5V6z",
  sliders: "M4 7h9M17 7h3M15 4.8v4.4M4 12h3M11 12h9M9 9.8v4.4M4 17h9M17 17h3M15 14.8v4.4",
  spark: "M12 3l2 7 7 2-7 2-2 7-2-7-7-2 7-2z",
  speaker: "M4 9.5h3.5L12 5.5v13l-4.5-4H4zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11",
  stop: "M8 8h8v8H8z",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13",
  wallet: "M4 7.5h15a1.5 1.5 0 0 1 1.5 1.5v9a1.5 1.5 0 0 1-1.5 1.5H5A1.5 1.5 0 0 1 3.5 18V6.5A2 2 0 0 1 5.5 4.5H17M16.5 13.5h.01",
  warn: "M12 4l9 16H3zM12 10.5v4M12 17.2v.01",
};

/**
 * A line icon; those in `FLIPPED` mirror where text runs from right to left.
 * @param {string} name
 * @param {string} [extra] further classes
 */
export function icon(name, extra = "") {
  const flip = FLIPPED.has(name) ? " flip" : "";
  return html`<svg class=${`i ${extra}${flip}`} viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}
const FLIPPED = new Set(["back", "left", "right", "send"]);

/** @param {{ size?: number }} props */
export function Mark({ size = 40 }) {
  return html`<img class="mark" src="/icons/mark.svg" alt="" width=${size} height=${size} />`;
}
