/** A living face over a portrait: what is needed before the first one comes into view. */
import { heard } from "./sounds.js";
import { html, signal, useEffect, useRef } from "./ui.js";

const KEY = "kindred.faces";
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const FINE = 300; // pixels across, from which the larger sheet is worth its bytes

/** Whether this device lets faces move; a choice of the settings. */
export const moving = signal(read());

function read() {
  try {
    return localStorage.getItem(KEY) !== "still";
  } catch {
    return true;
  }
}

/** @param {boolean} yes */
export function letMove(yes) {
  moving.value = yes;
  try {
    if (yes) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, "still");
  } catch {
    // Storage may be forbidden; then it holds until the page is left.
  }
}

/** Not for whoever asked for calm, and not on a connection that counts its bytes. */
export function mayMove() {
  return moving.value && !calm.matches && /** @type {any} */ (navigator).connection?.saveData !== true;
}

/** @param {string} portrait @param {number} size @param {number} version */
const address = (portrait, size, version) => `${portrait.replace("/portrait.png", "/face.webp")}${portrait.includes("?") ? "&" : "?"}s=${version}&size=${size}`;

/**
 * The canvas that lies over a portrait, inside the same box. Nothing is fetched before it is seen.
 * @param {{ portrait: string | null | undefined, companion: string }} props
 */
export function Alive({ portrait, companion }) {
  const ref = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const on = moving.value;
  useEffect(() => {
    const canvas = ref.current;
    if (!canvas || !portrait || !on) return undefined;
    return live(canvas, async (size) => {
      const { sheetAt, VERSION } = await import("./faces/sheet.js");
      return sheetAt(address(portrait, size, VERSION));
    }, companion);
  }, [portrait, companion, on]);
  return html`<canvas ref=${ref} class="alive" width="1" height="1" aria-hidden="true" data-face=${companion}></canvas>`;
}

/**
 * Let a canvas live while it is seen. Returns what ends it.
 * @param {HTMLCanvasElement} canvas @param {(size: number) => Promise<import("./faces/sheet.js").Sheet>} find @param {string} companion
 */
export function live(canvas, find, companion) {
  /** @type {import("./faces/player.js").Face | null} */
  let face = null;
  let over = false;
  let asked = false;
  let seen = false;
  const begin = async () => {
    const box = canvas.getBoundingClientRect();
    const across = Math.max(box.width, box.height) * Math.min(2, devicePixelRatio || 1);
    const [{ Face }, sheet] = await Promise.all([import("./faces/player.js"), find(across > FINE ? 384 : 256)]);
    if (over) return;
    face = new Face(canvas, sheet, companion, () => heard(companion));
    turn();
  };
  const turn = () => {
    if (!seen || !mayMove()) {
      face?.hide();
      if (!mayMove()) delete canvas.dataset.alive;
    } else if (face) face.show();
    else if (!asked) {
      asked = true;
      begin().catch(() => undefined); // the portrait below stays as it is
    }
  };
  const watch = new IntersectionObserver((entries) => { seen = entries.at(-1)?.isIntersecting ?? false; turn(); }, { rootMargin: "40px" });
  const sized = new ResizeObserver(() => face?.fit());
  watch.observe(canvas);
  sized.observe(canvas);
  calm.addEventListener("change", turn);
  return () => {
    over = true;
    watch.disconnect();
    sized.disconnect();
    calm.removeEventListener("change", turn);
    face?.hide();
    delete canvas.dataset.alive;
  };
}
