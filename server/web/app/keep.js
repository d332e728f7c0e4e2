/**
 * What this device keeps for when there is no network: rooms, their newest messages, drafts,
 * and what waits to be sent. One database a person; signing out deletes it.
 */
import { deleteDB, openDB } from "../vendor/idb.js";

/** @typedef {import("./store.js").Log} Log */
/** @typedef {import("./store.js").Pending} Pending */
/** @typedef {import("../types.d.ts").Room} Room */
/** @typedef {import("../types.d.ts").Wallet} Wallet */

const KEPT = 100;
const VERSION = 1;

/** @type {Promise<import("../vendor/idb.js").Database | null> | null} */
let opening = null;
let name = "";

/** @param {string} person */
export function openFor(person) {
  name = `kindred-${person}`;
  opening = openDB(name, VERSION, {
    upgrade(db) {
      for (const store of ["rooms", "logs", "outbox", "drafts", "about"]) db.createObjectStore(store);
    },
    blocking() {
      void opening?.then((db) => db?.close());
      opening = null;
    },
  }).catch(() => null); // Private windows may have no storage; the app works without it.
  return opening;
}

/** Delete what this device kept of the person. */
export async function erase() {
  const db = await opening;
  opening = null;
  db?.close();
  if (name) await deleteDB(name).catch(() => undefined);
}

/** @returns {Promise<{ rooms: Room[], logs: Record<string, Log>, outbox: Pending[], wallet: Wallet | null }>} */
export async function recall() {
  const db = await opening;
  if (!db) return { rooms: [], logs: {}, outbox: [], wallet: null };
  const [rooms, logs, outbox, wallet] = await Promise.all([db.getAll("rooms"), db.getAll("logs"), db.getAll("outbox"), db.get("about", "wallet")]);
  const waiting = outbox.map((one) => (one.state === "sent" ? { ...one, state: "waiting" } : one)).sort((a, b) => a.at - b.at);
  return {
    rooms,
    logs: Object.fromEntries(logs.map((one) => [one.room, { items: one.items, more: one.more, loaded: true, stale: true }])),
    outbox: waiting,
    wallet: wallet ?? null,
  };
}

/** @param {string} store @param {string} key @param {unknown} value undefined deletes */
async function put(store, key, value) {
  const db = await opening;
  try {
    if (value === undefined) await db?.delete(store, key);
    else await db?.put(store, value, key);
  } catch {
    // The disk may be full or the database closing; what is kept here is a copy.
  }
}

/** @param {Room} room */
export const keepRoom = (room) => put("rooms", room.id, room);
/** @param {string} room */
export const dropRoom = (room) => Promise.all([put("rooms", room, undefined), put("logs", room, undefined)]);
/** @param {string} room @param {Log} log */
export const keepLog = (room, log) => put("logs", room, { room, items: log.items.slice(-KEPT), more: log.more || log.items.length > KEPT });
/** @param {Pending} pending */
export const keepPending = (pending) => put("outbox", pending.key, pending);
/** @param {string} key */
export const dropPending = (key) => put("outbox", key, undefined);
/** @param {Wallet} wallet */
export const keepWallet = (wallet) => put("about", "wallet", wallet);

/** @param {string} room @returns {Promise<string>} */
export async function draft(room) {
  const db = await opening;
  return (await db?.get("drafts", room).catch(() => "")) ?? "";
}
/** @param {string} room @param {string} text */
export const keepDraft = (room, text) => put("drafts", room, text || undefined);
