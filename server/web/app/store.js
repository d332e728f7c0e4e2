/**
 * What the app knows, as one value, and how each event changes it.
 *
 * Pure: no clock, no network, no storage. `reduce(state, event)` is called for what the server
 * tells and for what happens here (`local.*`), so all of it can be tested by calling it.
 */
import { tell as called } from "./calls/told.js";
import { changed, gone, invited, present, readOn } from "./company.js";

/** @typedef {import("../types.d.ts").Message} Message */
/** @typedef {import("../types.d.ts").Room} Room */
/** @typedef {import("../types.d.ts").Wallet} Wallet */
/** @typedef {import("../types.d.ts").Link} Link */
/** @typedef {import("../types.d.ts").ServerFrame} ServerFrame */
/** @typedef {{ items: Message[], more: boolean, loaded: boolean, stale: boolean }} Log */
/**
 * A reply under way. `length` counts the code points known; `missing` says that its beginning
 * was told while we were away and comes with its end.
 * @typedef {{ id: string, room: string, companion: string, ceiling: number, text: string, length: number, missing: boolean, cost: number, parent: string | null, continues: string | null, stopping: boolean }} Reply
 */
/** @typedef {{ code: string, message: string, details?: Record<string, unknown> }} Fault */
/**
 * Something the person did that the server has not carried out yet.
 * @typedef {{ key: string, kind: "send" | "edit" | "again" | "continue", room: string, text: string, target: string | null, at: number, state: "waiting" | "sent" | "failed", fault: Fault | null }} Pending
 */
/** @typedef {{ id: string, kind: string, text: string, links: Link[], after: string | null }} Note */
/** @typedef {{ reply: string, parent: string | null, status: string, code: string | null }} Failure */
/**
 * @typedef {object} State
 * @property {string} me
 * @property {Wallet | null} wallet
 * @property {string} low the last warning of a low balance, until dismissed
 * @property {boolean} demo
 * @property {Record<string, Room>} rooms
 * @property {boolean} roomsLoaded
 * @property {Record<string, Log>} logs
 * @property {Record<string, Reply>} replies by room
 * @property {Record<string, Note[]>} notes by room; "" holds those about the account
 * @property {Record<string, Failure>} failures by room
 * @property {Record<string, import("./calls/told.js").Told>} calls the last call of each room, as told
 * @property {Record<string, { person: string, name: string }>} typing by room
 * @property {Record<string, string>} present how the others are, by person, since we are connected
 * @property {import("./company.js").Invited[]} invited invitations that name us
 * @property {Pending[]} outbox
 * @property {string} open the room on screen
 * @property {Fault | null} broke set when the last thing said met an empty wallet
 */
/**
 * @typedef {{ type: "local.rooms", rooms: Room[] }
 *   | { type: "local.room", room: Room }
 *   | { type: "local.history", room: string, items: Message[], more: boolean, older: boolean }
 *   | { type: "local.cached", rooms: Room[], logs: Record<string, Log>, outbox: Pending[], wallet: Wallet | null }
 *   | { type: "local.place", room: string, message: Message }
 *   | { type: "local.wallet", wallet: Wallet }
 *   | { type: "local.demo", demo: boolean }
 *   | { type: "local.queued", pending: Pending }
 *   | { type: "local.sent", key: string }
 *   | { type: "local.refused", key: string, fault: Fault }
 *   | { type: "local.retry", key: string }
 *   | { type: "local.dropped", key: string }
 *   | { type: "local.opened", room: string }
 *   | { type: "local.connected" }
 *   | { type: "local.invited", items: import("./company.js").Invited[] }
 *   | { type: "local.gone", room: string }
 *   | { type: "local.read", room: string }
 *   | { type: "local.stopping", room: string }
 *   | { type: "local.dismissed", what: "low" | "broke" | "failure", room?: string }
 *   | { type: "local.resync" }} LocalEvent
 */

export const KEPT_MESSAGES = 2000;

/** @param {string} me @returns {State} */
export function empty(me) {
  return {
    me, wallet: null, low: "", demo: false, rooms: {}, roomsLoaded: false, logs: {}, replies: {},
    notes: {}, failures: {}, calls: {}, typing: {}, present: {}, invited: [], outbox: [], open: "", broke: null,
  };
}

/**
 * @param {State} state
 * @param {ServerFrame | LocalEvent | import("./calls/told.js").CallEvent} event
 * @returns {State}
 */
export function reduce(state, event) {
  switch (event.type) {
    case "message.created": return created(state, event.room, event.message);
    case "message.updated": return updated(state, event.room, event.message);
    case "reply.started": return started(state, event);
    case "reply.delta": return delta(state, event);
    case "reply.done": return done(state, event);
    case "room.updated": return changed(state, event.room);
    case "room.left": return gone(state, event.room);
    case "room.invited": return invited(state, { id: event.invitation, title: event.title, by: event.by });
    case "presence": return present(state, event);
    case "typing": return typing(state, event);
    case "read": return event.person === state.me ? seen(state, event.room, event.n) : readOn(state, event);
    case "wallet.updated": return wallet(state, event);
    case "wallet.low": return { ...state, low: event.text };
    case "notice": return noted(state, event);
    case "call.started": case "call.updated": case "call.recording": case "call.seen": case "call.unseen": case "call.caption": return { ...state, calls: called(state.calls, event) };
    case "call.ended": return callEnded({ ...state, calls: called(state.calls, event) }, event);
    default: return local(state, /** @type {LocalEvent} */ (event));
  }
}

/** @param {State} state @param {LocalEvent} event @returns {State} */
function local(state, event) {
  switch (event.type) {
    case "local.rooms": {
      const rooms = Object.fromEntries(event.rooms.map((room) => [room.id, room]));
      return { ...state, rooms, roomsLoaded: true, replies: known(state.replies, rooms) };
    }
    case "local.room": return adopt({ ...state, rooms: { ...state.rooms, [event.room.id]: event.room } }, event.room);
    case "local.history": return history(state, event);
    case "local.place": return placed(state, event.room, event.message);
    case "local.cached": {
      const rooms = { ...Object.fromEntries(event.rooms.map((room) => [room.id, room])), ...state.rooms };
      return { ...state, rooms, logs: { ...event.logs, ...state.logs }, outbox: [...event.outbox, ...state.outbox], wallet: state.wallet ?? event.wallet };
    }
    case "local.wallet": return wallet(state, event.wallet);
    case "local.demo": return { ...state, demo: event.demo };
    case "local.queued": return queued(state, event.pending);
    case "local.sent": return { ...state, outbox: state.outbox.map((one) => (one.key === event.key ? { ...one, state: "sent", fault: null } : one)) };
    case "local.refused": return refused(state, event.key, event.fault);
    case "local.retry": return { ...state, broke: null, outbox: state.outbox.map((one) => (one.key === event.key ? { ...one, state: "waiting", fault: null } : one)) };
    case "local.dropped": return { ...state, outbox: state.outbox.filter((one) => one.key !== event.key) };
    case "local.connected": return { ...state, present: {} };
    case "local.invited": return { ...state, invited: event.items };
    case "local.gone": return gone(state, event.room);
    case "local.opened": return { ...state, open: event.room };
    case "local.read": return seen(state, event.room, state.rooms[event.room]?.n ?? 0);
    case "local.stopping": {
      const reply = state.replies[event.room];
      return reply ? { ...state, replies: { ...state.replies, [event.room]: { ...reply, stopping: true } } } : state;
    }
    case "local.dismissed": {
      if (event.what === "failure") return { ...state, failures: without(state.failures, event.room ?? "") };
      return event.what === "low" ? { ...state, low: "" } : { ...state, broke: null };
    }
    case "local.resync": return {
      ...state, replies: {}, typing: {},
      logs: Object.fromEntries(Object.entries(state.logs).map(([room, log]) => [room, { ...log, stale: true }])),
    };
    default: return state;
  }
}

// --- messages

/** @param {State} state @param {string} room @param {Message} message @returns {State} */
function created(state, room, message) {
  const mine = message.sender.id === state.me;
  const outbox = message.key ? state.outbox.filter((one) => one.key !== message.key) : state.outbox;
  const next = { ...state, outbox, failures: without(state.failures, room), typing: without(state.typing, room) };
  return touched(placed(next, room, message), room, message, !mine);
}

/** A changed message; one we do not show means that another branch is in use.
 * @param {State} state @param {string} room @param {Message} message @returns {State} */
function updated(state, room, message) {
  const log = state.logs[room];
  if (!log) return state;
  const at = log.items.findIndex((one) => one.id === message.id);
  if (at < 0) return { ...state, logs: { ...state.logs, [room]: { ...log, stale: true } } };
  const items = log.items.with(at, message);
  // Walking to another alternative is told by naming its newest leaf.
  const stale = log.stale || (at < items.length - 1 && state.rooms[room]?.head !== items.at(-1)?.id);
  return { ...state, logs: { ...state.logs, [room]: { ...log, items, stale } } };
}

/** Put a message where it belongs; a fork takes away what does not lead to it.
 * @param {State} state @param {string} room @param {Message} message @returns {State} */
function placed(state, room, message) {
  const log = state.logs[room];
  if (!log || !log.loaded) return state;
  const before = standing(log.items, message.parent, message.alternatives?.ids ?? []).filter((one) => one.id !== message.id);
  // An interruption may be told before the end of what it interrupted: it follows, it is no fork.
  const items = [...before, ...following(log.items, message.id, before)];
  const kept = [...before, message, ...items.slice(before.length)].slice(-KEPT_MESSAGES);
  const more = log.more || kept.length <= items.length;
  return { ...state, logs: { ...state.logs, [room]: { ...log, items: kept, more } } };
}

/** What is known to follow a message, directly or not, and does not stand yet.
 * @param {Message[]} items @param {string} id @param {Message[]} standing */
function following(items, id, standing) {
  const line = new Set([id]);
  return items.filter((one) => {
    const after = one.id !== id && one.parent !== null && line.has(one.parent) && !standing.includes(one);
    if (after) line.add(one.id);
    return after;
  });
}

/** The messages that stay when something is added under `parent`.
 * @param {Message[]} items @param {string | null} parent @param {string[]} siblings @returns {Message[]} */
export function standing(items, parent, siblings = []) {
  const sibling = items.findIndex((one) => siblings.includes(one.id));
  if (sibling >= 0) return items.slice(0, sibling);
  const at = parent === null ? -1 : items.findIndex((one) => one.id === parent);
  return at >= 0 ? items.slice(0, at + 1) : items;
}

/** @param {State} state @param {string} id @param {Message} message @param {boolean} unread @returns {State} */
function touched(state, id, message, unread) {
  const room = state.rooms[id];
  if (!room) return state;
  const more = unread && state.open !== id ? 1 : 0;
  const log = state.logs[id];
  const last = (log?.loaded && log.items.at(-1)) || message;
  const next = {
    ...room, last_message: last, head: last.id, n: Math.max(room.n, message.n),
    updated_at: message.at, unread: room.unread + more,
    spent_microcredits: room.spent_microcredits + message.cost_microcredits,
  };
  return { ...state, rooms: { ...state.rooms, [id]: next } };
}

/** @param {State} state @param {{ room: string, items: Message[], more: boolean, older: boolean }} event @returns {State} */
function history(state, event) {
  const log = state.logs[event.room];
  const shown = new Set(event.items.map((one) => one.id));
  const items = event.older && log ? [...event.items, ...log.items.filter((one) => !shown.has(one.id))] : event.items;
  const next = { items, more: event.more, loaded: true, stale: false };
  const keys = new Set(items.map((one) => one.key).filter(Boolean));
  const outbox = state.outbox.filter((one) => !keys.has(one.key));
  return { ...state, outbox, logs: { ...state.logs, [event.room]: next } };
}

/** The entry a call leaves is a message. @param {State} state @param {any} event @returns {State} */
function callEnded(state, event) {
  return event.message ? created(state, event.room, event.message) : state;
}

// --- replies

/** @param {State} state @param {import("../types.d.ts").ReplyStarted} event @returns {State} */
function started(state, event) {
  const known = state.replies[event.room];
  if (known?.id === event.reply) return state;
  /** @type {Reply} */
  const reply = {
    id: event.reply, room: event.room, companion: event.companion, ceiling: event.ceiling_microcredits,
    text: "", length: 0, missing: false, cost: 0, parent: event.parent, continues: event.continues, stopping: false,
  };
  const log = state.logs[event.room];
  const logs = log ? { ...state.logs, [event.room]: { ...log, items: standing(log.items, event.parent) } } : state.logs;
  const outbox = state.outbox.filter((one) => !(one.room === event.room && (one.kind === "again" || one.kind === "continue") && one.state === "sent"));
  return { ...state, logs, outbox, replies: { ...state.replies, [event.room]: reply }, failures: without(state.failures, event.room), broke: null };
}

/** Words join by their offset: a repeat adds nothing, whatever overlaps is cut.
 * @param {State} state @param {import("../types.d.ts").ReplyDelta} event @returns {State} */
function delta(state, event) {
  const reply = state.replies[event.room];
  if (!reply || reply.id !== event.reply) return adoptDelta(state, event);
  const points = [...event.text];
  const overlap = reply.length - event.offset;
  const cost = Math.max(reply.cost, event.cost_microcredits ?? 0);
  if (overlap >= points.length) return cost === reply.cost ? state : withReply(state, { ...reply, cost });
  if (overlap < 0) {
    // The beginning was told while we were away; the end brings the whole text.
    return withReply(state, { ...reply, text: event.text, length: event.offset + points.length, missing: true, cost });
  }
  const text = reply.text + (overlap > 0 ? points.slice(overlap).join("") : event.text);
  return withReply(state, { ...reply, text, length: event.offset + points.length, cost });
}

/** A delta of a reply whose start we did not hear. @param {State} state @param {import("../types.d.ts").ReplyDelta} event @returns {State} */
function adoptDelta(state, event) {
  /** @type {Reply} */
  const reply = {
    id: event.reply, room: event.room, companion: "", ceiling: 0, text: event.text, length: event.offset + [...event.text].length,
    missing: event.offset > 0, cost: event.cost_microcredits ?? 0, parent: null, continues: null, stopping: false,
  };
  return withReply(state, reply);
}

/** @param {State} state @param {import("../types.d.ts").ReplyDone} event @returns {State} */
function done(state, event) {
  const reply = state.replies[event.room];
  const current = !reply || reply.id === event.reply;
  const over = { ...state, wallet: paid(state.wallet, event.cost_microcredits), replies: current ? without(state.replies, event.room) : state.replies };
  if (event.message) return touched(placed(over, event.room, event.message), event.room, event.message, true);
  const log = state.logs[event.room];
  const logs = log ? { ...state.logs, [event.room]: { ...log, stale: true } } : state.logs;
  if (event.status === "completed") return { ...over, logs };
  const failure = { reply: event.reply, parent: reply?.parent ?? null, status: event.status, code: event.code };
  return { ...over, logs, failures: { ...over.failures, [event.room]: failure } };
}

/** The balance right after a reply; the wallet's own word follows at once.
 * @param {Wallet | null} wallet @param {number} cost */
function paid(wallet, cost) {
  return wallet && cost ? { ...wallet, available_microcredits: Math.max(0, wallet.available_microcredits - cost) } : wallet;
}

/** @param {State} state @param {Reply} reply @returns {State} */
function withReply(state, reply) {
  return { ...state, replies: { ...state.replies, [reply.room]: reply } };
}

/** A reply that is under way in a room we look at again. @param {State} state @param {Room} room @returns {State} */
function adopt(state, room) {
  const reply = state.replies[room.id];
  if (!room.replying) return state;
  if (reply?.id === room.replying) return state;
  const companion = room.members.find((one) => one.kind === "companion")?.id ?? "";
  return withReply(state, {
    id: room.replying, room: room.id, companion, ceiling: 0, text: "", length: 0,
    missing: false, cost: 0, parent: null, continues: null, stopping: false,
  });
}

/** @param {Record<string, Reply>} replies @param {Record<string, Room>} rooms */
function known(replies, rooms) {
  return Object.fromEntries(Object.entries(replies).filter(([room]) => room in rooms));
}

// --- what the person did

/** @param {State} state @param {Pending} pending @returns {State} */
function queued(state, pending) {
  if (state.outbox.some((one) => one.key === pending.key)) return state;
  return { ...state, broke: null, failures: without(state.failures, pending.room), outbox: [...state.outbox, pending] };
}

/** @param {State} state @param {string} key @param {Fault} fault @returns {State} */
function refused(state, key, fault) {
  const broke = fault.code === "out_of_credits" || fault.code === "ceiling_reached" ? fault : state.broke;
  return { ...state, broke, outbox: state.outbox.map((one) => (one.key === key ? { ...one, state: "failed", fault } : one)) };
}

/** @param {State} state @param {string} id @param {number} n @returns {State} */
function seen(state, id, n) {
  const room = state.rooms[id];
  if (!room || (room.unread === 0 && readBy(room, state.me) >= n)) return state;
  const members = room.members.map((one) => (one.id === state.me ? { ...one, read_n: Math.max(one.read_n, n) } : one));
  return { ...state, rooms: { ...state.rooms, [id]: { ...room, members, unread: n >= room.n ? 0 : room.unread } } };
}

/** Up to which message somebody has read. @param {Room} room @param {string} person */
export function readBy(room, person) {
  return room.members.find((one) => one.id === person)?.read_n ?? 0;
}

/** @param {State} state @param {import("../types.d.ts").Typing} event @returns {State} */
function typing(state, event) {
  if (event.person === state.me) return state;
  if (!event.on) return { ...state, typing: without(state.typing, event.room) };
  const name = state.rooms[event.room]?.members.find((one) => one.id === event.person)?.name ?? "";
  return { ...state, typing: { ...state.typing, [event.room]: { person: event.person, name } } };
}

/** @param {State} state @param {Wallet} event @returns {State} */
function wallet(state, event) {
  const next = { available_microcredits: event.available_microcredits, held_microcredits: event.held_microcredits, lots: event.lots };
  const more = state.wallet !== null && next.available_microcredits > state.wallet.available_microcredits + next.held_microcredits + 1_000_000;
  return { ...state, wallet: next, low: more ? "" : state.low, broke: more ? null : state.broke };
}

/** @param {State} state @param {import("../types.d.ts").Notice} event @returns {State} */
function noted(state, event) {
  const room = event.room ?? "";
  const notes = state.notes[room] ?? [];
  const after = state.logs[room]?.items.at(-1)?.id ?? null;
  const note = { id: `${room}/${notes.length}/${event.kind}`, kind: event.kind, text: event.text, links: event.links, after };
  if (notes.some((one) => one.text === note.text && one.after === note.after)) return state;
  return { ...state, notes: { ...state.notes, [room]: [...notes, note].slice(-20) } };
}

/** @template T @param {Record<string, T>} record @param {string} key @returns {Record<string, T>} */
function without(record, key) {
  if (!(key in record)) return record;
  const { [key]: _, ...rest } = record;
  return rest;
}
