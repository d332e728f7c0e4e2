/** How loud something is just now: for meters, for the glow, and for who is speaking. */

const SPEAKING = 0.06;
const HANGS_MS = 450;
const SPEAKER_MS = 15;

/** @type {AudioContext | null} */
let shared = null;

/** The page's one audio context; made by a touch, as browsers demand. */
export function audio() {
  shared ??= new AudioContext({ latencyHint: "interactive" });
  if (shared.state === "suspended") void shared.resume();
  return shared;
}

/** How long sound takes from here to the ear, as far as the browser knows. */
export function speakerMs() {
  return shared?.outputLatency ? 1000 * shared.outputLatency : SPEAKER_MS;
}

/** Follows one stream's loudness, 0 to 1, as the ear hears it. */
export class Level {
  /** @param {MediaStream | AudioNode} from */
  constructor(from) {
    const context = audio();
    this.source = from instanceof MediaStream ? context.createMediaStreamSource(from) : from;
    this.own = from instanceof MediaStream;
    this.analyser = context.createAnalyser();
    this.analyser.fftSize = 1024;
    this.source.connect(this.analyser);
    this.samples = new Float32Array(this.analyser.fftSize);
    this.value = 0;
    this.spokeAt = -HANGS_MS;
  }

  /** @param {number} now in milliseconds @returns {number} */
  read(now) {
    this.analyser.getFloatTimeDomainData(this.samples);
    let sum = 0;
    for (const one of this.samples) sum += one * one;
    const db = 10 * Math.log10(sum / this.samples.length + 1e-9);
    const loud = Math.max(0, Math.min(1, (db + 60) / 48));
    this.value += (loud - this.value) * (loud > this.value ? 0.5 : 0.16);
    if (this.value > SPEAKING) this.spokeAt = now;
    return this.value;
  }

  /** Whether it sounded a moment ago. @param {number} now */
  speaking(now) {
    return now - this.spokeAt < HANGS_MS;
  }

  close() {
    try { this.source.disconnect(this.analyser); } catch { /* its context is gone, and it with it */ }
    if (this.own) this.source.disconnect();
  }
}

/** A short, pleasant sound, to try the speaker. @param {string | undefined} speaker */
export async function chime(speaker) {
  const context = audio();
  const out = context.createMediaStreamDestination();
  const player = new Audio();
  player.srcObject = out.stream;
  const setSink = /** @type {any} */ (player).setSinkId;
  if (setSink && speaker) await setSink.call(player, speaker).catch(() => undefined);
  await player.play().catch(() => undefined);
  for (const [i, hertz] of [523.25, 659.25, 783.99].entries()) {
    const at = context.currentTime + 0.05 + i * 0.16;
    const tone = new OscillatorNode(context, { type: "sine", frequency: hertz });
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.linearRampToValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.22, at + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, at + 0.5);
    tone.connect(gain).connect(out);
    tone.start(at);
    tone.stop(at + 0.55);
  }
  setTimeout(() => { player.pause(); player.srcObject = null; }, 1400);
}
