/**
 * A figure on a canvas: shows a file, keeps it alive, and moves its mouth to what is being said.
 *
 * The canvas is transparent; what stands behind it is the page's. Nothing is drawn while nobody
 * can see it.
 */
import { abilitiesOf } from "./abilities.js";
import { Face } from "./face.js";
import { Broken, open } from "./glb.js";
import { IdleLife } from "./idle.js";
import { about, compose, identity, moved, perspective } from "./maths.js";
import { Orbit } from "./orbit.js";
import { Painter } from "./painter.js";
import { read, settle } from "./scene.js";
import { Speech } from "./speech.js";

/** @typedef {import("./face.js").Feeling} Feeling */
/** @typedef {import("./maths.js").Vec3} Vec3 */
/** @typedef {{ head: Vec3, tall: number, least: Vec3, most: Vec3, bust: boolean }} Stature */

const FOV = 0.44;
const PIXELS_MOST = 2;
const FEELING_MS = 2600;
const TOLD_MS = 100;
const SAMPLED = 3000;
const SLOW_MS = 45;
const SLOW_MOST = 24; // pictures
const SHARP_LEAST = 0.45;

export class Viewer {
  /** @param {HTMLCanvasElement} canvas @param {{ speech?: Speech, onFault?: (message: string) => void, chance?: () => number }} [options] */
  constructor(canvas, { speech = new Speech(), onFault = () => undefined, chance } = {}) {
    this.canvas = canvas;
    this.speech = speech;
    this.onFault = onFault;
    this.orbit = new Orbit();
    this.idle = new IdleLife(chance);
    /** @type {Feeling | null} */
    this.feeling = null;
    this.feelingUntil = 0;
    /** Who draws instead, while a headset does. @type {((now: number) => void) | null} */
    this.elsewhere = null;
    this.began = performance.now();
    this.last = this.toldAt = 0;
    this.frame = this.slow = 0;
    this.sharp = 1; // of the pixels there are
    this.freed = false;
    /** @type {ArrayBuffer | null} */
    this.file = null;
    /** @type {WebGL2RenderingContext | null} */
    this.gl = null;
    /** @type {Painter | null} */
    this.painter = null;
    /** @type {Stature | null} */
    this.stature = null;
    /** What is shown. @type {{ scene: import("./scene.js").Scene, abilities: import("./abilities.js").Abilities, face: Face, base: Float32Array } | null} */
    this.shown = null;
    this.ends = [this.orbit.follow(canvas), this.resized()];
    canvas.addEventListener("webglcontextlost", (event) => { event.preventDefault(); this.painter = null; });
    canvas.addEventListener("webglcontextrestored", () => { if (this.file && !this.freed) void this.show(this.file).catch((error) => this.onFault(error.message)); });
  }

  /** Show a file. Throws Broken, in words for people. @param {ArrayBuffer} file */
  async show(file) {
    const gl = this.context();
    const scene = read(open(file));
    const abilities = abilitiesOf(scene);
    // VRM 0 looks the other way.
    const base = abilities.kind === "vrm0" ? compose([0, 0, 0], about([0, 1, 0], Math.PI), [1, 1, 1]) : identity();
    settle(scene, base);
    const face = new Face(scene, abilities);
    settle(scene, base);
    const painter = new Painter(gl, scene);
    await painter.load();
    if (this.freed || gl.isContextLost()) return;
    this.file = file;
    this.shown = { scene, abilities, face, base };
    this.painter = painter;
    this.stature = statureOf(scene, abilities, base);
    this.look();
    this.canvas.dataset.mouth = abilities.mouth;
    if (!this.frame) this.frame = requestAnimationFrame(() => this.tick());
  }

  /** @returns {WebGL2RenderingContext} */
  context() {
    this.gl ??= this.canvas.getContext("webgl2", { alpha: true, antialias: true, premultipliedAlpha: true, xrCompatible: false, powerPreference: "high-performance" });
    if (!this.gl) throw new Broken("This browser cannot draw in three dimensions (WebGL2 is missing).");
    return this.gl;
  }

  /** What the companion feels, for a while. @param {Feeling} feeling */
  feel(feeling) {
    this.feeling = feeling;
    this.feelingUntil = performance.now() + FEELING_MS;
  }

  // --- every picture

  tick() {
    this.frame = this.freed ? 0 : requestAnimationFrame(() => this.tick());
    if (this.elsewhere || !this.painter || !this.gl) return;
    const now = performance.now(); // a picture's own time may lie behind, and a mouth must not
    const step = this.last ? Math.min(100, now - this.last) : 16;
    this.spare(now);
    this.orbit.settle(step);
    this.live(now, this.orbit.eye());
    const { gl, canvas } = this;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const far = this.orbit.distance;
    this.painter.draw({ projection: perspective(FOV, canvas.width / Math.max(1, canvas.height), far / 60, far * 20), view: this.orbit.view(), eye: this.orbit.eye() });
  }

  /** A device that cannot keep up gets fewer pixels before it gets fewer pictures. @param {number} now */
  spare(now) {
    if (now - this.last < SLOW_MS || !this.last) {
      this.slow = Math.max(0, this.slow - 1);
    } else if ((this.slow += 1) > SLOW_MOST && this.sharp > SHARP_LEAST) {
      this.sharp *= 0.75;
      this.slow = 0;
      this.fit();
    }
  }

  /** Everything that moves, as it is now. @param {number} now @param {Vec3} eye where the person is */
  live(now, eye) {
    const { shown, painter, stature } = this;
    if (!shown || !painter || !stature) return;
    const { scene, face, base } = shown;
    const step = this.last ? Math.min(100, Math.max(0, now - this.last)) : 16;
    this.last = now;
    const shapes = this.speech.weights(now);
    const idle = this.idle.at(now - this.began, this.speech.speaking(now));
    const [x, y, z] = [eye[0] - stature.head[0], eye[1] - stature.head[1], eye[2] - stature.head[2]];
    const look = z > 0 ? { yaw: Math.atan2(x, z), pitch: Math.atan2(y, Math.hypot(x, z)) } : { yaw: 0, pitch: 0 };
    face.at({ shapes, feeling: now < this.feelingUntil ? this.feeling : null, idle, look }, step);
    settle(scene, base);
    for (const [node, weights] of face.weights) painter.form(node, weights);
    painter.shift(face.shifts);
    painter.pose();
    if (now - this.toldAt >= TOLD_MS) this.tell(now, shapes, idle);
  }

  /** For whoever looks from outside: what the face does. @param {number} now @param {Record<string, number>} shapes @param {import("./idle.js").Idle} idle */
  tell(now, shapes, idle) {
    this.toldAt = now;
    const [shape, weight] = Object.entries(shapes).sort((a, b) => b[1] - a[1])[0] ?? ["sil", 0];
    Object.assign(this.canvas.dataset, { shape: weight > 0.15 ? shape : "sil", blink: idle.blink.toFixed(1), drawn: "yes" });
  }

  // --- the picture's frame

  fit() {
    const by = Math.min(PIXELS_MOST, devicePixelRatio || 1) * this.sharp;
    const [width, height] = [Math.round(this.canvas.clientWidth * by), Math.round(this.canvas.clientHeight * by)];
    if (!width || !height || (width === this.canvas.width && height === this.canvas.height)) return;
    Object.assign(this.canvas, { width, height });
    this.look();
  }

  resized() {
    const watch = new ResizeObserver(() => this.fit());
    watch.observe(this.canvas);
    return () => watch.disconnect();
  }

  /** Stand where head and shoulders fill the picture; of what has no head, all of it. */
  look() {
    const { stature, canvas } = this;
    if (!stature) return;
    const aspect = canvas.width / Math.max(1, canvas.height);
    const wide = Math.max(1, 0.86 / aspect);
    const { head, tall, least, most, bust } = stature;
    if (bust) {
      this.orbit.frame([head[0], head[1] + tall * 0.28, head[2]], wide * (tall * 2.7) / (2 * Math.tan(FOV / 2)));
      return;
    }
    const size = Math.max(most[1] - least[1], (most[0] - least[0]) / Math.max(0.4, aspect), 1e-3);
    this.orbit.frame([(least[0] + most[0]) / 2, (least[1] + most[1]) / 2, (least[2] + most[2]) / 2], (size * 1.25) / (2 * Math.tan(FOV / 2)) + (most[2] - least[2]) / 2);
  }

  free() {
    this.freed = true;
    cancelAnimationFrame(this.frame);
    for (const end of this.ends) end();
    this.painter?.free();
    this.painter = null;
    this.file = null;
  }
}

/** Where the head is and how large everything stands. @param {import("./scene.js").Scene} scene @param {import("./abilities.js").Abilities} abilities @param {Float32Array} base @returns {Stature} */
function statureOf(scene, abilities, base) {
  /** @type {Vec3} */
  const least = [Infinity, Infinity, Infinity];
  /** @type {Vec3} */
  const most = [-Infinity, -Infinity, -Infinity];
  const see = (/** @type {Vec3} */ place) => {
    for (let i = 0; i < 3; i += 1) { least[i] = Math.min(least[i], place[i]); most[i] = Math.max(most[i], place[i]); }
  };
  for (const node of scene.nodes) for (const shape of scene.meshes[node.mesh]?.shapes ?? []) {
    const skin = scene.skins[node.skin];
    for (let i = 0; i < shape.count; i += Math.max(1, Math.floor(shape.count / SAMPLED))) see(placeOf(scene, node, skin, shape, i));
  }
  if (!Number.isFinite(least[0])) throw new Broken("There is nothing to see in this file.");
  const bone = abilities.bones.head;
  const whole = most[1] - least[1];
  if (bone === undefined) return { head: /** @type {Vec3} */ (moved(base, [0, (least[1] + most[1]) / 2, 0])), tall: whole, least, most, bust: false };
  const at = scene.nodes[bone].world;
  const tall = most[1] - at[13];
  // A head bone that is not below a head is no help.
  const bust = tall > 0.02 * whole && tall < 0.95 * whole;
  return { head: [at[12], at[13], at[14]], tall, least, most, bust };
}

const PART = new Float32Array(16);

/** A corner where it stands. @param {import("./scene.js").Scene} scene @param {import("./scene.js").Node} node @param {import("./scene.js").Skin | undefined} skin @param {import("./scene.js").Shape} shape @param {number} i @returns {Vec3} */
function placeOf(scene, node, skin, shape, i) {
  const place = /** @type {Vec3} */ ([shape.places[3 * i], shape.places[3 * i + 1], shape.places[3 * i + 2]]);
  if (!skin || !shape.joints || !shape.weights) return moved(node.world, place);
  let best = 0;
  for (let j = 1; j < 4; j += 1) if (shape.weights[4 * i + j] > shape.weights[4 * i + best]) best = j;
  const joint = Math.min(shape.joints[4 * i + best], skin.joints.length - 1);
  const bound = moved(skin.inverse[joint], place);
  PART.set(scene.nodes[skin.joints[joint]].world);
  return moved(PART, bound);
}
