/**
 * Runs beside the page, in the audio thread: gathers the microphone into 20 ms pieces, and plays
 * pieces as they come, with a short cushion against jitter. Only the socket line needs it.
 */
/* global sampleRate, registerProcessor, AudioWorkletProcessor */

const CUSHION_SECONDS = 0.08;
const MOST_SECONDS = 6;
const TOLD_EVERY = 25; // blocks of 128 samples

class Gather extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Float32Array(Math.round(sampleRate / 50));
    this.filled = 0;
  }

  /** @param {Float32Array[][]} inputs */
  process(inputs) {
    const sound = inputs[0]?.[0];
    for (let at = 0; sound && at < sound.length;) {
      const some = Math.min(sound.length - at, this.piece.length - this.filled);
      this.piece.set(sound.subarray(at, at + some), this.filled);
      at += some;
      this.filled += some;
      if (this.filled === this.piece.length) {
        this.port.postMessage(this.piece.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

class Play extends AudioWorkletProcessor {
  constructor() {
    super();
    /** @type {Float32Array[]} */
    this.queue = [];
    this.at = 0;
    this.waiting = 0;
    this.playing = false;
    this.port.onmessage = ({ data }) => {
      if (data === "flush") this.queue = [];
      else this.queue.push(data);
      if (data === "flush") { this.waiting = 0; this.at = 0; this.playing = false; } else this.waiting += data.length;
      while (this.waiting > MOST_SECONDS * sampleRate && this.queue.length > 1) this.drop();
    };
  }

  drop() {
    this.waiting -= (this.queue.shift()?.length ?? 0) - this.at;
    this.at = 0;
  }

  /** @param {Float32Array[][]} _inputs @param {Float32Array[][]} outputs */
  process(_inputs, outputs) {
    const out = outputs[0][0];
    this.told = (this.told ?? 0) + 1;
    if (this.told % TOLD_EVERY === 0 && this.playing) this.port.postMessage({ waiting: this.waiting }); // how far behind the network one hears
    if (!this.playing && this.waiting < CUSHION_SECONDS * sampleRate) return true;
    this.playing = true;
    for (let to = 0; to < out.length;) {
      const piece = this.queue[0];
      if (!piece) { this.playing = false; break; }
      const some = Math.min(out.length - to, piece.length - this.at);
      out.set(piece.subarray(this.at, this.at + some), to);
      to += some;
      this.at += some;
      this.waiting -= some;
      if (this.at === piece.length) { this.queue.shift(); this.at = 0; }
    }
    return true;
  }
}

registerProcessor("gather", Gather);
registerProcessor("play", Play);
