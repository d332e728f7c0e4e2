// The socket's promises, played against a server made of two arrays: sent and heard.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Socket } from "../../../server/web/app/socket.js";

class FakeServer {
  constructor() {
    const server = this;
    this.sockets = [];
    this.Socket = class {
      constructor(url, protocol) {
        Object.assign(this, { url, protocol, readyState: 1, sent: [], onmessage: null, onclose: null });
        server.sockets.push(this);
      }
      send(text) { this.sent.push(JSON.parse(text)); }
      close() { this.readyState = 3; }
    };
  }
  get last() { return this.sockets.at(-1); }
  get sent() { return this.last.sent; }
  say(frame) { this.last.onmessage?.({ data: JSON.stringify(frame) }); }
  end(code, reason = "") { this.last.readyState = 3; this.last.onclose?.({ code, reason }); }
}

const HELLO = { type: "hello", heartbeat_ms: 1000, auth_ms: 1000, node: "gw-1", resume_window_ms: 1000, limits: {}, version: "0" };
const READY = { type: "ready", id: "in", session: "s_1", epoch: "e_1", seq: 0, user: {}, wallet: {}, demo_model: false, notices: [] };

async function settle() {
  for (let i = 0; i < 8; i += 1) await Promise.resolve();
}

async function open(options = {}) {
  mock.timers.enable({ apis: ["setTimeout"] });
  const server = new FakeServer();
  const seen = { frames: [], entered: [], states: [], ended: [], tokens: [] };
  const socket = new Socket({
    url: "ws://test/v1/socket", device: "test", WebSocket: server.Socket, random: () => 0.5,
    token: async (fresh) => { seen.tokens.push(fresh); return options.token ? options.token(fresh) : `t${seen.tokens.length}`; },
    frame: (frame) => seen.frames.push(frame), entered: (kind, frame) => seen.entered.push([kind, frame]),
    state: (state) => seen.states.push(state), ended: (code, reason) => seen.ended.push([code, reason]),
  });
  socket.start();
  await settle();
  if (options.ready !== false && server.last) {
    server.say(HELLO);
    server.say(READY);
  }
  return { server, socket, seen };
}
const scenario = (name, run) => test(name, async () => {
  try { await run(); } finally { mock.timers.reset(); }
});
const later = async (ms) => { mock.timers.tick(ms); await settle(); };

scenario("it signs in after hello and never puts the token into the address", async () => {
  const { server, seen } = await open();
  assert.equal(server.last.protocol, "kindred.v1.json");
  assert.equal(server.last.url, "ws://test/v1/socket");
  assert.deepEqual(server.sent[0], { type: "auth", id: "in", token: "t1", device: "test" });
  assert.equal(seen.entered[0][0], "ready");
  assert.equal(seen.states.at(-1), "ready");
});

scenario("numbered frames reach the app once and in order", async () => {
  const { server, seen } = await open();
  for (const seq of [1, 2, 2, 1, 3]) server.say({ type: "reply.delta", seq, text: String(seq) });
  assert.deepEqual(seen.frames.map((one) => one.seq), [1, 2, 3]);
});

scenario("a gap in the numbers is closed by resuming, not by guessing", async () => {
  const { server, socket, seen } = await open();
  server.say({ type: "reply.delta", seq: 1 });
  server.say({ type: "reply.delta", seq: 3 });
  assert.deepEqual(seen.frames.map((one) => one.seq), [1]);
  assert.equal(socket.status, "offline");
  await later(500);
  server.say(HELLO);
  assert.equal(server.sent[0].type, "resume");
  assert.equal(server.sent[0].seq, 1);
});

scenario("after a lost connection it resumes the same session after the last number", async () => {
  const { server, seen } = await open();
  server.say({ type: "reply.delta", seq: 1 });
  server.say({ type: "reply.delta", seq: 2 });
  server.end(1006);
  await later(500);
  server.say(HELLO);
  assert.deepEqual(server.sent[0], { type: "resume", id: "in", token: "t2", device: "test", session: "s_1", epoch: "e_1", seq: 2 });
  server.say({ type: "resumed", id: "in", session: "s_1", epoch: "e_1", seq: 2, replayed: 1 });
  server.say({ type: "reply.delta", seq: 3 });
  assert.deepEqual(seen.frames.map((one) => one.seq), [1, 2, 3]);
  assert.deepEqual(seen.entered.map(([kind]) => kind), ["ready", "resumed"]);
});

scenario("a resync begins a new numbering and tells the app to read again", async () => {
  const { server, seen } = await open();
  server.say({ type: "reply.delta", seq: 1 });
  server.end(4000);
  await later(500);
  server.say(HELLO);
  server.say({ type: "resync", id: "in", session: "s_2", epoch: "e_2", seq: 0, reason: "window", user: null, wallet: null });
  server.say({ type: "reply.delta", seq: 1 });
  assert.equal(seen.entered.at(-1)[0], "resync");
  assert.equal(seen.frames.length, 2);
});

scenario("a command is settled by its own ack or error", async () => {
  const { server, socket } = await open();
  const well = socket.command({ type: "message.send", room: "r", text: "a", key: "k1" });
  const ill = socket.command({ type: "message.send", room: "r", text: "b", key: "k2" });
  const [first, second] = server.sent.slice(1);
  assert.notEqual(first.id, second.id);
  server.say({ type: "error", id: second.id, code: "out_of_credits", message: "Not enough.", retryable: false, retry_after_ms: null });
  server.say({ type: "ack", id: first.id, message: "m_1", reply: "m_2" });
  assert.equal((await well).message, "m_1");
  await assert.rejects(ill, { code: "out_of_credits" });
});

scenario("what was asked and not answered is lost with the connection, for the outbox to repeat", async () => {
  const { server, socket } = await open();
  const asked = socket.command({ type: "message.send", key: "k1" });
  server.end(1006);
  await assert.rejects(asked, { code: "lost", retryable: true });
  await assert.rejects(socket.command({ type: "ping" }), { code: "lost" });
});

scenario("it pings with what it has seen, and a silent server is left", async () => {
  const { server, socket } = await open();
  server.say({ type: "reply.delta", seq: 1 });
  await later(800);
  assert.deepEqual(server.sent.at(-1), { type: "ping", seq: 1 });
  server.say({ type: "pong" });
  await later(800);
  assert.equal(socket.status, "ready");
  await later(10_000);
  assert.notEqual(socket.status, "ready");
});

scenario("the waits between tries grow and have a ceiling", async () => {
  const { server } = await open({ ready: false });
  const gaps = [];
  for (let i = 0; i < 9; i += 1) {
    const before = server.sockets.length;
    server.end(1006);
    let waited = 0;
    while (server.sockets.length === before && waited < 30_000) {
      await later(50);
      waited += 50;
    }
    gaps.push(waited);
  }
  assert.ok(gaps[0] < 500, String(gaps));
  assert.ok(gaps[4] > gaps[0] * 4, String(gaps));
  assert.ok(gaps.at(-1) <= 15_000, String(gaps));
});

scenario("an expired token is refreshed and the session goes on", async () => {
  const { server, seen } = await open();
  server.end(4011);
  await later(500);
  assert.deepEqual(seen.tokens, [false, true]);
  server.say(HELLO);
  assert.equal(server.sent[0].type, "resume");
});

scenario("a token about to expire is renewed on the living socket", async () => {
  const { server } = await open();
  server.say({ type: "auth.expiring", in_ms: 60_000 });
  await settle();
  assert.equal(server.sent.at(-1).type, "auth.refresh");
  assert.equal(server.sent.at(-1).token, "t2");
});

scenario("a revoked sign-in is final", async () => {
  const { server, socket, seen } = await open();
  server.end(4504, "revoked");
  await later(60_000);
  assert.deepEqual(seen.ended, [[4504, "revoked"]]);
  assert.equal(socket.status, "ended");
  assert.equal(server.sockets.length, 1);
});

scenario("asked to come back elsewhere, it leaves within the jitter and resumes", async () => {
  const { server } = await open();
  server.say({ type: "reconnect", jitter_ms: 2000, reason: "deploy" });
  await later(900);
  assert.equal(server.sockets.length, 1);
  await later(200);
  assert.equal(server.sockets.length, 2);
  server.say(HELLO);
  assert.equal(server.sent[0].type, "resume");
});

scenario("without a network it keeps trying, and without a sign-in it stops", async () => {
  let status = 0;
  const { seen, socket } = await open({ token: () => { throw Object.assign(new Error("no"), { status }); } });
  assert.equal(socket.status, "offline");
  await later(15_000);
  assert.ok(seen.tokens.length > 1);
  status = 401;
  await later(15_000);
  assert.deepEqual(seen.ended, [[4504, "signed out"]]);
});

scenario("stopping says goodbye and stays away", async () => {
  const { server, socket } = await open();
  socket.stop();
  await later(60_000);
  assert.equal(server.sockets.length, 1);
  assert.equal(socket.status, "offline");
});

scenario("an attempt under way as the network returns is followed soon, however often it failed before", async () => {
  const { server, socket } = await open();
  server.end(1006);
  for (let i = 0; i < 6; i += 1) {
    await later(20_000);
    server.end(1006);
  }
  await later(20_000);
  const tries = server.sockets.length;
  socket.hurry(); // while that one has not failed yet
  assert.equal(server.sockets.length, tries);
  server.end(1006);
  await later(400);
  assert.equal(server.sockets.length, tries + 1);
});
