// The store's promises: words join by their offsets, branches fork, nothing is counted twice.
import assert from "node:assert/strict";
import { test } from "node:test";
import { empty, readBy, reduce, standing } from "../../../server/web/app/store.js";

const ROOM = "r_1";
const ME = "u_me";
const HER = "c_mira";

const message = (id, n, sender, more = {}) => ({
  id, room: ROOM, n, sender: { kind: sender === ME ? "person" : "companion", id: sender, name: sender }, at: 1000 + n,
  parts: [{ type: "text", text: `words of ${id}` }], parent: null, continues: null, status: "completed", continuable: false,
  alternatives: null, reactions: {}, edited: false, usage: null, cost_microcredits: 0, receipt: null, memories: [], key: null, ...more,
});
const room = (more = {}) => ({
  id: ROOM, title: "Mira", status: "active", payer: "sender", n: 2, unread: 0, created_at: 1, updated_at: 1, head: "m2", last_message: null,
  replying: null, spent_microcredits: 0, members: [{ kind: "person", id: ME, name: "Me", read_n: 2 }, { kind: "companion", id: HER, name: "Mira", read_n: 0 }], ...more,
});
const started = (reply, more = {}) => ({ type: "reply.started", room: ROOM, reply, companion: HER, ceiling_microcredits: 12_000, parent: "m2", continues: null, ...more });
const delta = (reply, offset, text, cost) => ({ type: "reply.delta", room: ROOM, reply, offset, text, cost_microcredits: cost });
const done = (reply, text, more = {}) => ({
  type: "reply.done", room: ROOM, reply, status: "completed", text, cost_microcredits: 5_000, message: message(reply, 3, HER, { parent: "m2", parts: [{ type: "text", text }], cost_microcredits: 5_000 }),
  usage: null, receipt: "rc_1", continuable: false, code: null, ...more,
});
const pending = (key, more = {}) => ({ key, kind: "send", room: ROOM, text: "Hello", target: null, at: 1, state: "waiting", fault: null, ...more });

const begun = () => [
  { type: "local.rooms", rooms: [room()] },
  { type: "local.history", room: ROOM, items: [message("m1", 1, HER), message("m2", 2, ME, { parent: "m1" })], more: false, older: false },
].reduce(reduce, empty(ME));
const play = (...events) => events.reduce(reduce, begun());
const ids = (state) => state.logs[ROOM].items.map((one) => one.id);

test("deltas join by their offset", () => {
  const state = play(started("m3"), delta("m3", 0, "Hel", 100), delta("m3", 3, "lo", 200));
  assert.equal(state.replies[ROOM].text, "Hello");
  assert.equal(state.replies[ROOM].cost, 200);
});

test("a repeated delta adds nothing, an overlapping one only its rest", () => {
  const state = play(started("m3"), delta("m3", 0, "Hello", 1), delta("m3", 0, "Hello", 1), delta("m3", 3, "lo there", 2));
  assert.equal(state.replies[ROOM].text, "Hello there");
});

test("offsets count code points, so that a cut never falls into an emoji", () => {
  const state = play(started("m3"), delta("m3", 0, "😀é", 1), delta("m3", 2, "!", 2), delta("m3", 1, "é!?", 3));
  assert.equal(state.replies[ROOM].text, "😀é!?");
  assert.equal(state.replies[ROOM].length, 4);
});

test("any cut of a reply into overlapping pieces gives the same words", () => {
  const whole = [..."A long 🌊 walk by the sea, and nobody minded."];
  let seed = 7;
  const chance = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  for (let round = 0; round < 300; round += 1) {
    const events = [started("m3")];
    let at = 0;
    while (at < whole.length) {
      const from = Math.max(0, at - Math.floor(chance() * 6));
      const to = Math.min(whole.length, at + 1 + Math.floor(chance() * 8));
      events.push(delta("m3", from, whole.slice(from, to).join(""), to));
      at = to;
    }
    assert.equal(play(...events).replies[ROOM].text, whole.join(""));
  }
});

test("a reply whose beginning was missed says so until its end brings the whole", () => {
  const late = play(delta("m3", 5, " there", 3));
  assert.equal(late.replies[ROOM].missing, true);
  const whole = reduce(late, done("m3", "Hello there"));
  assert.equal(whole.replies[ROOM], undefined);
  assert.equal(whole.logs[ROOM].items.at(-1).parts[0].text, "Hello there");
});

test("the end takes the reply's place in the list, once", () => {
  const state = play(started("m3"), delta("m3", 0, "Hi", 1), done("m3", "Hi"), done("m3", "Hi"));
  assert.deepEqual(ids(state), ["m1", "m2", "m3"]);
});

test("one's own message leaves the outbox when it comes back under its key", () => {
  const sent = play({ type: "local.queued", pending: pending("k1") }, { type: "local.sent", key: "k1" });
  assert.equal(sent.outbox[0].state, "sent");
  const state = reduce(sent, { type: "message.created", room: ROOM, message: message("m3", 3, ME, { parent: "m2", key: "k1" }) });
  assert.deepEqual(state.outbox, []);
  assert.deepEqual(ids(state), ["m1", "m2", "m3"]);
});

test("history that holds a waiting message empties the outbox of it", () => {
  const waiting = play({ type: "local.queued", pending: pending("k1") });
  const state = reduce(waiting, { type: "local.history", room: ROOM, items: [message("m3", 3, ME, { key: "k1" })], more: false, older: false });
  assert.deepEqual(state.outbox, []);
});

test("queueing a key again changes nothing", () => {
  const state = play({ type: "local.queued", pending: pending("k1") }, { type: "local.queued", pending: pending("k1", { text: "other" }) });
  assert.equal(state.outbox.length, 1);
  assert.equal(state.outbox[0].text, "Hello");
});

test("an edit takes away what followed the old message", () => {
  const answered = play(started("m3"), done("m3", "Hi"));
  const edit = message("m4", 4, ME, { parent: "m1", edited: true, alternatives: { index: 2, ids: ["m2", "m4"] } });
  assert.deepEqual(ids(reduce(answered, { type: "message.created", room: ROOM, message: edit })), ["m1", "m4"]);
});

test("another answer begins where the first one stood", () => {
  const answered = play(started("m3"), done("m3", "Hi"));
  const again = reduce(answered, started("m5", { parent: "m2" }));
  assert.deepEqual(ids(again), ["m1", "m2"]);
});

test("a fork whose parent is not loaded is found by its sibling", () => {
  const items = [message("m2", 2, ME, { parent: "m1" }), message("m3", 3, HER, { parent: "m2" })];
  assert.deepEqual(standing(items, "m1", ["m2", "m4"]), []);
  assert.deepEqual(standing(items, "m0", []).length, 2);
});

test("the balance falls by the cost at the end, and the wallet's own word wins", () => {
  const rich = reduce(begun(), { type: "wallet.updated", available_microcredits: 100_000, held_microcredits: 0, lots: [] });
  const state = [started("m3"), done("m3", "Hi")].reduce(reduce, rich);
  assert.equal(state.wallet.available_microcredits, 95_000);
  assert.equal(reduce(state, { type: "wallet.updated", available_microcredits: 95_001, held_microcredits: 0, lots: [] }).wallet.available_microcredits, 95_001);
});

test("a reply that came to nothing is a failure with its parent, and the list is read again", () => {
  const state = play(started("m3"), done("m3", "", { status: "failed", message: null, cost_microcredits: 0, code: "model_timeout" }));
  assert.deepEqual(state.failures[ROOM], { reply: "m3", parent: "m2", status: "failed", code: "model_timeout" });
  assert.equal(state.logs[ROOM].stale, true);
  assert.deepEqual(reduce(state, started("m4")).failures, {});
});

test("being out of credits is remembered until something else is said", () => {
  const broke = play({ type: "local.queued", pending: pending("k1") }, { type: "local.refused", key: "k1", fault: { code: "out_of_credits", message: "Not enough." } });
  assert.equal(broke.broke.code, "out_of_credits");
  assert.equal(broke.outbox[0].state, "failed");
  assert.equal(reduce(broke, { type: "local.retry", key: "k1" }).broke, null);
});

test("what others say in a room that is not open is unread, until it is read", () => {
  const state = play(started("m3"), done("m3", "Hi"));
  assert.equal(state.rooms[ROOM].unread, 1);
  const read = reduce(state, { type: "read", room: ROOM, person: ME, n: 3 });
  assert.equal(read.rooms[ROOM].unread, 0);
  assert.equal(readBy(read.rooms[ROOM], ME), 3);
  const open = [started("m3"), done("m3", "Hi")].reduce(reduce, reduce(begun(), { type: "local.opened", room: ROOM }));
  assert.equal(open.rooms[ROOM].unread, 0);
});

test("a lost session forgets replies under way and marks every list as stale", () => {
  const state = play(started("m3"), delta("m3", 0, "Hel", 1), { type: "local.resync" });
  assert.deepEqual(state.replies, {});
  assert.equal(state.logs[ROOM].stale, true);
});

test("an unknown message that changed means another branch, and the list is read again", () => {
  const state = play({ type: "message.updated", room: ROOM, message: message("m9", 9, HER) });
  assert.equal(state.logs[ROOM].stale, true);
  assert.equal(play({ type: "message.updated", room: ROOM, message: message("m2", 2, ME, { reactions: { [ME]: "x" } }) }).logs[ROOM].stale, false);
});

test("older pages come in above without doubles", () => {
  const state = reduce(begun(), { type: "local.history", room: ROOM, items: [message("m0", 0, ME), message("m1", 1, HER)], more: false, older: true });
  assert.deepEqual(ids(state), ["m0", "m1", "m2"]);
});

test("a notice stands after the message it came after, and only once", () => {
  const told = { type: "notice", kind: "crisis", text: "Help is there.", room: ROOM, links: [{ label: "Call", href: "tel:112" }] };
  const state = play(told, told);
  assert.equal(state.notes[ROOM].length, 1);
  assert.equal(state.notes[ROOM][0].after, "m2");
});

test("an unknown event changes nothing", () => {
  const before = begun();
  assert.equal(reduce(before, { type: "progress", seq: 1 }), before);
});

test("an interruption told before the end of what it interrupts stays after it", () => {
  const second = message("m4", 4, ME, { parent: "m3" });
  const state = play(started("m3"), delta("m3", 0, "Hel", 1), { type: "message.created", room: ROOM, message: second }, done("m3", "Hel", { status: "interrupted" }));
  assert.deepEqual(ids(state), ["m1", "m2", "m3", "m4"]);
  assert.equal(state.rooms[ROOM].head, "m4");
});

test("a message told twice takes nothing away that follows it", () => {
  const state = play(started("m3"), done("m3", "Hello"), { type: "message.created", room: ROOM, message: message("m2", 2, ME, { parent: "m1" }) });
  assert.deepEqual(ids(state), ["m1", "m2", "m3"]);
});
