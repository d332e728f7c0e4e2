/**
 * A figure's face and bearing at a moment: what it says, feels and does by itself, as weights of
 * its forms and turns of its bones. What one figure lacks is done with what it has.
 */
import { VISEME_WEIGHTS } from "./arkit.js";
import { plain } from "./abilities.js";
import { about, back, decompose, euler, turned, within } from "./maths.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./abilities.js").Abilities} Abilities */
/** @typedef {import("./abilities.js").Bind} Bind */
/** @typedef {import("./maths.js").Quat} Quat */
/** @typedef {{ name: string, strength: number, arkit: Record<string, number> }} Feeling */
/** @typedef {{ shapes: Record<string, number>, feeling: Feeling | null, idle: import("./idle.js").Idle, look: { pitch: number, yaw: number } }} Moment `shapes`: visemes; `look`: where the person is, in radians */

// The fifteen visemes with a mouth that knows five vowels.
const VOWELS = /** @type {Record<string, Record<string, number>>} */ ({
  PP: {}, FF: { ih: 0.12 }, TH: { ih: 0.22, aa: 0.08 }, DD: { ih: 0.25, aa: 0.1 }, kk: { aa: 0.2, ih: 0.12 }, CH: { ou: 0.32, ih: 0.15 }, SS: { ee: 0.22, ih: 0.15 },
  nn: { ih: 0.2, aa: 0.1 }, RR: { ou: 0.3, aa: 0.08 }, aa: { aa: 1 }, E: { ee: 0.85 }, I: { ih: 0.9 }, O: { oh: 1 }, U: { ou: 0.95 },
});
const OPENING = /** @type {Record<string, number>} */ ({ PP: 0, FF: 0.08, TH: 0.2, DD: 0.2, kk: 0.28, CH: 0.2, SS: 0.1, nn: 0.18, RR: 0.2, aa: 1, E: 0.6, I: 0.35, O: 0.7, U: 0.3 });
// Our expressions as VRM's presets.
const PRESETS = /** @type {Record<string, Record<string, number>>} */ ({
  smile: { happy: 0.45, relaxed: 0.2 }, joy: { happy: 0.9 }, tender: { relaxed: 0.7, happy: 0.15 }, sad: { sad: 0.8 }, worried: { sad: 0.5, surprised: 0.1 }, surprised: { surprised: 0.8 },
  angry: { angry: 0.8 }, playful: { happy: 0.55 }, shy: { relaxed: 0.5, happy: 0.2 }, thoughtful: { relaxed: 0.25 }, greeting: { happy: 0.5 }, goodbye: { happy: 0.4, relaxed: 0.2 },
});
const REST = { happy: 0.06, relaxed: 0.12 };
const REST_ARKIT = { mouthSmileLeft: 0.12, mouthSmileRight: 0.12, browInnerUp: 0.04 };
const SHUT = ["eyeBlinkLeft", "eyeBlinkRight"];
const EYES_SHUT = /^(eyes?closed?|eyes?shut|blink|eyesblink|fcleyeclose)$/;
const JAW_MOST = 0.3;
const ARMS_DOWN = 1.2;

export class Face {
  /** @param {Scene} scene @param {Abilities} abilities */
  constructor(scene, abilities) {
    this.scene = scene;
    this.can = abilities;
    /** @type {Map<number, Float32Array>} */
    this.weights = new Map();
    for (const node of scene.nodes) {
      const mesh = scene.meshes[node.mesh];
      if (mesh?.formNames.length) this.weights.set(node.index, Float32Array.from(mesh.weights));
    }
    /** @type {Map<number, { offset: number[], scale: number[] }>} */
    this.shifts = new Map();
    this.shut = [...abilities.forms.keys()].filter((name) => EYES_SHUT.test(name));
    this.both = SHUT.every((name) => abilities.forms.has(plain(name)));
    /** @type {Feeling | null} */
    this.feeling = null;
    this.felt = 0;
    this.lowerArms();
  }

  /** Arms hang, where the figure was made with them held out. */
  lowerArms() {
    for (const [side, sign] of /** @type {[string, number][]} */ ([["left", 1], ["right", -1]])) {
      const [upper, hand] = [this.can.bones[`${side}UpperArm`], this.can.bones[`${side}Hand`] ?? this.can.bones[`${side}LowerArm`]];
      if (upper === undefined || hand === undefined) continue;
      const [from, to] = [this.scene.nodes[upper].world, this.scene.nodes[hand].world];
      const [x, y] = [to[12] - from[12], to[13] - from[13]];
      const slope = Math.atan2(-y, Math.abs(x));
      if (slope > 0.9) continue; // they hang already
      const out = Math.sign(x) || sign;
      this.turnInWorld(upper, about([0, 0, 1], -out * (ARMS_DOWN - slope)), true);
      const lower = this.can.bones[`${side}LowerArm`];
      if (lower !== undefined) this.turnInWorld(lower, about([0, 0, 1], -out * 0.08), true);
    }
  }

  /** Turn a bone by a turn given in the figure's own axes. @param {number} index @param {Quat} by @param {boolean} [stays] becomes its rest */
  turnInWorld(index, by, stays = false) {
    const node = this.scene.nodes[index];
    const up = node.parent >= 0 ? decompose(this.scene.nodes[node.parent].world).q : /** @type {Quat} */ ([0, 0, 0, 1]);
    node.q = turned(turned(back(up), turned(by, up)), node.rest.q);
    if (stays) node.rest.q = [...node.q];
  }

  /** @param {Moment} moment @param {number} step milliseconds since the last one */
  at(moment, step) {
    for (const [node, weights] of this.weights) weights.set(this.scene.meshes[this.scene.nodes[node].mesh].weights);
    this.shifts.clear();
    this.feel(moment.feeling, step);
    const open = this.say(moment.shapes);
    this.show(Math.min(1, open * 1.4));
    this.close(moment);
    this.bear(moment, open);
    for (const weights of this.weights.values()) weights.forEach((weight, i) => { weights[i] = within(weight, -1, 1); });
  }

  // --- parts of it

  /** Feelings come and go; they do not jump. @param {Feeling | null} feeling @param {number} step */
  feel(feeling, step) {
    if (feeling && feeling !== this.feeling && this.felt < 0.35) this.feeling = feeling;
    const wanted = feeling && feeling === this.feeling ? feeling.strength : 0;
    this.felt += (wanted - this.felt) * (1 - Math.exp(-step / 260));
    if (!feeling && this.felt < 0.01) this.feeling = null;
  }

  /** What the mouth says; how far it is open, 0..1. @param {Record<string, number>} shapes */
  say(shapes) {
    const open = Object.entries(shapes).reduce((sum, [shape, weight]) => sum + (OPENING[shape] ?? 0) * weight, 0);
    for (const [shape, weight] of Object.entries(shapes)) {
      if (this.can.mouth === "visemes") this.form(`viseme${shape.toLowerCase()}`, weight);
      else if (this.can.mouth === "vowels") for (const [vowel, share] of Object.entries(VOWELS[shape] ?? {})) this.express(vowel, weight * share);
      else if (this.can.mouth === "arkit") for (const [name, share] of Object.entries(VISEME_WEIGHTS[shape] ?? {})) this.form(plain(name), weight * share);
    }
    const jaw = this.can.bones.jaw;
    if (this.can.mouth === "jaw" && jaw !== undefined) this.turnInWorld(jaw, about([1, 0, 0], JAW_MOST * Math.min(1, open)));
    return Math.min(1, open);
  }

  /** What it feels, less about the mouth while that speaks. @param {number} speaking 0..1 */
  show(speaking) {
    const { feeling, felt } = this;
    const mouth = 1 - 0.65 * speaking;
    if (this.can.expressions.size) {
      const presets = /** @type {Record<string, number>} */ ({ ...REST });
      if (feeling) for (const [name, share] of Object.entries(PRESETS[feeling.name] ?? {})) presets[name] = Math.max(presets[name] ?? 0, share * felt);
      for (const [name, value] of Object.entries(presets)) this.express(name, value * mouth);
    } else if (this.can.forms.has("mouthsmileleft") || this.can.forms.has("browinnerup")) {
      const shapes = /** @type {Record<string, number>} */ ({ ...REST_ARKIT });
      for (const [name, value] of Object.entries(feeling?.arkit ?? {})) shapes[name] = Math.max(shapes[name] ?? 0, value * felt);
      for (const [name, value] of Object.entries(shapes)) if (!/Blink|eyeLook/.test(name)) this.form(plain(name), value * (/^(mouth|jaw)/.test(name) ? mouth : 1));
    } else if (feeling && /smile|joy|tender|playful|greeting/.test(feeling.name)) this.form("mouthsmile", 0.7 * felt * mouth);
    else this.form("mouthsmile", 0.12 * mouth);
  }

  /** Lids. @param {Moment} moment */
  close({ idle }) {
    const hidden = this.felt > 0.4 && this.feeling && PRESETS[this.feeling.name]?.happy > 0.6 && this.can.expressions.get("happy")?.hidesBlink;
    const blink = hidden ? 0 : idle.blink;
    if (this.can.expressions.has("blink")) this.express("blink", blink);
    else if (this.can.expressions.has("blinkLeft")) for (const one of ["blinkLeft", "blinkRight"]) this.express(one, blink);
    else if (this.both) for (const one of SHUT) this.form(plain(one), blink);
    else for (const one of this.shut.slice(0, 1)) this.form(one, blink);
  }

  /** Head, eyes and breath. @param {Moment} moment @param {number} open */
  bear({ idle, look }, open) {
    const { bones } = this.can;
    const follow = { pitch: within(look.pitch, -0.3, 0.3), yaw: within(look.yaw, -0.5, 0.5) };
    const nod = 0.02 * open;
    const turn = (/** @type {string} */ bone, /** @type {number} */ share) => {
      if (bones[bone] !== undefined) this.turnInWorld(bones[bone], euler(share * (idle.pitch + 0.35 * follow.pitch - nod), share * (idle.yaw + 0.4 * follow.yaw), share * idle.roll));
    };
    turn("neck", bones.head === undefined ? 1 : 0.4);
    turn("head", bones.neck === undefined ? 1 : 0.6);
    for (const [bone, share] of /** @type {[string, number][]} */ ([["spine", 0.008], ["chest", 0.014], ["upperChest", 0.01]])) if (bones[bone] !== undefined) this.turnInWorld(bones[bone], euler(share * (idle.breath - 0.4), 0.3 * idle.yaw * 0.3, 0.2 * idle.roll));
    this.look(idle.eyePitch + 0.6 * follow.pitch - 0.5 * idle.pitch, idle.eyeYaw + 0.6 * follow.yaw - 0.5 * idle.yaw);
  }

  /** Eyes by bones where there are some, else by forms. @param {number} pitch @param {number} yaw */
  look(pitch, yaw) {
    const { bones, forms } = this.can;
    const [up, side] = [within(pitch, -0.35, 0.3), within(yaw, -0.5, 0.5)];
    if (bones.leftEye !== undefined && bones.rightEye !== undefined) {
      for (const eye of [bones.leftEye, bones.rightEye]) this.turnInWorld(eye, euler(0.7 * up, 0.7 * side, 0));
      return;
    }
    const most = 0.6;
    const pairs = /** @type {[string, string, number][]} */ ([["lookUp", "eyelookup", up], ["lookDown", "eyelookdown", -up]]);
    for (const [expression, form, value] of pairs) if (value > 0) {
      if (this.can.expressions.has(expression)) this.express(expression, value / most);
      else for (const end of ["left", "right"]) this.form(form + end, value / most);
    }
    const amount = Math.abs(side) / most;
    // Yaw to the viewer's right is the figure's own left.
    if (this.can.expressions.has("lookLeft")) this.express(side > 0 ? "lookLeft" : "lookRight", amount);
    else if (forms.has("eyelookoutleft")) for (const one of side > 0 ? ["eyelookoutleft", "eyelookinright"] : ["eyelookinleft", "eyelookoutright"]) this.form(one, amount);
  }

  // --- weights

  /** @param {string} name plain @param {number} value */
  form(name, value) {
    for (const { node, form, weight } of this.can.forms.get(name) ?? []) this.add(node, form, weight * value);
  }

  /** @param {string} name @param {number} value */
  express(name, value) {
    const expression = this.can.expressions.get(name);
    if (!expression || value <= 0) return;
    const much = expression.binary ? Number(value > 0.5) : Math.min(1, value);
    for (const { node, form, weight } of expression.binds) this.add(node, form, weight * much);
    for (const { material, offset, scale } of expression.shifts) {
      const sum = this.shifts.get(material) ?? { offset: [0, 0], scale: [1, 1] };
      for (const i of [0, 1]) { sum.offset[i] += offset[i] * much; sum.scale[i] += (scale[i] - 1) * much; }
      this.shifts.set(material, sum);
    }
  }

  /** @param {number} node @param {number} form @param {number} value */
  add(node, form, value) {
    const weights = this.weights.get(node);
    if (weights && form < weights.length) weights[form] += value;
  }
}
