/**
 * What a mouth should do now, from the events of a call: shapes by the sample they begin at, and
 * where the sound stands. Pure; times are in milliseconds and handed in.
 *
 * `call.sounding` says that so many samples have left the server. It can only arrive late, never
 * early, so of several the one that puts the sound furthest counts. What the person hears is later
 * still, by what their device keeps ready against jitter: `delay`.
 */

/** @typedef {{ shape: string, begin: number, end: number }} Span in samples of its epoch */
/** `from`: what came before was not heard just now: the sound was held there, or begins.
 * @typedef {{ epoch: number, samples: number, at: number, playing: boolean, from: number }} Anchor */

const RATE = 24; // samples a millisecond
const WINDOW = 45 * RATE; // on either side: how far around a moment shapes are blended
const KEPT_EPOCHS = 3;
const MOST_SPANS = 4000;
const STALE_MS = 4000; // silence from the server: the mouth does not run on for ever
const JUMP_MS = 250;
const LIPS_MEET = new Set(["PP"]);

export class Speech {
  constructor() {
    /** @type {Map<number, Span[]>} */
    this.spans = new Map();
    /** @type {Anchor | null} */
    this.now = null;
    /** @type {Anchor | null} */
    this.before = null;
    /** What lies between leaving the server and being heard, in milliseconds. */
    this.delay = 60;
  }

  /** Shapes of what will sound. @param {{ epoch: number, at_sample: number, visemes: [string, number, number][] }} event */
  shapes({ epoch, at_sample: from, visemes }) {
    if (this.now && epoch < this.now.epoch) return;
    const spans = this.spans.get(epoch) ?? [];
    const first = from + (visemes[0]?.[1] ?? 0);
    if (spans.some((one) => one.begin === first)) return; // told twice: over the socket and the data channel
    for (const [shape, at, samples] of visemes) spans.push({ shape, begin: from + at, end: from + at + samples });
    spans.sort((a, b) => a.begin - b.begin);
    this.spans.set(epoch, spans.slice(-MOST_SPANS));
    for (const old of [...this.spans.keys()].sort((a, b) => a - b).slice(0, -KEPT_EPOCHS)) this.spans.delete(old);
  }

  /** Where the sound stands. @param {{ epoch: number, samples: number, playing: boolean }} event @param {number} at when it came */
  sounding({ epoch, samples, playing }, at) {
    const old = this.now;
    if (old && epoch < old.epoch) return;
    if (!old || epoch > old.epoch) {
      this.before = old;
      this.now = { epoch, samples, at, playing, from: 0 };
      return;
    }
    const expected = old.playing ? old.samples + (at - old.at) * RATE : old.samples;
    const late = playing && old.playing && samples < expected && expected - samples < JUMP_MS * RATE;
    const from = playing && !old.playing ? samples : old.from;
    this.now = { epoch, samples: late ? expected - Math.min(expected - samples, RATE) : samples, at, playing, from };
  }

  /** Nothing more is said: the call, or its line, is over. */
  hush() {
    this.spans.clear();
    this.now = this.before = null;
  }

  /** The sample that is heard at a moment, and of which epoch; null for silence. @param {number} at */
  heard(at) {
    for (const anchor of [this.now, this.before]) {
      if (!anchor || at - anchor.at > STALE_MS) continue;
      const sample = anchor.samples + (at - this.delay - anchor.at) * RATE;
      if (sample < anchor.from) continue; // it left, and is not heard yet
      if (!anchor.playing && sample >= anchor.samples) return null;
      return { epoch: anchor.epoch, sample };
    }
    return null;
  }

  /** How much of each shape the mouth has at a moment; together at most 1. @param {number} at @returns {Record<string, number>} */
  weights(at) {
    const heard = this.heard(at);
    const spans = heard && this.spans.get(heard.epoch);
    if (!heard || !spans) return {};
    return blended(spans, heard.sample);
  }

  /** Whether anything is being said. @param {number} at */
  speaking(at) {
    const heard = this.heard(at);
    const last = heard && this.spans.get(heard.epoch)?.at(-1);
    return Boolean(heard && last && heard.sample < last.end);
  }
}

/**
 * Shapes around a sample, the nearer the more: a raised cosine, so that neighbours flow into each
 * other without lagging behind. Lips that meet really meet: they push the others back.
 * @param {Span[]} spans in order @param {number} sample @returns {Record<string, number>}
 */
export function blended(spans, sample) {
  /** @type {Record<string, number>} */
  const found = {};
  for (let i = firstAfter(spans, sample - WINDOW); i < spans.length && spans[i].begin < sample + WINDOW; i += 1) {
    const { shape, begin, end } = spans[i];
    const share = area((end - sample) / WINDOW) - area((begin - sample) / WINDOW);
    if (share > 0 && shape !== "sil") found[shape] = (found[shape] ?? 0) + share;
  }
  for (const shape of LIPS_MEET) {
    const met = Math.min(1, 1.6 * (found[shape] ?? 0));
    if (!met) continue;
    for (const other of Object.keys(found)) found[other] = other === shape ? met : found[other] * (1 - met);
  }
  return found;
}

/** How much of the window lies before x, with the window from -1 to 1. @param {number} x */
function area(x) {
  const at = Math.min(1, Math.max(-1, x));
  return 0.5 + 0.5 * at + Math.sin(Math.PI * at) / (2 * Math.PI);
}

/** The first span that ends after a sample. @param {Span[]} spans @param {number} sample */
function firstAfter(spans, sample) {
  let [low, high] = [0, spans.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle].end <= sample) low = middle + 1;
    else high = middle;
  }
  return low;
}
