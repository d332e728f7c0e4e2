// The pure parts of calls: where one stands, what is told, what a connection is worth, what to say.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode, fromPcm16, toPcm16 } from "../../../server/web/app/calls/frames.js";
import { browserOf, helpFor, troubleOf } from "../../../server/web/app/calls/help.js";
import { COME_BACK_MS, companionState, fresh, going, step, waitMs } from "../../../server/web/app/calls/phases.js";
import { inWords, judge, read } from "../../../server/web/app/calls/quality.js";
import { ending, refusal } from "../../../server/web/app/calls/refusals.js";
import { clock, minutesLeft, tell, unheard } from "../../../server/web/app/calls/told.js";

const live = () => [{ type: "dial", line: "webrtc" }, { type: "answered", call: "c1" }, { type: "flowing" }].reduce(step, fresh("r1", "voice"));
const STARTED = { type: "call.started", room: "r1", call: "c1", kind: "voice", person: "me", companion: "c", microcredits_per_minute: 3_000_000 };

test("a call dials, is answered, and is live when sound flows", () => {
  let own = step(fresh("r1", "voice"), { type: "dial", line: "webrtc" });
  assert.equal(own.phase, "dialling");
  own = step(own, { type: "answered", call: "c1" });
  assert.equal(own.phase, "connecting");
  own = step(own, { type: "flowing" });
  assert.equal(own.phase, "live");
  assert.ok(going(own));
});

test("sound that flows before the answer is taken in makes the call live all the same", () => {
  const own = [{ type: "dial", line: "webrtc" }, { type: "flowing" }, { type: "answered", call: "c1" }].reduce(step, fresh("r1", "voice"));
  assert.deepEqual([own.phase, own.call], ["live", "c1"]);
});

test("a lost call comes back as the same call, and gives up after half a minute", () => {
  let own = step(live(), { type: "lost", now: 1000 });
  assert.equal(own.phase, "reconnecting");
  assert.equal(own.call, "c1");
  assert.equal(waitMs(own), 0);
  own = step(own, { type: "lost", now: 5000 });
  assert.ok(waitMs(own) > 0);
  assert.equal(own.lostAt, 1000);
  const over = step(own, { type: "lost", now: 1000 + COME_BACK_MS + 1 });
  assert.deepEqual([over.phase, over.reason], ["over", "connection_lost"]);
  assert.equal(step(own, { type: "flowing" }).lostAt, 0);
});

test("where no WebRTC gets through, the socket is taken", () => {
  let own = step(step(fresh("r1", "voice"), { type: "dial", line: "webrtc" }), { type: "answered", call: "c1" });
  own = step(own, { type: "lost", now: 1, silent: true });
  assert.equal(own.line, "webrtc");
  own = step(own, { type: "lost", now: 2, silent: true });
  assert.equal(own.line, "socket");
});

test("a device without any network takes the socket at once", () => {
  const dialled = step(fresh("r1", "voice"), { type: "dial", line: "webrtc" });
  const own = step(dialled, { type: "lost", now: 1, silent: true, nowhere: true });
  assert.deepEqual([own.phase, own.line, waitMs(own)], ["reconnecting", "socket", 0]);
});

test("a refusal ends a new call; what may pass is tried again in one that goes on", () => {
  const busy = { code: "at_capacity", message: "", details: {} };
  const dialled = step(fresh("r1", "voice"), { type: "dial", line: "webrtc" });
  assert.equal(step(dialled, { type: "refused", fault: busy, now: 1 }).phase, "over");
  assert.equal(step(live(), { type: "refused", fault: busy, now: 1 }).phase, "reconnecting");
  const gone = step(live(), { type: "refused", fault: { ...busy, code: "call_not_found" }, now: 1 });
  assert.deepEqual([gone.phase, gone.reason, gone.fault], ["over", "connection_lost", null]);
  const broke = step(live(), { type: "refused", fault: { ...busy, code: "out_of_credits" }, now: 1 });
  assert.equal(broke.fault.code, "out_of_credits");
});

test("what is over stays over until one dials again", () => {
  const over = step(live(), { type: "over", reason: "hung_up" });
  assert.equal(step(over, { type: "flowing" }), over);
  assert.equal(step(over, { type: "lost", now: 9 }), over);
  assert.equal(step(over, { type: "dial", line: "webrtc" }).phase, "dialling");
});

test("a caption grows in its place, is withdrawn, and does not change once it is final", () => {
  const caption = (more) => ({ type: "call.caption", room: "r1", call: "c1", of: "me", utterance: "u1", text: "", ...more });
  let calls = tell({}, STARTED);
  for (const text of ["I", "I think", "I think so"]) calls = tell(calls, caption({ text }));
  assert.deepEqual(calls.r1.captions.map((one) => one.text), ["I think so"]);
  calls = tell(calls, caption({ utterance: "m1", of: "c", text: "Do" }));
  calls = tell(calls, caption({ text: "I think so.", final: true }));
  calls = tell(calls, caption({ text: "late" }));
  assert.deepEqual(calls.r1.captions.map((one) => one.text), ["I think so.", "Do"]);
  calls = tell(calls, caption({ utterance: "m1", withdrawn: true }));
  assert.equal(calls.r1.captions.length, 1);
});

test("what a call cost never goes back, and its end is the last word", () => {
  const at = (seconds, cost_microcredits) => ({ type: "call.updated", room: "r1", call: "c1", state: "live", seconds, cost_microcredits });
  let calls = [STARTED, at(10, 500), at(4, 200)].reduce(tell, {});
  assert.deepEqual([calls.r1.seconds, calls.r1.cost], [10, 500]);
  calls = tell(calls, { type: "call.ended", room: "r1", call: "c1", reason: "hung_up", seconds: 12, cost_microcredits: 600 });
  assert.equal(calls.r1.ended.cost, 600);
  assert.equal(tell(calls, at(99, 999)), calls);
  const next = tell(calls, { ...STARTED, call: "c2" });
  assert.equal(next.r1.ended, null);
});

test("an update of a call whose start was missed makes it known", () => {
  const calls = tell({}, { type: "call.updated", room: "r1", call: "c9", state: "live", seconds: 3, cost_microcredits: 1 });
  assert.deepEqual([calls.r1.call, calls.r1.seconds], ["c9", 3]);
});

test("the words not heard yet follow those that were", () => {
  const caption = { id: "m1", of: "c", text: "The sea", final: false };
  assert.equal(unheard(caption, { id: "m1", text: "The sea is calm" }), " is calm");
  assert.equal(unheard(caption, { id: "m2", text: "The sea is calm" }), "");
  assert.equal(unheard({ ...caption, final: true }, { id: "m1", text: "The sea is calm" }), "");
  assert.equal(unheard(caption, undefined), "");
});

test("minutes left count what the call holds, and nothing where it is free", () => {
  const wallet = { available_microcredits: 5_000_000, held_microcredits: 1_500_000 };
  assert.equal(minutesLeft(wallet, 3_000_000, 500_000), 2);
  assert.equal(minutesLeft(wallet, 0, 0), null);
  assert.equal(minutesLeft(wallet, 3_000_000, 99_000_000), 0);
  assert.equal(clock(252), "04:12");
  assert.equal(clock(3661), "1:01:01");
});

test("the companion thinks while it is asked, and listens else", () => {
  const mine = (final) => [{ id: "u", of: "me", text: "x", final }];
  const seen = { speaking: false, replying: false, captions: [], me: "me" };
  assert.equal(companionState(seen), "listening");
  assert.equal(companionState({ ...seen, captions: mine(false) }), "listening");
  assert.equal(companionState({ ...seen, captions: mine(true) }), "thinking");
  assert.equal(companionState({ ...seen, replying: true }), "thinking");
  assert.equal(companionState({ ...seen, replying: true, speaking: true }), "speaking");
});

test("a connection is good, weak or poor by what got lost and how late it is", () => {
  const at = (received, lost, jitter, rtt) => read([
    { type: "inbound-rtp", kind: "audio", packetsReceived: received, packetsLost: lost, jitter, concealedSamples: 0, silentConcealedSamples: 0, totalSamplesReceived: received * 960 },
    { type: "candidate-pair", nominated: true, currentRoundTripTime: rtt },
  ], 0);
  assert.equal(judge(at(0, 0, 0, 0), at(100, 0, 0.005, 0.04)).grade, "good");
  assert.equal(judge(at(0, 0, 0, 0), at(96, 4, 0.005, 0.04)).grade, "fair");
  assert.equal(judge(at(0, 0, 0, 0), at(80, 20, 0.005, 0.04)).grade, "poor");
  assert.equal(judge(at(0, 0, 0, 0), at(100, 0, 0.005, 0.9)).grade, "poor");
  assert.match(inWords(judge(at(0, 0, 0, 0), at(96, 4, 0.005, 0.04))), /Weak connection, 40 ms there and back, 4\.0 % lost/);
});

test("sound goes into a frame and comes out of it", () => {
  const sound = Float32Array.from({ length: 320 }, (_, i) => Math.sin(i / 10) / 2);
  const bytes = encode({ kind: 1, flags: 0, stream: 7, seq: 2 ** 32 - 1, timestampUs: 2 ** 40, body: toPcm16(sound) });
  assert.equal(bytes.byteLength, 16 + 640);
  assert.deepEqual([...new Uint8Array(bytes, 0, 8)], [1, 0, 0, 7, 255, 255, 255, 255]);
  const frame = decode(bytes);
  assert.deepEqual([frame.kind, frame.stream, frame.seq, frame.timestampUs], [1, 7, 2 ** 32 - 1, 2 ** 40]);
  const back = fromPcm16(frame.body);
  assert.ok(back.every((one, i) => Math.abs(one - sound[i]) < 1e-4));
  assert.equal(decode(new ArrayBuffer(5)), null);
});

test("each trouble with a microphone has its help, by browser", () => {
  const names = { NotAllowedError: "refused", NotFoundError: "missing", NotReadableError: "busy", Odd: "unknown" };
  for (const [name, trouble] of Object.entries(names)) assert.equal(troubleOf({ name }), trouble);
  assert.equal(browserOf("Mozilla/5.0 (iPhone; ...) Safari/604"), "ios");
  assert.equal(browserOf("Mozilla/5.0 Chrome/120 Safari/537 Edg/120"), "edge");
  const where = { host: "192.168.1.4:8000" };
  const said = new Set(["iPhone", "Firefox/1", "Edg/1", "Android Chrome/1", "Chrome/1", "Safari/1"].map((agent) => helpFor("refused", { ...where, agent }).steps.join()));
  assert.equal(said.size, 6);
  assert.match(helpFor("insecure", { ...where, agent: "" }).text, /192\.168\.1\.4/);
});

test("every refusal and every ending has words of its own", () => {
  const details = { plans: ["plus"] };
  assert.match(refusal({ code: "plan_required", message: "", details }).text, /These do: plus/);
  assert.match(refusal({ code: "never_heard_of", message: "So it is.", details: {} }).text, /So it is/);
  for (const reason of ["out_of_credits", "connection_lost", "server_restarting", "ended_by_staff", "time_used_up"]) assert.notEqual(ending(reason).title, ending("hung_up").title);
});

test("a call says whether it is recorded, who agreed and who is waited for", () => {
  const asked = { type: "call.recording", room: "r1", call: "c1", state: "asked", agreed: ["me"], missing: ["you"] };
  let calls = tell(tell({}, STARTED), asked);
  assert.deepEqual(calls.r1.recording, { state: "asked", agreed: ["me"], missing: ["you"] });
  calls = tell(calls, { ...asked, state: "on", agreed: ["me", "you"], missing: [] });
  assert.equal(calls.r1.recording.state, "on");
  calls = tell(calls, { ...asked, state: "off", agreed: [], missing: ["me", "you"], why: "withdrawn" });
  assert.equal(calls.r1.recording.state, "off");
});

test("who looks in later learns from the next sign of life that it is recorded", () => {
  const updated = { type: "call.updated", room: "r1", call: "c1", state: "live", seconds: 3, cost_microcredits: 0 };
  assert.equal(tell({}, updated).r1.recording.state, "off");
  assert.equal(tell({}, { ...updated, recorded: true }).r1.recording.state, "on");
});

test("a video call that only the socket carries ends, and a voice call is begun", () => {
  let own = [{ type: "dial", line: "webrtc" }, { type: "answered", call: "c1" }].reduce(step, fresh("r1", "video"));
  own = step(own, { type: "lost", now: 1, silent: true });
  assert.deepEqual([own.kind, own.call, own.left], ["video", "c1", ""]);
  own = step(own, { type: "lost", now: 2, silent: true });
  assert.deepEqual([own.line, own.kind, own.call, own.left], ["socket", "voice", "", "c1"]);
  own = [{ type: "answered", call: "c2" }, { type: "flowing" }].reduce(step, own);
  assert.deepEqual([own.phase, own.call, own.left], ["live", "c2", ""]);
});

test("pictures that were shown are counted, and never fewer", () => {
  const seen = (pictures) => ({ type: "call.seen", room: "r1", call: "c1", pictures, cost_microcredits: 0 });
  const told = [STARTED, seen(2), seen(1)].reduce(tell, {});
  assert.equal(told.r1.pictures, 2);
});

test("a camera that the server shut is told with its reason, each time anew", () => {
  const unseen = (why) => ({ type: "call.unseen", room: "r1", call: "c1", why });
  const once = [STARTED, unseen("refused")].reduce(tell, {});
  assert.equal(once.r1.shut.why, "refused");
  const twice = tell(once, unseen("refused"));
  assert.notEqual(twice.r1.shut, once.r1.shut);
  assert.equal(tell(twice, { type: "call.started", room: "r1", call: "c2", kind: "video", person: "p", companion: "c", microcredits_per_minute: 0 }).r1.shut, null);
});
