// The pure parts of faces that live on a page: what they do by themselves, and how they speak.
import assert from "node:assert/strict";
import test from "node:test";
import { chanceOf, lid, Life } from "../../../server/web/app/faces/life.js";
import { levelsOf, Lips, nearest, STILL } from "../../../server/web/app/faces/lips.js";
import { formOf } from "../../../server/web/app/faces/sheet.js";
import { soundOf } from "../../../server/web/app/faces/spoken.js";
import { BUILDS, ORIGINS, someone } from "../../../server/web/app/screens/create_looks.js";

const LOUD = new Float32Array(500).fill(1);
const CELLS = [STILL, [0, 0, 0, 0, 1, 0], [0.3, 0, 0.3, 0, 0, 0], [0.8, 0.1, 0.3, 0, 0, 0], [0.3, -0.9, 0, 0, 0, 0]];

test("a face blinks every few seconds, never jumps, and always looks back", () => {
  const life = new Life("c_mira");
  let blinks = 0;
  let shut = false;
  let away = 0;
  let before = life.at(0, false);
  for (let frame = 1; frame < 25 * 120; frame++) {
    const now = life.at(frame / 25, false);
    if (now.lid === 1 && !shut) blinks++;
    shut = now.lid === 1;
    if (now.look) away++;
    for (const axis of ["yaw", "pitch", "roll"]) assert.ok(Math.abs(now[axis] - before[axis]) < 0.2, axis);
    assert.ok(now.breath >= 0 && now.breath <= 1);
    before = now;
  }
  assert.ok(blinks >= 15 && blinks <= 80, String(blinks));
  assert.ok(away > 100 && away < 25 * 60, String(away));
});

test("two companions do not blink alike, one does twice", () => {
  const looks = (seed) => { const life = new Life(seed); return Array.from({ length: 500 }, (_, i) => life.at(i / 25, false).lid.toFixed(2)).join(); };
  assert.equal(looks("c_mira"), looks("c_mira"));
  assert.notEqual(looks("c_mira"), looks("c_wei"));
  const chance = chanceOf("x");
  for (let i = 0; i < 1000; i++) { const one = chance(); assert.ok(one >= 0 && one < 1); }
});

test("lids fall, stay and rise", () => {
  assert.equal(lid(-1), 0);
  assert.equal(lid(0.1), 1);
  assert.equal(lid(0.3), 0);
  assert.ok(lid(0.04) > 0.2 && lid(0.04) < 0.8);
});

test("the mouth opens on a vowel, closes on p, and is at rest before and after", () => {
  const lips = new Lips([["sil", 0, 0.2], ["aa", 0.2, 0.2], ["PP", 0.4, 0.1], ["aa", 0.5, 0.2], ["sil", 0.7, 0.2]], LOUD, 50);
  assert.ok(lips.at(0.3)[0] > 0.6);
  const shut = lips.at(0.45);
  assert.ok(shut[4] === 1 && shut[0] === 0, String(shut));
  assert.ok(lips.at(0.6)[0] > 0.6);
  for (const at of [-1, 0.02, 0.88, 5]) assert.ok(lips.at(at)[0] < 0.12, String(lips.at(at)));
});

test("a shape pulls the mouth before it sounds, and nothing pops", () => {
  const lips = new Lips([["I", 0, 0.3], ["U", 0.3, 0.3], ["PP", 0.6, 0.08], ["aa", 0.68, 0.3]], LOUD, 50);
  assert.ok(lips.at(0.27)[1] < lips.at(0.2)[1] - 0.15);
  for (let at = 0; at < 1.2; at += 0.01) {
    const [here, next] = [lips.at(at), lips.at(at + 0.01)];
    for (let k = 0; k < 6; k++) assert.ok(Math.abs(here[k] - next[k]) < 0.3, `${k} at ${at.toFixed(2)}`);
  }
});

test("what is whispered opens the mouth less", () => {
  const marks = [["aa", 0, 1]];
  const quiet = new Lips(marks, new Float32Array(60).fill(0.1), 50).at(0.5)[0];
  assert.ok(quiet < 0.6 * new Lips(marks, LOUD, 50).at(0.5)[0]);
});

test("the nearest mouths are mixed, and one that fits is shown alone", () => {
  assert.deepEqual(nearest(CELLS, STILL).filter((_, i) => i !== 1), [0, 0]);
  const [first, second, share] = nearest(CELLS, [0.5, 0.05, 0.3, 0, 0, 0]);
  assert.deepEqual([first, second].sort(), [2, 3]);
  assert.ok(share > 0 && share <= 0.5);
  assert.equal(nearest(CELLS, [0, 0, 0, 0, 1, 0])[0], 1);
});

test("loudness follows the samples", () => {
  const samples = new Int16Array(48_000);
  for (let i = 24_000; i < 48_000; i++) samples[i] = 8000 * Math.sin(i / 10);
  const levels = levelsOf(samples, 24_000);
  assert.equal(levels.length, 100);
  assert.ok(levels[10] < 0.05 && levels[80] > 0.9);
  assert.equal(levelsOf(new Int16Array(0), 24_000).length, 0);
});

const wav = (samples) => {
  const body = Buffer.from(Int16Array.from(samples).buffer);
  const head = Buffer.from("RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + "\0".repeat(16) + "data\xff\xff\xff\xff", "latin1");
  return Buffer.concat([head, body]);
};
const event = (told) => `data: ${JSON.stringify(told)}\n\n`;

test("what is streamed becomes one sound whose length is right, with its mouth", () => {
  const whole = wav(Array.from({ length: 4800 }, (_, i) => (i % 50) * 200));
  const stream = event({ type: "speech.audio.delta", audio: whole.subarray(0, 99).toString("base64"), visemes: [["aa", 0, 2400]] })
    + event({ type: "speech.audio.delta", audio: whole.subarray(99).toString("base64"), visemes: [["sil", 2400, 2400]] })
    + event({ type: "speech.audio.done", usage: {} });
  const { wav: made, lips } = soundOf(stream);
  const view = new DataView(made.buffer);
  assert.equal(view.getUint32(4, true), made.length - 8);
  assert.equal(view.getUint32(40, true), 9600);
  assert.ok(lips.at(0.05)[0] > lips.at(0.19)[0]);
  assert.throws(() => soundOf(stream.replace("speech.audio.done", "speech.audio.lost")), /broke off/);
});

test("a form is found among the chunks of a file, and a picture without one says so", () => {
  const chunk = (name, body) => Buffer.concat([Buffer.from(name), Buffer.from([body.length, 0, 0, 0]), body, Buffer.alloc(body.length % 2)]);
  const file = (...chunks) => { const body = Buffer.concat([Buffer.from("RIFF\0\0\0\0WEBP"), ...chunks]); return body.buffer.slice(body.byteOffset, body.byteOffset + body.length); };
  const form = Buffer.from('{"version":1}');
  assert.deepEqual(formOf(file(chunk("VP8 ", Buffer.alloc(7)), chunk("KFCE", form))), { version: 1 });
  assert.throws(() => formOf(file(chunk("VP8 ", Buffer.alloc(7)))), /no face/);
});

test("somebody by chance is of their origin and an adult's measure, in all eight", () => {
  assert.equal(ORIGINS.length, 8);
  assert.equal(BUILDS.length, 4);
  for (const [origin] of ORIGINS) {
    for (const gender of ["woman", "man", "non-binary"]) {
      for (let i = 0; i < 20; i++) {
        const look = someone({ origin, gender, age: 18 + i * 3, hue: 10 });
        assert.equal(look.origin, origin);
        const numbers = JSON.stringify(look).match(/:(-?[\d.]+)/g).map((one) => Number(one.slice(1)));
        assert.ok(numbers.every((one) => Number.isFinite(one) && one >= 0));
      }
    }
  }
});
