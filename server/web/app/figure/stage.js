/** A figure as a part of a screen: a canvas that lives, and the way into a headset where there is one. */
import { html, icon, useEffect, useLayoutEffect, useRef, useState } from "../ui.js";
import { enter, modes } from "./headset.js";
import { Viewer } from "./viewer.js";

/** @typedef {import("./speech.js").Speech} Speech */
/** @typedef {import("./headset.js").Mode} Mode */

const NAMES = { "immersive-vr": "Enter VR", "immersive-ar": "See in your room" };

/**
 * `viewer` is given out once the figure is there, and null when it goes.
 * @param {{ file: ArrayBuffer, label: string, speech: Speech, viewer?: (viewer: Viewer | null) => void, onFault: (message: string) => void }} props
 */
export function FigureStage({ file, label, speech, viewer: give, onFault }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  useLayoutEffect(() => {
    if (!canvas.current) return undefined;
    const viewer = new Viewer(canvas.current, { speech, onFault });
    viewer.show(file).then(() => { if (!viewer.freed) give?.(viewer); }, (error) => { if (!viewer.freed) onFault(error.message); });
    return () => { give?.(null); viewer.free(); };
  }, []);
  return html`<canvas class="figure" ref=${canvas} data-figure role="img" tabindex="0" aria-label=${`${label}. Turn with the arrow keys, nearer with plus and minus.`}></canvas>`;
}

/** Buttons for what this device can enter; none where it can enter nothing.
 * @param {{ viewer: Viewer | null, call?: string, onFault: (message: string) => void }} props */
export function Headset({ viewer, call = "", onFault }) {
  const [can, setCan] = useState(/** @type {Mode[]} */ ([]));
  const [leave, setLeave] = useState(/** @type {(() => Promise<void>) | null} */ (null));
  const last = useRef(leave);
  last.current = leave;
  useEffect(() => {
    let here = true;
    const look = () => void modes().then((found) => { if (here) setCan(found); });
    look();
    const xr = /** @type {any} */ (navigator).xr;
    xr?.addEventListener?.("devicechange", look);
    return () => { here = false; xr?.removeEventListener?.("devicechange", look); last.current?.().catch(() => undefined); };
  }, []);
  if (!viewer || !can.length) return null;
  const go = async (/** @type {Mode} */ mode) => {
    try {
      const end = await enter(viewer, mode, { call, onEnd: () => setLeave(null) });
      setLeave(() => end);
    } catch {
      onFault("The headset did not let us in.");
    }
  };
  if (leave) return html`<button type="button" class="btn" data-headset="leave" onClick=${() => void leave()}>${icon("close")}Leave the headset</button>`;
  return can.map((mode) => html`<button type="button" class="btn" key=${mode} data-headset=${mode} onClick=${() => void go(mode)}>${icon("headset")}${NAMES[mode]}</button>`);
}
