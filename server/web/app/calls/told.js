/**
 * What the server tells of calls, as the store keeps it: who calls whom, how long, for how much,
 * and what is being said. Pure, as the whole store; a room has one call at a time.
 */

/** @typedef {"voice" | "video"} Kind */
/** @typedef {{ id: string, of: string, text: string, final: boolean }} Caption */
/** @typedef {{ reason: string, seconds: number, cost: number, receipt: string | null }} Ending */
/** @typedef {{ state: "off" | "asked" | "on", agreed: string[], missing: string[] }} Recording */
/**
 * `pictures`: of one's camera that the companion was shown. `at` is when `seconds` and `cost` were told, by the server's clock; `rate` in microcredits a
 * minute, 0 where the plan includes it.
 * @typedef {{ call: string, kind: Kind, person: string, companion: string, rate: number, state: string, seconds: number, cost: number, pictures: number, at: number, captions: Caption[], recording: Recording, shut: { why: Unseen } | null, ended: Ending | null }} Told
 */
/** Why one's camera was shut by the server. @typedef {"minor" | "refused" | "unjudged"} Unseen */
/**
 * @typedef {{ type: "call.started", at?: number, room: string, call: string, kind: Kind, person: string, companion: string, microcredits_per_minute: number }
 *   | { type: "call.updated", at?: number, room: string, call: string, state: string, seconds: number, cost_microcredits: number, recorded?: boolean }
 *   | { type: "call.recording", at?: number, room: string, call: string, state: "off" | "asked" | "on", agreed: string[], missing: string[], why?: string }
 *   | { type: "call.seen", at?: number, room: string, call: string, pictures: number, cost_microcredits: number }
 *   | { type: "call.unseen", at?: number, room: string, call: string, why: Unseen }
 *   | { type: "call.ended", at?: number, room: string, call: string, reason: string, seconds: number, cost_microcredits: number, receipt?: string | null }
 *   | { type: "call.caption", at?: number, room: string, call: string, of: string, utterance: string, text: string, final?: boolean, withdrawn?: boolean }} CallEvent
 */

export const CAPTIONS_KEPT = 40;
/** @type {Recording} */
const OFF = { state: "off", agreed: [], missing: [] };

/** @param {Record<string, Told>} calls @param {CallEvent} event @returns {Record<string, Told>} */
export function tell(calls, event) {
  const known = calls[event.room];
  if (event.type === "call.started") {
    if (known?.call === event.call) return calls;
    return { ...calls, [event.room]: begun(event) };
  }
  // A call whose beginning was told while we were away is known by its first sign of life.
  const call = known?.call === event.call ? known : begun(event);
  if (event.type !== "call.ended" && call.ended) return calls;
  return { ...calls, [event.room]: changed(call, event) };
}

/** @param {CallEvent} event @returns {Told} */
function begun(event) {
  const started = event.type === "call.started" ? event : null;
  return {
    call: event.call, kind: started?.kind ?? "voice", person: started?.person ?? "", companion: started?.companion ?? "",
    rate: started?.microcredits_per_minute ?? 0, state: "connecting", seconds: 0, cost: 0, pictures: 0, at: event.at ?? 0, captions: [], recording: OFF, shut: null, ended: null,
  };
}

/** @param {Told} call @param {CallEvent} event @returns {Told} */
function changed(call, event) {
  switch (event.type) {
    case "call.updated": return {
      ...call, state: event.state, seconds: Math.max(call.seconds, event.seconds),
      cost: Math.max(call.cost, event.cost_microcredits), at: event.at ?? call.at,
      recording: event.recorded === (call.recording.state === "on") || event.recorded === undefined ? call.recording : event.recorded ? { ...call.recording, state: "on" } : OFF,
    };
    case "call.recording": return { ...call, recording: { state: event.state, agreed: event.agreed, missing: event.missing } };
    case "call.ended": return {
      ...call, state: "ended",
      ended: { reason: event.reason, seconds: event.seconds, cost: event.cost_microcredits, receipt: event.receipt ?? null },
    };
    case "call.seen": return { ...call, pictures: Math.max(call.pictures, event.pictures) };
    case "call.unseen": return { ...call, shut: { why: event.why } };
    case "call.caption": return { ...call, captions: captioned(call.captions, event) };
    default: return call;
  }
}

/** The newest of an utterance stands where its first stood.
 * @param {Caption[]} captions @param {CallEvent & { type: "call.caption" }} event @returns {Caption[]} */
function captioned(captions, event) {
  const at = captions.findIndex((one) => one.id === event.utterance);
  if (event.withdrawn || (event.final && !event.text)) return captions.filter((one) => one.id !== event.utterance);
  const caption = { id: event.utterance, of: event.of, text: event.text, final: event.final ?? false };
  if (at < 0) return [...captions, caption].slice(-CAPTIONS_KEPT);
  return captions[at].final ? captions : captions.with(at, caption);
}

/**
 * What of a reply is written and not heard yet, told from what was captioned.
 * @param {Caption} caption @param {{ id: string, text: string } | undefined} reply
 */
export function unheard(caption, reply) {
  if (!reply || caption.final || reply.id !== caption.id || !reply.text.startsWith(caption.text)) return "";
  return reply.text.slice(caption.text.length);
}

/**
 * How long the credits last at this rate, in whole minutes; null where nothing is metered. What
 * the call holds is its own to spend, so it counts.
 * @param {{ available_microcredits: number, held_microcredits: number } | null} wallet
 * @param {number} rate microcredits a minute @param {number} cost so far
 */
export function minutesLeft(wallet, rate, cost) {
  if (!wallet || rate <= 0) return null;
  return Math.max(0, Math.floor((wallet.available_microcredits + wallet.held_microcredits - cost) / rate));
}

/** @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return hours ? `${hours}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}` : `${two(Math.floor(whole / 60))}:${two(whole % 60)}`;
}
