// The pure parts of the viewer: the mouth's clock, files that lie, names of faces, life at rest.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { abilitiesOf } from "../../../server/web/app/figure/abilities.js";
import { ARKIT, VISEME_WEIGHTS } from "../../../server/web/app/figure/arkit.js";
import { Face } from "../../../server/web/app/figure/face.js";
import { Broken, open } from "../../../server/web/app/figure/glb.js";
import { IdleLife } from "../../../server/web/app/figure/idle.js";
import { compose, decompose, identity, inverse, multiply } from "../../../server/web/app/figure/maths.js";
import { read, settle } from "../../../server/web/app/figure/scene.js";
import { blended, Speech } from "../../../server/web/app/figure/speech.js";

const MS = 24; // samples
const HELLO = { epoch: 3, at_sample: 0, visemes: [["sil", 0, 100 * MS], ["PP", 100 * MS, 80 * MS], ["aa", 180 * MS, 200 * MS], ["sil", 380 * MS, 100 * MS]] };
const still = { blink: 0, breath: 0, pitch: 0, yaw: 0, roll: 0, eyePitch: 0, eyeYaw: 0 };
const ahead = { pitch: 0, yaw: 0 };

function speaking() {
  const speech = new Speech();
  speech.delay = 50;
  speech.shapes(HELLO);
  speech.sounding({ epoch: 3, samples: 0, playing: true }, 1000);
  return speech;
}

test("a shape is on the lips when its sound is heard, not when it left", () => {
  const speech = speaking();
  assert.deepEqual(speech.weights(1000 + 280), speech.weights(1000 + 280));
  assert.ok((speech.weights(1000 + 50 + 280).aa ?? 0) > 0.9);
  assert.equal(speech.weights(1000 + 50 + 20).aa, undefined);
  assert.ok((speech.weights(1000 + 50 + 140).PP ?? 0) > 0.95, "lips meet on p");
});

test("what is told twice counts once, and what is told late does not pull the mouth back", () => {
  const speech = speaking();
  speech.shapes(HELLO);
  assert.equal(speech.spans.get(3).length, 4);
  speech.sounding({ epoch: 3, samples: 200 * MS, playing: true }, 1240); // 40 ms on its way longer than the first
  assert.ok(Math.abs(speech.heard(1290).sample - 240 * MS) <= 1.5 * MS);
});

test("a report that puts the sound further is believed at once", () => {
  const speech = speaking();
  speech.sounding({ epoch: 3, samples: 230 * MS, playing: true }, 1200);
  assert.equal(Math.round(speech.heard(1300).sample / MS), 280);
});

test("held, the mouth rests; let go, it goes on where it stopped", () => {
  const speech = speaking();
  speech.sounding({ epoch: 3, samples: 200 * MS, playing: false }, 1200);
  assert.ok((speech.weights(1240).aa ?? 0) > 0, "what left before is still to be heard");
  assert.deepEqual(speech.weights(1260), {});
  speech.sounding({ epoch: 3, samples: 200 * MS, playing: true }, 1500);
  assert.deepEqual(speech.weights(1520), {});
  assert.ok((speech.weights(1590).aa ?? 0) > 0.5);
});

test("another utterance takes over when its sound is heard, and an old one is not listened to", () => {
  const speech = speaking();
  speech.shapes({ ...HELLO, epoch: 4, visemes: [["O", 0, 300 * MS]] });
  speech.sounding({ epoch: 4, samples: 480, playing: true }, 1300);
  assert.ok((speech.weights(1310).aa ?? 0) > 0.5, "the last one is heard for another moment");
  assert.ok((speech.weights(1450).O ?? 0) > 0.9);
  speech.sounding({ epoch: 3, samples: 300 * MS, playing: true }, 1460);
  speech.shapes({ ...HELLO, epoch: 3, at_sample: 5 });
  assert.ok((speech.weights(1470).O ?? 0) > 0.9);
});

test("a server that falls silent leaves no mouth open", () => {
  const speech = new Speech();
  speech.shapes({ epoch: 1, at_sample: 0, visemes: [["aa", 0, 60_000 * MS]] });
  speech.sounding({ epoch: 1, samples: 0, playing: true }, 0);
  assert.ok((speech.weights(3000).aa ?? 0) > 0.9);
  assert.deepEqual(speech.weights(4500), {});
});

test("shapes together are never more than a whole mouth, and never jump", () => {
  const spans = [];
  for (let i = 0, at = 0; i < 60; i += 1) {
    const long = (40 + (i * 37) % 160) * MS;
    spans.push({ shape: ["aa", "PP", "I", "sil", "O", "SS"][i % 6], begin: at, end: at + long });
    at += long;
  }
  let before = blended(spans, 0);
  for (let sample = 0; sample < spans.at(-1).end; sample += 8 * MS) {
    const now = blended(spans, sample);
    assert.ok(Object.values(now).reduce((sum, one) => sum + one, 0) <= 1.001);
    for (const shape of ["aa", "I", "O", "SS"]) assert.ok(Math.abs((now[shape] ?? 0) - (before[shape] ?? 0)) < 0.4);
    before = now;
  }
});

// --- files

const here = new URL("../../figures/", import.meta.url);
const file = (name) => {
  const bytes = readFileSync(new URL(name, here));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
};

/** A GLB of a description, with so many bytes of nothing. */
function made(description, binary = 0) {
  const text = new TextEncoder().encode(JSON.stringify(description).padEnd(Math.ceil(JSON.stringify(description).length / 4) * 4));
  const all = new Uint8Array(20 + text.length + (binary ? 8 + binary : 0));
  const head = new DataView(all.buffer);
  [0x46546c67, 2, all.length, text.length, 0x4e4f534a].forEach((one, i) => head.setUint32(4 * i, one, true));
  all.set(text, 20);
  if (binary) { head.setUint32(20 + text.length, binary, true); head.setUint32(24 + text.length, 0x004e4942, true); }
  return all.buffer;
}
const SHAPE = { asset: { version: "2.0" }, buffers: [{ byteLength: 36 }], bufferViews: [{ buffer: 0, byteLength: 36 }], accessors: [{ componentType: 5126, count: 3, type: "VEC3", bufferView: 0 }], meshes: [{ primitives: [{ attributes: { POSITION: 0 } }] }], nodes: [{ mesh: 0 }], scenes: [{ nodes: [0] }] };

test("a real file with a sparse form is read, and only what moves is kept", () => {
  const scene = read(open(file("morph_cube_sparse.glb")));
  const [shape] = scene.meshes[0].shapes;
  assert.equal(shape.count, 24);
  assert.ok(shape.forms[0].where.length > 0 && shape.forms[0].where.length < 24);
});

test("a real VRM is known by its bones", () => {
  const scene = read(open(file("debug_robot.vrm")));
  const can = abilitiesOf(scene);
  assert.equal(can.kind, "vrm1");
  assert.ok(can.bones.head !== undefined && can.bones.leftEye !== undefined);
  assert.equal(can.title, "VRM Animation Debug Robot");
});

test("a file that lies says so in words", () => {
  read(open(made(SHAPE, 36)));
  const lies = [
    [made(SHAPE, 36).slice(0, 60), /cut off/], [new ArrayBuffer(4), /no GLB/], [made([]), /cannot be read/], [made({ asset: {} }), /nothing to see/],
    [made({ ...SHAPE, accessors: [{ ...SHAPE.accessors[0], count: 9 }] }, 36), /longer than its data/],
    [made({ ...SHAPE, bufferViews: [{ buffer: 0, byteLength: 4000 }] }, 36), /outside/],
    [made({ ...SHAPE, nodes: [{ mesh: 0, children: [1] }, { children: [0] }] }, 36), /tree|ring/],
    [made({ ...SHAPE, buffers: [{ byteLength: 36, uri: "x.bin" }] }, 36), /other files/],
    [made({ ...SHAPE, extensionsRequired: ["KHR_draco_mesh_compression"] }, 36), /draco/],
    [made({ ...SHAPE, accessors: [{ ...SHAPE.accessors[0], sparse: { count: 1e9, indices: {}, values: {} } }] }, 36), /sparse/],
  ];
  for (const [bytes, words] of lies) assert.throws(() => read(open(bytes)), (error) => error instanceof Broken && words.test(error.message), String(words));
});

test("half of a file, or any byte of it changed, throws nothing but Broken", () => {
  const whole = new Uint8Array(file("morph_cube_sparse.glb"));
  for (let at = 0; at < whole.length; at += 7) {
    const bytes = whole.slice();
    bytes[at] ^= 0x5a;
    try { read(open(bytes.buffer)); } catch (error) { assert.ok(error instanceof Broken, `${at}: ${error.stack}`); }
  }
});

// --- faces

test("a mouth opens by whatever its figure has", () => {
  const forms = ["viseme_aa", "jawOpen"];
  const scene = { glb: { json: {} }, nodes: [{ index: 0, name: "Head", parent: -1, children: [], mesh: 0, skin: -1, t: [0, 0, 0], q: [0, 0, 0, 1], s: [1, 1, 1], world: identity(), rest: { t: [0, 0, 0], q: [0, 0, 0, 1], s: [1, 1, 1] } }], roots: [0], meshes: [{ name: "", shapes: [], formNames: forms, weights: [0, 0] }], skins: [], materials: [], textures: [] };
  const can = abilitiesOf(scene);
  assert.equal(can.mouth, "arkit", "one viseme is not fifteen");
  const face = new Face(scene, can);
  face.at({ shapes: { aa: 1 }, feeling: null, idle: still, look: ahead }, 16);
  assert.ok(face.weights.get(0)[1] > 0.5);
  face.at({ shapes: { PP: 1 }, feeling: null, idle: still, look: ahead }, 16);
  assert.ok(face.weights.get(0)[1] < 0.02);
});

test("the tables of shapes are whole", () => {
  assert.equal(ARKIT.length, 52);
  assert.equal(Object.keys(VISEME_WEIGHTS).length, 15);
});

test("a face at rest blinks some twenty times a minute, and never keeps its eyes shut", () => {
  let seed = 7;
  const idle = new IdleLife(() => (seed = (seed * 16807) % 2147483647) / 2147483647);
  let [blinks, shut, longest, before] = [0, 0, 0, 0];
  for (let now = 0; now < 60_000; now += 16) {
    const { blink, pitch, yaw } = idle.at(now, false);
    if (blink > 0.5 && before <= 0.5) blinks += 1;
    shut = blink > 0.8 ? shut + 16 : 0;
    longest = Math.max(longest, shut);
    assert.ok(Math.abs(pitch) < 0.2 && Math.abs(yaw) < 0.2);
    before = blink;
  }
  assert.ok(blinks >= 10 && blinks <= 35, `${blinks} blinks`);
  assert.ok(longest < 200);
});

test("matrices come apart as they were put together", () => {
  const m = compose([1, 2, 3], [0.18, 0.36, 0.54, Math.sqrt(1 - 0.18 ** 2 - 0.36 ** 2 - 0.54 ** 2)], [2, 1, 0.5]);
  const { t, q, s } = decompose(m);
  assert.deepEqual(t, [1, 2, 3]);
  assert.ok([2, 1, 0.5].every((one, i) => Math.abs(one - s[i]) < 1e-5));
  assert.ok(Math.abs(q[1] - 0.36) < 1e-5);
  const one = multiply(m, inverse(m));
  assert.ok(identity().every((wanted, i) => Math.abs(wanted - one[i]) < 1e-5));
  settle({ nodes: [], roots: [] });
});
