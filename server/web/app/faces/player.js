/**
 * Draws living faces on canvases: one clock for all, nothing for what nobody sees.
 * A face at rest is drawn some fifteen times a second, a speaking one thirty; a device that
 * finds that hard is asked for less.
 */
import { Life } from "./life.js";
import { nearest, STILL } from "./lips.js";

/** @typedef {import("./sheet.js").Sheet} Sheet */
/** @typedef {{ shape: number[], level: number } | null} Speaking */

const IDLE_MS = 66;
const BUSY_MS = 33;
const HARD_SHARE = 0.22; // of the time spent drawing, above which all become slower
const RADIANS = Math.PI / 180;
const LATE_MS = 250;

/** @type {Set<Face>} */
const shown = new Set();
let frame = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
let strain = 1;
const spent = { ms: 0, since: 0 };

/** How the work is going, for tests and for whoever wonders. */
export const figures = { drawn: 0, ms: 0 };

export class Face {
  /**
   * @param {HTMLCanvasElement} canvas @param {Sheet} sheet @param {string} seed
   * @param {() => Speaking} speaking asked before each drawing
   */
  constructor(canvas, sheet, seed, speaking) {
    this.canvas = canvas;
    this.sheet = sheet;
    this.speaking = speaking;
    this.life = new Life(seed);
    this.next = 0;
    this.before = "";
    this.nod = 0;
    const head = /** @type {import("./sheet.js").Layer} */ (sheet.form.layers.find(([name]) => name === "head"));
    this.home = head;
    this.head = document.createElement("canvas");
    this.head.width = head[3];
    this.head.height = head[4];
    this.fit();
  }

  /** The canvas is as fine as the screen, never finer than the sheet. */
  fit() {
    const box = this.canvas.getBoundingClientRect();
    const side = Math.max(box.width, box.height) * Math.min(2, devicePixelRatio || 1);
    const pixels = Math.max(48, Math.min(this.sheet.form.size, Math.ceil(side / 16) * 16));
    if (this.canvas.width !== pixels) this.canvas.width = this.canvas.height = pixels;
  }

  /** Everything a new sheet of the same face changes at once. @param {Sheet} sheet */
  wear(sheet) {
    const head = /** @type {import("./sheet.js").Layer} */ (sheet.form.layers.find(([name]) => name === "head"));
    this.sheet = sheet;
    this.home = head;
    this.head.width = head[3];
    this.head.height = head[4];
    this.before = "";
    this.next = 0;
    this.fit();
    wake();
  }

  show() { shown.add(this); this.next = 0; wake(); }

  hide() { shown.delete(this); }

  /** Draw what is due. @param {number} now ms @returns {number} ms until the next time */
  draw(now) {
    const spoken = this.speaking();
    const idle = this.life.at(now / 1000, spoken !== null);
    const shape = spoken?.shape ?? STILL;
    const [first, second, share] = nearest(this.sheet.mouths, shape);
    const eyes = idle.lid > 0.66 ? "shut" : idle.lid > 0.22 ? "half" : idle.look;
    const mix = Math.round(share * 8) / 8;
    const key = `${first}/${mix ? second : 0}/${mix}/${eyes}`;
    if (key !== this.before) {
      this.before = key;
      this.#paint(first, second, mix, eyes);
    }
    this.nod += ((spoken?.level ?? 0) - this.nod) * 0.25;
    this.#lay(idle);
    return (spoken || idle.lid > 0 ? BUSY_MS : IDLE_MS) * strain;
  }

  /** The head with its features. @param {number} first @param {number} second @param {number} mix @param {string} look */
  #paint(first, second, mix, look) {
    const { form, picture } = this.sheet;
    const to = /** @type {CanvasRenderingContext2D} */ (this.head.getContext("2d"));
    const [, x, y, wide, high, left, top] = this.home;
    to.clearRect(0, 0, wide, high);
    to.drawImage(picture, x, y, wide, high, 0, 0, wide, high);
    const [mouthLeft, mouthTop, mouthWide, mouthHigh, cells] = form.mouths;
    const mouth = (/** @type {number} */ at) => to.drawImage(picture, cells[at][0], cells[at][1], mouthWide, mouthHigh, mouthLeft - left, mouthTop - top, mouthWide, mouthHigh);
    if (first || mix) {
      to.clearRect(mouthLeft - left, mouthTop - top, mouthWide, mouthHigh);
      mouth(first);
      if (mix) {
        to.globalAlpha = mix;
        mouth(second);
        to.globalAlpha = 1;
      }
    }
    const [eyesLeft, eyesTop, eyesWide, eyesHigh, places] = form.eyes;
    const eyes = places[look];
    if (eyes) {
      to.clearRect(eyesLeft - left, eyesTop - top, eyesWide, eyesHigh);
      to.drawImage(picture, eyes[0], eyes[1], eyesWide, eyesHigh, eyesLeft - left, eyesTop - top, eyesWide, eyesHigh);
    }
  }

  /** All layers, each moved as far as it lies from the neck. @param {import("./life.js").Idle} idle */
  #lay(idle) {
    const { form, picture } = this.sheet;
    const to = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d", { alpha: false }));
    const k = this.canvas.width / form.size;
    const [px, py] = form.pivot;
    const across = Math.sin(idle.yaw * RADIANS) * form.reach * form.size;
    const down = -Math.sin((idle.pitch - 2.2 * this.nod) * RADIANS) * form.reach * form.size * 0.8 - idle.breath * form.size * 0.0028;
    const lean = idle.roll * RADIANS;
    const cos = Math.cos(lean) * k;
    const sin = Math.sin(lean) * k;
    const flat = form.layers.length === 1;
    for (const [name, x, y, wide, high, left, top] of form.layers) {
      if (name === "background") to.setTransform(k, 0, 0, k, 0, 0);
      else if (name === "body") to.setTransform(k, 0, 0, k, across * 0.16 * k, -idle.breath * form.size * 0.006 * k);
      else if (flat) to.setTransform(k * 1.035, 0, 0, k * 1.035, (across - form.size * 0.0175) * k, (down - form.size * 0.0175) * k);
      else {
        const [dx, dy] = { back: [across * 0.25, down * 0.5], front: [across * 1.06, down * 1.04] }[name] ?? [across, down];
        const x0 = px + dx;
        const y0 = py + dy;
        to.setTransform(cos, sin, -sin, cos, x0 * k - cos * px + sin * py, y0 * k - sin * px - cos * py);
      }
      if (name === "head") to.drawImage(this.head, left, top);
      else to.drawImage(picture, x, y, wide, high, left, top, wide, high);
    }
    if (!this.canvas.dataset.alive) this.canvas.dataset.alive = "yes";
  }
}

/** @param {number} now */
function beat(now) {
  frame = 0;
  if (document.hidden) return;
  const began = performance.now();
  let soonest = Infinity;
  for (const face of shown) {
    if (face.next <= now + 4) {
      face.next = now - face.next > LATE_MS ? now + IDLE_MS * Math.random() : face.next;
      face.next = Math.max(now, face.next) + face.draw(now);
      figures.drawn++;
    }
    soonest = Math.min(soonest, face.next);
  }
  const took = performance.now() - began;
  figures.ms += took;
  account(now, took);
  if (shown.size) timer = setTimeout(wake, Math.max(0, soonest - performance.now() - 8));
}

/** Slower for all where drawing takes too much of the time, and back again. @param {number} now @param {number} took */
function account(now, took) {
  spent.ms += took;
  const over = now - spent.since;
  if (over < 1000) return;
  const share = spent.ms / over;
  if (over < 2000) strain = share > HARD_SHARE ? Math.min(6, strain * 1.5) : share < HARD_SHARE / 3 ? Math.max(1, strain / 1.25) : strain;
  spent.ms = 0;
  spent.since = now;
}

function wake() {
  clearTimeout(timer);
  if (!frame && shown.size && !document.hidden) frame = requestAnimationFrame(beat);
}

document.addEventListener("visibilitychange", wake);
