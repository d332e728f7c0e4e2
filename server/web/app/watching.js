/**
 * One room as an administrator watches it: its history once, then every event as it happens.
 *
 * The same `reduce` that shows a member's conversations is fed with the watched room's events,
 * into a state of its own, so that nothing of it lands among the administrator's own chats.
 */
import { api } from "./api.js";
import { ask, link, watchers, whenReady } from "./live.js";
import { empty, reduce } from "./store.js";
import { signal } from "./ui.js";

/** @typedef {import("./store.js").State} State */
/** @typedef {import("../types.d.ts").ServerFrame} ServerFrame */
/**
 * @typedef {object} Watched
 * @property {string} room
 * @property {string} why
 * @property {State} state
 * @property {"" | "paused" | "ended"} halted
 * @property {string} direction
 * @property {boolean} once whether the direction ends with the next reply
 * @property {string} fault
 */

/** @type {import("../vendor/signals.js").Signal<Watched | null>} */
export const watched = signal(null);

/** @param {Partial<Watched>} change @param {string} room */
function change(change, room) {
  const now = watched.peek();
  if (now?.room === room) watched.value = { ...now, ...change };
}

/** Look into a room, for a reason that is kept. @param {string} room @param {string} why */
export async function watch(room, why) {
  const now = watched.peek();
  if (now && now.room !== room) unwatch();
  const state = now?.room === room ? now.state : empty("");
  watched.value = { room, why, state, halted: "", direction: "", once: true, fault: "" };
  try {
    await ask({ type: "watch.start", room, why });
    await look(room, why);
  } catch (error) {
    change({ fault: /** @type {Error} */ (error).message }, room);
  }
}

/** Read what stands. @param {string} room @param {string} why */
async function look(room, why) {
  const seen = await api("GET", `admin/rooms/${encodeURIComponent(room)}/watch?why=${encodeURIComponent(why)}`);
  const now = watched.peek();
  if (now?.room !== room) return;
  const known = reduce(now.state, { type: "local.room", room: { ...seen.room, replying: null } });
  const state = reduce(known, { type: "local.history", room, items: seen.messages, more: false, older: false });
  watched.value = { ...now, state, halted: seen.halted, direction: seen.direction, once: seen.direction_once, fault: "" };
}

export function unwatch() {
  const now = watched.peek();
  watched.value = null;
  if (now && link.peek() === "ready") ask({ type: "watch.stop", room: now.room }).catch(() => undefined);
}

/**
 * Do something in the watched room.
 * @param {"whisper" | "pause" | "resume" | "say" | "end"} act
 * @param {Record<string, unknown>} [more]
 */
export async function act(act, more = {}) {
  const now = watched.peek();
  if (!now) return;
  await api("POST", `admin/rooms/${encodeURIComponent(now.room)}/${act}`, { body: { why: now.why, ...more }, key: crypto.randomUUID() });
  if (act === "pause") change({ halted: "paused" }, now.room);
  if (act === "resume") change({ halted: "" }, now.room);
  if (act === "end" && more.what === "room") change({ halted: "ended" }, now.room);
  if (act === "whisper") change({ direction: String(more.text ?? ""), once: more.once !== false }, now.room);
}

watchers.add((frame) => {
  const now = watched.peek();
  if (now?.room !== frame.room) return;
  if (frame.type === "watch.ended") watched.value = { ...now, fault: "You may no longer watch this room." };
  else watched.value = { ...now, direction: now.once && frame.event.type === "reply.started" ? "" : now.direction, state: reduce(now.state, /** @type {ServerFrame} */ (/** @type {unknown} */ (frame.event))) };
});

// A new connection watches nothing yet.
whenReady(() => {
  const now = watched.peek();
  if (now && !now.fault) void watch(now.room, now.why);
});
