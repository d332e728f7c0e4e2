/**
 * What a figure can do with its face, found by the names its maker used: VRM expressions, ARKit's
 * blend shapes, the fifteen visemes called Oculus', or a bone for the jaw. Pure.
 */
import { list } from "./glb.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {{ node: number, form: number, weight: number }} Bind */
/** @typedef {{ material: number, offset: [number, number], scale: [number, number] }} Shift a picture that is pushed aside */
/** @typedef {{ binds: Bind[], shifts: Shift[], binary: boolean, hidesMouth: boolean, hidesBlink: boolean }} Expression */
/** @typedef {"visemes" | "vowels" | "arkit" | "jaw" | "none"} Mouth */
/** @typedef {{ kind: "glb" | "vrm0" | "vrm1", mouth: Mouth, expressions: Map<string, Expression>, forms: Map<string, Bind[]>, bones: Record<string, number>, title: string, author: string }} Abilities */

const OLD = /** @type {Record<string, string>} */ ({ a: "aa", i: "ih", u: "ou", e: "ee", o: "oh", blink_l: "blinkLeft", blink_r: "blinkRight", joy: "happy", sorrow: "sad", fun: "relaxed", lookup: "lookUp", lookdown: "lookDown", lookleft: "lookLeft", lookright: "lookRight" });
export const VISEMES = ["sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U"];
const BONES = ["hips", "spine", "chest", "upperChest", "neck", "head", "jaw", "leftEye", "rightEye", "leftUpperArm", "rightUpperArm", "leftLowerArm", "rightLowerArm", "leftHand", "rightHand"];
// Names that bones go by where there is no VRM to say; letters and digits only, in lower case.
const CALLED = /** @type {Record<string, RegExp>} */ ({
  hips: /^(mixamorig)?(hips|pelvis)$/, spine: /^(mixamorig)?spine$/, chest: /^(mixamorig)?(spine1|chest)$/, upperChest: /^(mixamorig)?(spine2|upperchest)$/,
  neck: /^(mixamorig)?neck(1|01)?$/, head: /^(mixamorig|cchbase)?head$/, jaw: /^(mixamorig|facial)?(c?jaw(root|01|bone)?|lowerjaw)$/,
  leftEye: /^(mixamorig)?(lefteye|eyel|leye|eyeleft)$/, rightEye: /^(mixamorig)?(righteye|eyer|reye|eyeright)$/,
  leftUpperArm: /^(mixamorig)?(leftarm|leftupperarm|upperarml)$/, rightUpperArm: /^(mixamorig)?(rightarm|rightupperarm|upperarmr)$/,
  leftLowerArm: /^(mixamorig)?(leftforearm|leftlowerarm|forearml|lowerarml)$/, rightLowerArm: /^(mixamorig)?(rightforearm|rightlowerarm|forearmr|lowerarmr)$/,
  leftHand: /^(mixamorig)?(lefthand|handl)$/, rightHand: /^(mixamorig)?(righthand|handr)$/,
});

/** Letters and digits only, in lower case. @param {unknown} name */
export const plain = (name) => String(name ?? "").toLowerCase().replaceAll(/[^a-z0-9]/g, "");

/** @param {Scene} scene @returns {Abilities} */
export function abilitiesOf(scene) {
  const extensions = scene.glb.json.extensions ?? {};
  const kind = extensions.VRMC_vrm ? "vrm1" : extensions.VRM ? "vrm0" : "glb";
  const expressions = kind === "vrm1" ? newExpressions(scene, extensions.VRMC_vrm) : kind === "vrm0" ? oldExpressions(scene, extensions.VRM) : new Map();
  const forms = formsOf(scene);
  const bones = bonesOf(scene, kind, extensions);
  const meta = (kind === "vrm1" ? extensions.VRMC_vrm : extensions.VRM)?.meta ?? {};
  return {
    kind, expressions, forms, bones, mouth: mouthOf(expressions, forms, bones),
    title: String(meta.name ?? meta.title ?? ""), author: String(list(meta.authors)[0] ?? meta.author ?? scene.glb.json.asset?.copyright ?? ""),
  };
}

/** @param {Map<string, Expression>} expressions @param {Map<string, Bind[]>} forms @param {Record<string, number>} bones @returns {Mouth} */
function mouthOf(expressions, forms, bones) {
  if (VISEMES.slice(1).every((one) => forms.has(`viseme${one.toLowerCase()}`))) return "visemes";
  if (["aa", "ih", "ou", "ee", "oh"].some((one) => expressions.has(one))) return "vowels";
  if (forms.has("jawopen")) return "arkit";
  return bones.jaw === undefined ? "none" : "jaw";
}

/** Every form of every mesh by its plain name. @param {Scene} scene */
function formsOf(scene) {
  /** @type {Map<string, Bind[]>} */
  const found = new Map();
  for (const node of scene.nodes) scene.meshes[node.mesh]?.formNames.forEach((name, form) => {
    const key = plain(name);
    found.set(key, [...(found.get(key) ?? []), { node: node.index, form, weight: 1 }]);
  });
  return found;
}

/** @param {Scene} scene @param {any} vrm */
function newExpressions(scene, vrm) {
  /** @type {Map<string, Expression>} */
  const found = new Map();
  for (const [name, one] of Object.entries(vrm.expressions?.preset ?? {})) {
    const expression = {
      binds: list(one.morphTargetBinds).map((bind) => ({ node: bind.node, form: bind.index, weight: Number(bind.weight ?? 1) })),
      shifts: list(one.textureTransformBinds).map((bind) => ({ material: bind.material, offset: two(bind.offset, 0), scale: two(bind.scale, 1) })),
      binary: one.isBinary === true, hidesMouth: hides(one.overrideMouth), hidesBlink: hides(one.overrideBlink),
    };
    if (works(scene, expression)) found.set(name, expression);
  }
  return found;
}

/** @param {unknown} how */
const hides = (how) => how === "block" || how === "blend";
/** @param {any} value @param {number} otherwise @returns {[number, number]} */
const two = (value, otherwise) => (Array.isArray(value) && value.length === 2 ? [Number(value[0]), Number(value[1])] : [otherwise, otherwise]);

/** @param {Scene} scene @param {any} vrm */
function oldExpressions(scene, vrm) {
  /** @type {Map<string, Expression>} */
  const found = new Map();
  for (const group of list(vrm.blendShapeMaster?.blendShapeGroups)) {
    const told = String(group.presetName ?? "").toLowerCase();
    const name = OLD[told] ?? (told === "unknown" || !told ? plain(group.name) : told);
    // A bind names a mesh; every node that shows it moves.
    const binds = list(group.binds).flatMap((bind) => scene.nodes.filter((node) => node.mesh === bind.mesh).map((node) => ({ node: node.index, form: bind.index, weight: Number(bind.weight ?? 100) / 100 })));
    const expression = { binds, shifts: [], binary: group.isBinary === true, hidesMouth: false, hidesBlink: false };
    if (works(scene, expression)) found.set(name, expression);
  }
  return found;
}

/** Whether an expression moves anything that is there. @param {Scene} scene @param {Expression} expression */
function works(scene, expression) {
  expression.binds = expression.binds.filter(({ node, form }) => (scene.meshes[scene.nodes[node]?.mesh]?.formNames.length ?? 0) > form && form >= 0);
  expression.shifts = expression.shifts.filter(({ material }) => scene.materials[material]);
  return expression.binds.length > 0 || expression.shifts.length > 0;
}

/** @param {Scene} scene @param {string} kind @param {any} extensions @returns {Record<string, number>} */
function bonesOf(scene, kind, extensions) {
  /** @type {Record<string, number>} */
  const found = {};
  const keep = (/** @type {string} */ bone, /** @type {any} */ node) => { if (BONES.includes(bone) && scene.nodes[node]) found[bone] = node; };
  if (kind === "vrm1") for (const [bone, one] of Object.entries(extensions.VRMC_vrm.humanoid?.humanBones ?? {})) keep(bone, /** @type {any} */ (one)?.node);
  if (kind === "vrm0") for (const one of list(extensions.VRM.humanoid?.humanBones)) keep(one.bone, one.node);
  if (kind === "glb") for (const node of scene.nodes) for (const [bone, called] of Object.entries(CALLED)) if (found[bone] === undefined && called.test(plain(node.name))) found[bone] = node.index;
  return found;
}
