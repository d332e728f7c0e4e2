/**
 * How the people of a room change what the app knows: who is here, who left, who invites.
 *
 * Pure, as store.js is, which hands these events on.
 */

/** @typedef {import("./store.js").State} State */
/** @typedef {import("../types.d.ts").Room} Room */
/** @typedef {{ id: string, title: string, by: string }} Invited */

/** A room as it is told to everybody; what is one's own in it stays.
 * @param {State} state @param {Room} room @returns {State} */
export function changed(state, room) {
  const known = state.rooms[room.id];
  const own = known ? { unread: known.unread, last_message: room.last_message ?? known.last_message } : {};
  return { ...state, rooms: { ...state.rooms, [room.id]: { ...room, ...own } } };
}

/** Not in this room any more: nothing of it stays here.
 * @param {State} state @param {string} room @returns {State} */
export function gone(state, room) {
  /** @template T @param {Record<string, T>} record */
  const less = (record) => Object.fromEntries(Object.entries(record).filter(([id]) => id !== room));
  return {
    ...state, rooms: less(state.rooms), logs: less(state.logs), replies: less(state.replies), notes: less(state.notes),
    failures: less(state.failures), typing: less(state.typing), outbox: state.outbox.filter((one) => one.room !== room),
  };
}

/** @param {State} state @param {{ person: string, status: string }} event @returns {State} */
export function present(state, event) {
  return { ...state, present: { ...state.present, [event.person]: event.status } };
}

/** Somebody has read on. @param {State} state @param {{ room: string, person: string, n: number }} event @returns {State} */
export function readOn(state, event) {
  const room = state.rooms[event.room];
  if (!room) return state;
  const members = room.members.map((one) => (one.id === event.person ? { ...one, read_n: Math.max(one.read_n, event.n) } : one));
  return { ...state, rooms: { ...state.rooms, [event.room]: { ...room, members } } };
}

/** @param {State} state @param {Invited} one @returns {State} */
export function invited(state, one) {
  return { ...state, invited: [one, ...state.invited.filter((other) => other.id !== one.id)] };
}

/** More than a person and a companion: then it must be said who speaks. @param {Room | undefined} room */
export function several(room) {
  return (room?.members.length ?? 0) > 2;
}

/** The people of a room, one's own self last. @param {Room} room @param {string} me */
export function peopleOf(room, me) {
  return room.members.filter((one) => one.kind === "person").sort((a, b) => Number(a.id === me) - Number(b.id === me));
}
