/**
 * The mouth while a voice plays: its timings blended as the server's own face blends them.
 * Pure: ask for any second of the sound, also after somebody has jumped in it.
 */

const SHAPES = ["sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U"];
// In the order jaw, wide, teeth, tongue, press, tuck: what a shape aims at, and how it insists.
export const AIM = [
  [0, 0, 0, 0, 0, 0], [0, -0.05, 0, 0, 1, 0], [0.1, 0.05, 0.35, 0, 0, 1], [0.18, 0.05, 0.45, 0.9, 0, 0], [0.2, 0.08, 0.45, 0.5, 0, 0],
  [0.24, 0.05, 0.25, 0, 0, 0], [0.18, -0.45, 0.55, 0, 0, 0], [0.1, 0.25, 0.75, 0, 0, 0], [0.18, 0.05, 0.3, 0.55, 0, 0], [0.2, -0.35, 0.25, 0.15, 0, 0],
  [0.85, 0.1, 0.3, 0, 0, 0], [0.5, 0.45, 0.45, 0, 0, 0], [0.28, 0.7, 0.55, 0, 0, 0], [0.55, -0.65, 0.1, 0, 0, 0], [0.28, -0.95, 0, 0, 0, 0],
];
export const WEIGHT = [
  [0.6, 0.4, 0.5, 2, 2, 2], [1.6, 0.4, 1, 1, 6, 2], [1.4, 0.6, 2, 1, 3, 6], [1.1, 0.3, 1.5, 5, 3, 3], [0.8, 0.15, 0.8, 3, 3, 3],
  [0.35, 0.1, 0.3, 0.5, 3, 3], [1.2, 1.8, 1.5, 1, 3, 3], [1.6, 0.7, 1.8, 1, 3, 3], [0.8, 0.15, 0.6, 3, 3, 3], [0.6, 1.2, 0.6, 1, 3, 3],
  [2.2, 0.9, 0.8, 2, 4, 4], [1.8, 1.3, 0.9, 2, 4, 4], [1.5, 1.6, 1, 2, 4, 4], [1.8, 2.2, 0.9, 2, 4, 4], [1.5, 2.4, 0.9, 2, 4, 4],
];
const BEFORE = [0.06, 0.08, 0.06, 0.05, 0.035, 0.045];
const AFTER = [0.05, 0.06, 0.05, 0.04, 0.03, 0.035];
const FAR = 0.5;
const INSET = 0.03;
const RAMP = 0.065;
const LEAST_SHUT = 0.022;
const REST = 0.02;
const WHISPER = 0.42; // of the jaw; the rest comes with loudness
export const STILL = [0, 0, 0, 0, 0, 0];

/** A shape's name, and its span in seconds. @typedef {[string, number, number]} Mark */

export class Lips {
  /** @param {Mark[]} marks in order @param {Float32Array} levels how loud, 0..1 @param {number} perSecond levels */
  constructor(marks, levels, perSecond) {
    this.marks = marks.map(([name, start, long]) => {
      const inset = Math.min(long / 2, INSET);
      return { shape: Math.max(0, SHAPES.indexOf(name)), start: start + inset, end: start + long - inset, middle: start + long / 2, shut: name === "PP" ? Math.max(LEAST_SHUT, 0.35 * long) : 0 };
    });
    this.levels = levels;
    this.perSecond = perSecond;
  }

  /** @param {number} seconds */
  level(seconds) {
    const at = seconds * this.perSecond;
    const first = Math.floor(at);
    const here = this.levels[first] ?? 0;
    return here + ((this.levels[first + 1] ?? 0) - here) * (at - first);
  }

  /** The mouth at a second of the sound. @param {number} seconds @returns {number[]} */
  at(seconds) {
    const sum = [0, 0, 0, 0, 0, 0];
    const total = [REST, REST, REST, REST, REST, REST];
    let gate = 0;
    for (let i = this.#from(seconds); i < this.marks.length; i++) {
      const mark = this.marks[i];
      if (mark.start > seconds + FAR) break;
      const early = Math.max(0, mark.start - seconds);
      const late = Math.max(0, seconds - mark.end);
      for (let k = 0; k < 6; k++) {
        const pull = Math.exp(-early / BEFORE[k] - late / AFTER[k]) * WEIGHT[mark.shape][k];
        sum[k] += pull * AIM[mark.shape][k];
        total[k] += pull;
      }
      if (mark.shut) gate = Math.max(gate, 1 - Math.max(0, Math.abs(seconds - mark.middle) - mark.shut) / RAMP);
    }
    const shape = sum.map((one, k) => one / total[k]);
    shape[0] *= WHISPER + (1 - WHISPER) * Math.min(1, this.level(seconds) * 1.25);
    if (gate > 0) {
      for (const k of [0, 2, 3]) shape[k] *= 1 - gate;
      shape[4] = Math.max(shape[4], gate);
    }
    return shape;
  }

  /** The first mark that may still pull. @param {number} seconds */
  #from(seconds) {
    let low = 0;
    let high = this.marks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.marks[middle].end < seconds - FAR) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const CARE = [1.7, 1, 0.5, 0.6, 1.8, 1.5];

/**
 * The two mouths of a sheet that are nearest to a shape, and how much of the second to see.
 * @param {number[][]} cells @param {number[]} shape @returns {[number, number, number]}
 */
export function nearest(cells, shape) {
  let first = 0;
  let second = 0;
  let least = Infinity;
  let next = Infinity;
  for (let i = 0; i < cells.length; i++) {
    let far = 0;
    for (let k = 0; k < 6; k++) far += ((cells[i][k] - shape[k]) * CARE[k]) ** 2;
    if (far < least) {
      second = first;
      next = least;
      first = i;
      least = far;
    } else if (far < next) {
      second = i;
      next = far;
    }
  }
  return [first, second, least < 1e-6 ? 0 : (least / (least + next)) ** 1.5];
}

/** How loud sound is, in steps of 20 ms, 0..1. @param {Int16Array} samples @param {number} rate */
export function levelsOf(samples, rate) {
  const hop = Math.round(rate / 50);
  const levels = new Float32Array(Math.ceil(samples.length / hop));
  let peak = 0.02;
  for (let i = 0; i < levels.length; i++) {
    let sum = 0;
    const end = Math.min(samples.length, (i + 1) * hop);
    for (let k = i * hop; k < end; k++) sum += (samples[k] / 32768) ** 2;
    levels[i] = Math.sqrt(sum / hop);
    peak = Math.max(peak, levels[i]);
  }
  return levels.map((one) => Math.min(1, (one / peak) ** 0.7 * 1.1));
}
