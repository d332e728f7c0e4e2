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
  check: "M5 12.5l4.5 4.5L19 7.5",
  checks: "M2 12.5l4.5 4.5L15 8M11 16l1 1L22 7.5",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7.5V12l3 2",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h10v11H9zM6 15H5V4h10v2",
  down: "M12 5v14M6 13l6 6 6-6",
  edit: "M4 20l1-4L16 5l3 3L8 19zM13.5 7.5l3 3",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
  flag: "M6 21V4M6 5h11l-2.5 4L17 13H6",
  gear: "M12 8.8a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4zM12 3v2.5M12 18.5V21M3 12h2.5M18.5 12H21M5.6 5.6l1.8 1.8M16.6 16.6l1.8 1.8M18.4 5.6l-1.8 1.8M7.4 16.6l-1.8 1.8",
  heart: "M12 20s-7.5-4.6-7.5-10A4.2 4.2 0 0 1 12 7.6 4.2 4.2 0 0 1 19.5 10c0 5.4-7.5 10-7.5 10z",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5M12 8v.01",
  key: "M14.5 4.5a5 5 0 1 0 0 10 5 5 0 0 0 0-10zM11 13l-7 7M6 18l2 2",
  left: "M14 7l-5 5 5 5",
  more: "M12 5.5v.01M12 12v.01M12 18.5v.01",
  offline: "M4 4l16 16M8.5 15.5a5 5 0 0 1 6 0M5 12a10 10 0 0 1 4-2.3M19 12a10 10 0 0 0-5.5-2.6M12 19v.01",
  people: "M9 5.5a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4zM3 19.5c.4-3.4 2.8-5.2 6-5.2s5.6 1.8 6 5.2M16 6a3 3 0 0 1 0 5.8M17.5 14.6c2 .6 3.2 2.2 3.5 4.9",
  play: "M8 5l11 7-11 7z",
  plus: "M12 5v14M5 12h14",
  receipt: "M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6",
  right: "M10 7l5 5-5 5",
  search: "M11 4.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM16 16l4.5 4.5",
  send: "M4 12L20 5l-5 15-3.5-6.5z",
  shield: "M12 3l7.5 3v5.5c0 4.5-3 8-7.5 9.5-4.5-1.5-7.5-5-7.5-9.5V6z",
  spark: "M12 3l2 7 7 2-7 2-2 7-2-7-7-2 7-2z",
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
