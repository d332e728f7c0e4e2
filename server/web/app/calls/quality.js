/** How good the connection is, from what WebRTC counts. Pure: two readings in, a grade out. */

/** @typedef {{ at: number, received: number, lost: number, jitterMs: number, roundTripMs: number | null, concealed: number, samples: number, keptMs: number, emitted: number }} Reading `keptMs`: how long all sound was kept ready, together */
/** @typedef {{ grade: "good" | "fair" | "poor", roundTripMs: number | null, lostPercent: number, jitterMs: number, concealedPercent: number }} Quality */

/** The numbers of a connection's report that matter here. @param {Iterable<any>} report @param {number} at @returns {Reading} */
export function read(report, at) {
  const reading = { at, received: 0, lost: 0, jitterMs: 0, roundTripMs: /** @type {number | null} */ (null), concealed: 0, samples: 0, keptMs: 0, emitted: 0 };
  for (const one of report) {
    if (one.type === "inbound-rtp" && one.kind === "audio") {
      reading.received += one.packetsReceived ?? 0;
      reading.lost += one.packetsLost ?? 0;
      reading.jitterMs = Math.max(reading.jitterMs, (one.jitter ?? 0) * 1000);
      reading.concealed += (one.concealedSamples ?? 0) - (one.silentConcealedSamples ?? 0);
      reading.samples += one.totalSamplesReceived ?? 0;
      reading.keptMs += (one.jitterBufferDelay ?? 0) * 1000;
      reading.emitted += one.jitterBufferEmittedCount ?? 0;
    } else if (one.type === "candidate-pair" && one.nominated && typeof one.currentRoundTripTime === "number") {
      reading.roundTripMs = one.currentRoundTripTime * 1000;
    }
  }
  return reading;
}

/** @param {Reading} before @param {Reading} now @returns {Quality} */
export function judge(before, now) {
  const received = Math.max(0, now.received - before.received);
  const lost = Math.max(0, now.lost - before.lost);
  const samples = now.samples - before.samples;
  const lostPercent = received + lost > 0 ? (100 * lost) / (received + lost) : 0;
  const concealedPercent = samples > 0 ? Math.max(0, (100 * (now.concealed - before.concealed)) / samples) : 0;
  const trip = now.roundTripMs ?? 0;
  const poor = lostPercent > 8 || trip > 500 || now.jitterMs > 120 || concealedPercent > 15;
  const fair = lostPercent > 2 || trip > 250 || now.jitterMs > 45 || concealedPercent > 4;
  return { grade: poor ? "poor" : fair ? "fair" : "good", roundTripMs: now.roundTripMs, lostPercent, jitterMs: now.jitterMs, concealedPercent };
}

/** How long sound is kept ready before it is heard, in milliseconds. @param {Reading} before @param {Reading} now */
export function keptMs(before, now) {
  const emitted = now.emitted - before.emitted;
  return emitted > 0 ? (now.keptMs - before.keptMs) / emitted : null;
}

/** @param {Quality} quality */
export function inWords(quality) {
  const name = { good: "Good connection", fair: "Weak connection", poor: "Poor connection" }[quality.grade];
  const trip = quality.roundTripMs === null ? "" : `, ${Math.round(quality.roundTripMs)} ms there and back`;
  return `${name}${trip}, ${quality.lostPercent.toFixed(1)} % lost`;
}
