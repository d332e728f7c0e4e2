/**
 * What a person can do in a conversation. Everything that sends goes through the outbox: it is
 * kept on this device under one key until the server has taken it, however often that is tried.
 */
import { api } from "./api.js";
import { ask, happen, link, meta, readRoom, readRooms, readWallet, state, tell, whenReady } from "./live.js";
import { go } from "./router.js";
import { Refused } from "./socket.js";
import { toast } from "./toast.js";

/** @typedef {import("./store.js").Pending} Pending */

const TRIES = 4;

/** @returns {string} */
export function newKey() {
  return crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {Pending["kind"]} kind
 * @param {string} room
 * @param {{ text?: string, target?: string }} [what]
 */
function queue(kind, room, { text = "", target } = {}) {
  /** @type {Pending} */
  const pending = { key: newKey(), kind, room, text, target: target ?? null, at: Date.now(), state: "waiting", fault: null };
  happen({ type: "local.queued", pending });
  void flush();
}

/** @param {string} room @param {string} text */
export const send = (room, text) => queue("send", room, { text });
/** @param {string} room @param {string} message @param {string} text */
export const edit = (room, message, text) => queue("edit", room, { text, target: message });
/** @param {string} room @param {string} message */
export const again = (room, message) => queue("again", room, { target: message });
/** @param {string} room @param {string} message */
export const carryOn = (room, message) => queue("continue", room, { target: message });

/** @param {string} key */
export function retry(key) {
  happen({ type: "local.retry", key });
  void flush();
}

/** @param {string} key */
export const discard = (key) => happen({ type: "local.dropped", key });

/** @param {Pending} one */
function commandOf(one) {
  switch (one.kind) {
    case "send": return { type: "message.send", room: one.room, text: one.text, key: one.key };
    case "edit": return { type: "message.edit", room: one.room, message: one.target, text: one.text, key: one.key };
    case "again": return { type: "reply.create", room: one.room, message: one.target, mode: "again", key: one.key };
    case "continue": return { type: "reply.create", room: one.room, message: one.target, mode: "continue", key: one.key };
  }
}

let flushing = false;
/** Send what waits, in the order it was said. */
async function flush() {
  if (flushing || link.peek() !== "ready") return;
  flushing = true;
  try {
    for (let next = waiting(); next && link.peek() === "ready"; next = waiting()) await sendOne(next);
  } finally {
    flushing = false;
  }
}
whenReady(() => void flush());

function waiting() {
  return state.peek().outbox.find((one) => one.state === "waiting");
}

/** @param {Pending} one */
async function sendOne(one) {
  for (let tries = 1; ; tries += 1) {
    try {
      await ask(commandOf(one));
      happen(one.kind === "send" || one.kind === "edit" ? { type: "local.sent", key: one.key } : { type: "local.dropped", key: one.key });
      return;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.code === "lost") return; // whenReady comes back here
      const soon = error.retryable && error.retryAfterMs <= 3000 && tries < TRIES;
      if (!soon) {
        refuse(one, error);
        return;
      }
      await new Promise((wake) => setTimeout(wake, error.retryAfterMs || 300 * tries));
    }
  }
}

/** @param {Pending} one @param {Refused} error */
function refuse(one, error) {
  const fault = { code: error.code, message: error.message, details: error.details };
  happen({ type: "local.refused", key: one.key, fault });
  if (one.kind === "again" || one.kind === "continue") {
    toast(error.message);
    happen({ type: "local.dropped", key: one.key });
  }
  if (fault.code === "out_of_credits") readWallet().catch(() => undefined);
}

/** Stop the reply under way. What was said stays, and only that is charged. @param {string} room */
export async function stop(room) {
  const reply = state.peek().replies[room];
  if (!reply) return;
  happen({ type: "local.stopping", room });
  try {
    await ask({ type: "reply.cancel", reply: reply.id });
  } catch (error) {
    if (error instanceof Refused && error.code === "lost") toast("No connection: the reply goes on until you are back.");
    else toast(/** @type {Error} */ (error).message);
  }
}

/** Walk to another alternative of a message. @param {string} room @param {string} message */
export async function walk(room, message) {
  try {
    await ask({ type: "branch.select", room, message, key: newKey() });
    await readRoom(room);
  } catch (error) {
    toast(/** @type {Error} */ (error).message);
  }
}

/** React to a message, or take the reaction back. @param {string} room @param {string} message @param {string | null} reaction */
export async function react(room, message, reaction) {
  try {
    await ask({ type: "message.react", room, message, reaction, key: newKey() });
  } catch (error) {
    toast(/** @type {Error} */ (error).message);
  }
}

/** @param {string} id */
export async function openRoom(id) {
  happen({ type: "local.opened", room: id });
  if (!state.peek().logs[id]?.loaded || state.peek().logs[id].stale) await readRoom(id);
}

export function closeRoom() {
  happen({ type: "local.opened", room: "" });
}

/** @param {string} id */
export function markRead(id) {
  const room = state.peek().rooms[id];
  const log = state.peek().logs[id];
  const n = Math.max(room?.n ?? 0, log?.items.at(-1)?.n ?? 0);
  if (!room || (room.unread === 0 && readUp.get(id) === n)) return;
  readUp.set(id, n);
  tell({ type: "read", room: id, n });
  happen({ type: "local.read", room: id });
}
/** @type {Map<string, number>} */
const readUp = new Map();

let toldTyping = 0;
/** @param {string} room */
export function typing(room) {
  if (Date.now() - toldTyping < 3000) return;
  toldTyping = Date.now();
  tell({ type: "typing", room, on: true });
}

/** Go on with this companion where one left off, or begin. @param {string} companion */
export async function talkTo(companion) {
  if (!state.peek().roomsLoaded) await readRooms();
  const known = Object.values(state.peek().rooms).find((room) => room.status === "active" && sole(room) === companion);
  const room = known ?? await api("POST", "rooms", { body: { companions: [companion] }, key: newKey() });
  if (!known) happen({ type: "local.room", room });
  go(`/chats/${room.id}`);
}

/** @param {import("../types.d.ts").Room} room */
function sole(room) {
  const companions = room.members.filter((one) => one.kind === "companion");
  return companions.length === 1 ? companions[0].id : "";
}

/** Leave a room; what one wrote stays there. @param {string} room */
export async function leaveRoom(room) {
  await api("DELETE", `rooms/${room}/members/me`);
  happen({ type: "local.gone", room });
}

/** Come in by an invitation's code or id. @param {string} code @returns {Promise<string>} the room */
export async function accept(code) {
  const room = await api("POST", `invitations/${encodeURIComponent(code)}`, { key: newKey() });
  happen({ type: "local.room", room });
  happen({ type: "local.invited", items: state.peek().invited.filter((one) => one.id !== code) });
  return room.id;
}

/** @param {string} room */
export async function archive(room) {
  await api("PATCH", `rooms/${room}`, { body: { status: "archived" } });
  await readRooms();
}

/** @param {{ room: string, message: string, reason: string, note: string }} form */
export async function report(form) {
  await api("POST", "moderation/report", { body: form, key: newKey() });
}

/**
 * What the next reply can cost at most: the last one's ceiling here, else reckoned from the
 * price book and the length of the prompt.
 * @param {string} room
 * @param {number} inputTokens 0 when not known
 */
export function ceilingOf(room, inputTokens) {
  const reply = state.peek().replies[room];
  if (reply?.ceiling) return reply.ceiling;
  const prices = meta.peek()?.prices;
  const last = state.peek().logs[room]?.items.findLast((one) => one.usage)?.usage;
  const tokens = Math.max(inputTokens, last ? last.input_tokens + last.output_tokens : 0);
  if (!prices || !tokens) return 0;
  const discount = meta.peek()?.plans?.[planOf()]?.discount_percent ?? 0;
  const most = meta.peek()?.reply_tokens ?? 512;
  const listed = (tokens * prices.input_microcredits_per_1k + most * prices.output_microcredits_per_1k) / 1000;
  if (!listed) return 0;
  return Math.max(Math.ceil(listed * (100 - discount) / 100), prices.minimum_microcredits ?? 0);
}

function planOf() {
  try {
    return JSON.parse(localStorage.getItem("kindred.person") ?? "{}").plan ?? "";
  } catch {
    return "";
  }
}
