/**
 * Where this device's own call stands, and what each thing that happens makes of it.
 *
 * Pure: the shell (calling.js) opens lines and feeds what they do; whether to come back, over
 * what, and when to give up is decided here.
 */

/** @typedef {import("./told.js").Kind} Kind */
/** @typedef {"check" | "dialling" | "connecting" | "live" | "reconnecting" | "over"} Phase */
/** @typedef {"webrtc" | "socket"} LineKind */
/** @typedef {{ code: string, message: string, details: Record<string, any> }} Fault */
/**
 * `left`: a call to be ended before this one begins. `lostAt`: since when the line is gone; `failed`: how many WebRTC connections in a row carried no sound.
 * @typedef {{ room: string, kind: Kind, phase: Phase, call: string, left: string, line: LineKind, failed: number, tries: number, lostAt: number, fault: Fault | null, reason: string }} Own
 */
/**
 * @typedef {{ type: "dial", line: LineKind, call?: string }
 *   | { type: "answered", call: string }
 *   | { type: "flowing" }
 *   | { type: "lost", now: number, silent?: boolean, nowhere?: boolean }
 *   | { type: "refused", fault: Fault, now: number }
 *   | { type: "over", reason: string }} Happening
 */

export const COME_BACK_MS = 30_000;
export const SILENT_TRIES = 2;
const WAITS_MS = [0, 500, 1500, 3000, 5000];
// What may pass by itself while one comes back: all else ends the call.
const PASSING = new Set(["unreachable", "at_capacity", "no_media_worker", "leg_gone", "leg_lost", "unavailable", "timeout", "lost", "internal", "rate_limited"]);

/** @param {string} room @param {Kind} kind @returns {Own} */
export function fresh(room, kind) {
  return { room, kind, phase: "check", call: "", left: "", line: "webrtc", failed: 0, tries: 0, lostAt: 0, fault: null, reason: "" };
}

/** @param {Own} own @param {Happening} event @returns {Own} */
export function step(own, event) {
  if (own.phase === "over" && event.type !== "dial") return own;
  switch (event.type) {
    case "dial": return { ...fresh(own.room, own.kind), phase: "dialling", line: event.line, call: event.call ?? "" };
    case "answered": return { ...own, call: event.call || own.call, phase: own.phase === "dialling" ? "connecting" : own.phase };
    case "flowing": return { ...own, phase: "live", left: "", failed: 0, tries: 0, lostAt: 0 };
    case "lost": return lost(own, event.now, event.nowhere ? SILENT_TRIES : Number(event.silent ?? false));
    case "refused": return refused(own, event.fault, event.now);
    case "over": return { ...own, phase: "over", reason: event.reason };
  }
}

/** @param {Own} own @param {number} now @param {number} silent how much speaks against WebRTC @returns {Own} */
function lost(own, now, silent) {
  const failed = own.failed + silent;
  const lostAt = own.lostAt || now;
  if (now - lostAt > COME_BACK_MS) return { ...own, phase: "over", reason: "connection_lost" };
  // A network that lets no WebRTC through may still let the socket through.
  const line = failed >= SILENT_TRIES ? "socket" : own.line;
  const next = { ...own, phase: /** @type {const} */ ("reconnecting"), failed, lostAt, line, tries: own.tries + 1 };
  // Over the socket there is sound alone: the video call ends, and a voice call is begun and paid as one.
  return line === "socket" && own.kind === "video" ? { ...next, kind: "voice", call: "", left: own.call } : next;
}

/** @param {Own} own @param {Fault} fault @param {number} now @returns {Own} */
function refused(own, fault, now) {
  if (own.call && PASSING.has(fault.code)) {
    const next = lost(own, now, 0);
    return next.phase === "over" ? { ...next, fault } : next;
  }
  // A call to come back to that is over is no fault: it ended while we were away.
  if (own.call && ["not_found", "call_not_found", "call_over", "call_ended"].includes(fault.code)) return { ...own, phase: "over", reason: "connection_lost" };
  return { ...own, phase: "over", reason: "refused", fault };
}

/** How long to wait before the next line is opened. @param {Own} own */
export function waitMs(own) {
  return WAITS_MS[Math.min(Math.max(own.tries - 1, 0), WAITS_MS.length - 1)];
}

/** Whether a call goes on, here, at this moment. @param {Own | null} own */
export function going(own) {
  return own !== null && own.phase !== "check" && own.phase !== "over";
}

/**
 * What the companion does, as one sees it.
 * @param {{ speaking: boolean, replying: boolean, captions: import("./told.js").Caption[], me: string }} seen
 * @returns {"speaking" | "thinking" | "listening"}
 */
export function companionState({ speaking, replying, captions, me }) {
  if (speaking) return "speaking";
  const last = captions.at(-1);
  if (last && last.of === me && !last.final) return "listening";
  if (replying || (last && last.of === me)) return "thinking";
  return "listening";
}
