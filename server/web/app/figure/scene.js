/**
 * A GLB as what there is to draw: a tree of nodes, shapes with the forms they can take, skins, and
 * materials reduced to what the painter knows. Pure but for decoding pictures.
 */
import { at, Broken, bytesOf, list, numbers } from "./glb.js";
import { compose, decompose, identity, multiply } from "./maths.js";

/** @typedef {import("./glb.js").Glb} Glb */
/** @typedef {{ index: number, name: string, parent: number, children: number[], mesh: number, skin: number, t: number[], q: number[], s: number[], world: Float32Array, rest: { t: number[], q: number[], s: number[] } }} Node */
/** @typedef {{ name: string, where: Uint32Array, places: Float32Array, normals: Float32Array | null }} Form the corners it moves, and how far */
/** @typedef {{ count: number, places: Float32Array, normals: Float32Array, uv: Float32Array | null, colours: Float32Array | null, joints: Uint32Array | null, weights: Float32Array | null, order: Uint32Array | null, material: number, forms: Form[] }} Shape */
/** @typedef {{ name: string, shapes: Shape[], formNames: string[], weights: number[] }} Mesh */
/** @typedef {{ joints: number[], inverse: Float32Array[] }} Skin */
/** @typedef {{ texture: number, offset: [number, number], scale: [number, number], turn: number } | null} Slot */
/** @typedef {{ name: string, colour: number[], glow: number[], metal: number, rough: number, alpha: "OPAQUE" | "MASK" | "BLEND", cutoff: number, twoSided: boolean, flat: boolean, toon: { shade: number[], soft: number } | null, writes: boolean, order: number, picture: Slot, bumps: Slot, bumpScale: number, surface: Slot, glowPicture: Slot }} Material */
/** @typedef {{ image: number, wrapS: number, wrapT: number, smooth: boolean, mips: boolean }} Texture */
/** @typedef {{ nodes: Node[], roots: number[], meshes: Mesh[], skins: Skin[], materials: Material[], textures: Texture[], glb: Glb }} Scene */

const MOST_NODES = 4096;
const MOST_CORNERS = 400_000;
const TRIANGLES = 4;

/** @param {Glb} glb @returns {Scene} */
export function read(glb) {
  const { json } = glb;
  const nodes = nodesOf(json);
  const scene = list(json.scenes)[json.scene ?? 0];
  const roots = list(scene?.nodes).filter((one) => nodes[one]);
  const materials = list(json.materials).map((one, i) => materialOf(one, list(json.extensions?.VRM?.materialProperties)[i]));
  const drawing = { glb, corners: 0, materials };
  const found = {
    glb, nodes, materials,
    roots: roots.length ? roots : nodes.filter((one) => one.parent < 0).map((one) => one.index),
    meshes: list(json.meshes).map((one) => meshOf(drawing, one)),
    skins: list(json.skins).map((one) => skinOf(glb, one, nodes.length)),
    textures: list(json.textures).map((one) => textureOf(json, one)),
  };
  if (!found.meshes.some((mesh) => mesh.shapes.length)) throw new Broken("There is nothing to see in this file.");
  settle(found);
  return found;
}

/** @param {any} json @returns {Node[]} */
function nodesOf(json) {
  const all = list(json.nodes);
  if (all.length > MOST_NODES) throw new Broken("This figure has too many parts.");
  const nodes = all.map((one, index) => {
    const { t, q, s } = Array.isArray(one.matrix) && one.matrix.length === 16 ? decompose(one.matrix) : { t: three(one.translation, 0), q: four(one.rotation), s: three(one.scale, 1) };
    return { index, name: String(one.name ?? ""), parent: -1, children: list(one.children), mesh: one.mesh ?? -1, skin: one.skin ?? -1, t, q, s, world: identity(), rest: { t: [...t], q: [...q], s: [...s] } };
  });
  for (const node of nodes) for (const child of node.children) {
    if (!nodes[child] || nodes[child].parent >= 0 || child === node.index) throw new Broken("This file is damaged: its nodes are no tree.");
    nodes[child].parent = node.index;
  }
  for (const node of nodes) {
    let steps = 0;
    for (let up = node.parent; up >= 0; up = nodes[up].parent) if ((steps += 1) > nodes.length) throw new Broken("This file is damaged: its nodes go round in a ring.");
  }
  return nodes;
}

/** @param {any} value @param {number} otherwise */
const three = (value, otherwise) => (Array.isArray(value) && value.length === 3 ? value.map(Number) : [otherwise, otherwise, otherwise]);
/** @param {any} value */
const four = (value) => (Array.isArray(value) && value.length === 4 ? value.map(Number) : [0, 0, 0, 1]);

const STILL = identity();

/** Where every node is, from the roots down; `base` is where the roots stand. @param {Scene} scene @param {Float32Array} [base] */
export function settle(scene, base = STILL) {
  const local = new Float32Array(16);
  const waiting = [...scene.roots];
  while (waiting.length) {
    const node = scene.nodes[/** @type {number} */ (waiting.pop())];
    compose(node.t, node.q, node.s, local);
    multiply(node.parent >= 0 ? scene.nodes[node.parent].world : base, local, node.world);
    waiting.push(...node.children);
  }
}

/** @param {{ glb: Glb, corners: number, materials: Material[] }} drawing @param {any} json @returns {Mesh} */
function meshOf(drawing, json) {
  const names = list(json.extras?.targetNames).map(String);
  const shapes = list(json.primitives).filter((one) => (one.mode ?? TRIANGLES) === TRIANGLES).map((one) => shapeOf(drawing, one, names));
  const formNames = Array.from({ length: Math.max(0, ...shapes.map((one) => one.forms.length)) }, (_, i) => names[i] ?? `form ${i}`);
  return { name: String(json.name ?? ""), shapes, formNames, weights: formNames.map((_, i) => Number(json.weights?.[i] ?? 0)) };
}

/** @param {{ glb: Glb, corners: number, materials: Material[] }} drawing @param {any} json @param {string[]} names @returns {Shape} */
function shapeOf(drawing, json, names) {
  const { glb } = drawing;
  const attributes = json.attributes ?? {};
  const get = (/** @type {string} */ name, /** @type {number[]} */ parts, integers = false) => (attributes[name] === undefined ? null : numbers(glb, attributes[name], { parts, whole: integers }));
  const places = get("POSITION", [3]);
  if (!places) throw new Broken("This file is damaged: a shape has no places.");
  const { count } = places;
  drawing.corners += count;
  if (drawing.corners > MOST_CORNERS) throw new Broken("This figure is too detailed to show.");
  const order = json.indices === undefined ? null : /** @type {Uint32Array} */ (numbers(glb, json.indices, { parts: [1], whole: true }).data);
  if (order?.some((one) => one >= count)) throw new Broken("This file is damaged: a shape points outside of itself.");
  const sure = (/** @type {{ data: any, count: number } | null} */ found) => {
    if (found && found.count !== count) throw new Broken("This file is damaged: a shape's lists differ in length.");
    return found?.data ?? null;
  };
  const colours = get("COLOR_0", [3, 4]);
  const normals = sure(get("NORMAL", [3])) ?? normalsOf(/** @type {Float32Array} */ (places.data), order);
  return {
    count, places: /** @type {Float32Array} */ (places.data), normals, order,
    uv: sure(get("TEXCOORD_0", [2])), joints: sure(get("JOINTS_0", [4], true)), weights: sure(get("WEIGHTS_0", [4])),
    colours: colours && sure(colours) ? withAlpha(/** @type {Float32Array} */ (colours.data), colours.parts, count) : null,
    material: drawing.materials[json.material] ? json.material : -1,
    forms: list(json.targets).map((one, i) => formOf(glb, one, names[i] ?? "", count)),
  };
}

/** @param {Float32Array} data @param {number} parts @param {number} count */
function withAlpha(data, parts, count) {
  if (parts === 4) return data;
  const made = new Float32Array(count * 4).fill(1);
  for (let i = 0; i < count; i += 1) made.set(data.subarray(i * 3, i * 3 + 3), i * 4);
  return made;
}

/** Only the corners a form moves are kept: of a face with sixty forms, most stay where they are.
 * @param {Glb} glb @param {any} json @param {string} name @param {number} count @returns {Form} */
function formOf(glb, json, name, count) {
  const get = (/** @type {string} */ key) => (json?.[key] === undefined ? null : numbers(glb, json[key], { parts: [3] }));
  const [places, normals] = [get("POSITION"), get("NORMAL")];
  if ((places && places.count !== count) || (normals && normals.count !== count)) throw new Broken("This file is damaged: a form has another length than its shape.");
  const moves = (/** @type {number} */ i, /** @type {any} */ of) => of && (Math.abs(of.data[3 * i]) > 1e-7 || Math.abs(of.data[3 * i + 1]) > 1e-7 || Math.abs(of.data[3 * i + 2]) > 1e-7);
  const where = [];
  for (let i = 0; i < count; i += 1) if (moves(i, places) || moves(i, normals)) where.push(i);
  const picked = (/** @type {any} */ of) => {
    const made = new Float32Array(where.length * 3);
    if (of) where.forEach((corner, i) => made.set(of.data.subarray(3 * corner, 3 * corner + 3), 3 * i));
    return made;
  };
  return { name, where: Uint32Array.from(where), places: picked(places), normals: normals ? picked(normals) : null };
}

/** Smooth normals for a shape without any. @param {Float32Array} places @param {Uint32Array | null} order */
function normalsOf(places, order) {
  const made = new Float32Array(places.length);
  const corners = order ? order.length : places.length / 3;
  for (let i = 0; i + 2 < corners; i += 3) {
    const [a, b, c] = [0, 1, 2].map((n) => 3 * (order ? order[i + n] : i + n));
    const [ux, uy, uz] = [0, 1, 2].map((n) => places[b + n] - places[a + n]);
    const [vx, vy, vz] = [0, 1, 2].map((n) => places[c + n] - places[a + n]);
    const normal = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    for (const corner of [a, b, c]) for (let n = 0; n < 3; n += 1) made[corner + n] += normal[n];
  }
  for (let i = 0; i < made.length; i += 3) {
    const length = Math.hypot(made[i], made[i + 1], made[i + 2]) || 1;
    for (let n = 0; n < 3; n += 1) made[i + n] /= length;
  }
  return made;
}

/** @param {Glb} glb @param {any} json @param {number} nodes @returns {Skin} */
function skinOf(glb, json, nodes) {
  const joints = list(json.joints);
  if (!joints.length || joints.length > 1024 || joints.some((one) => !(one >= 0 && one < nodes))) throw new Broken("This file is damaged: a skin hangs on nothing.");
  if (json.inverseBindMatrices === undefined) return { joints, inverse: joints.map(() => identity()) };
  const { data, count } = numbers(glb, json.inverseBindMatrices, { parts: [16] });
  if (count < joints.length) throw new Broken("This file is damaged: a skin lacks matrices.");
  return { joints, inverse: joints.map((_, i) => /** @type {Float32Array} */ (data.slice(i * 16, i * 16 + 16))) };
}

/** @param {any} json @param {any} one @returns {Texture} */
function textureOf(json, one) {
  const sampler = list(json.samplers)[one.sampler] ?? {};
  return {
    image: one.extensions?.EXT_texture_webp?.source ?? one.source ?? -1,
    wrapS: sampler.wrapS ?? 10497, wrapT: sampler.wrapT ?? 10497,
    smooth: sampler.magFilter !== 9728, mips: ![9728, 9729].includes(sampler.minFilter),
  };
}

/** @param {any} json @returns {Slot} */
function slotOf(json) {
  if (typeof json?.index !== "number") return null;
  const moved = json.extensions?.KHR_texture_transform ?? {};
  const two = (/** @type {any} */ value, /** @type {number} */ otherwise) => /** @type {[number, number]} */ (Array.isArray(value) && value.length === 2 ? value.map(Number) : [otherwise, otherwise]);
  return { texture: json.index, offset: two(moved.offset, 0), scale: two(moved.scale, 1), turn: Number(moved.rotation ?? 0) };
}

/** @param {any} json @param {any} old what VRM 0 says of the same material @returns {Material} */
function materialOf(json, old) {
  const surface = json.pbrMetallicRoughness ?? {};
  const extensions = json.extensions ?? {};
  const toon = extensions.VRMC_materials_mtoon;
  const oldToon = old?.shader === "VRM/MToon" ? old : null;
  const shade = toon?.shadeColorFactor ?? oldToon?.vectorProperties?._ShadeColor;
  const strength = extensions.KHR_materials_emissive_strength?.emissiveStrength ?? 1;
  const metalPicture = slotOf(surface.metallicRoughnessTexture);
  return {
    name: String(json.name ?? ""),
    colour: list(surface.baseColorFactor).length === 4 ? surface.baseColorFactor.map(Number) : [1, 1, 1, 1],
    glow: three(json.emissiveFactor, 0).map((one) => one * strength),
    metal: Number(surface.metallicFactor ?? 1), rough: Number(surface.roughnessFactor ?? 1),
    alpha: ["MASK", "BLEND"].includes(json.alphaMode) ? json.alphaMode : "OPAQUE", cutoff: Number(json.alphaCutoff ?? 0.5),
    twoSided: json.doubleSided === true, flat: Boolean(extensions.KHR_materials_unlit) && !toon && !oldToon,
    toon: toon || oldToon ? { shade: [0, 1, 2].map((i) => Number(shade?.[i] ?? 0.7)), soft: 1 - Number(toon?.shadingToonyFactor ?? oldToon?.floatProperties?._ShadeToony ?? 0.9) } : null,
    writes: json.alphaMode !== "BLEND" || toon?.transparentWithZWrite === true || oldToon?.floatProperties?._ZWrite === 1,
    order: Number(toon?.renderQueueOffsetNumber ?? (oldToon?.renderQueue > 0 ? oldToon.renderQueue - 3000 : 0)),
    picture: slotOf(surface.baseColorTexture), bumps: slotOf(json.normalTexture), bumpScale: Number(json.normalTexture?.scale ?? 1),
    surface: metalPicture, glowPicture: slotOf(json.emissiveTexture),
  };
}

/** The joints' matrices of a skin as they stand. @param {Scene} scene @param {Skin} skin @param {Float32Array} out */
export function pose(scene, skin, out) {
  skin.joints.forEach((joint, i) => multiply(scene.nodes[joint].world, skin.inverse[i], out.subarray(i * 16, i * 16 + 16)));
}

/** A picture's bytes as the browser can decode them. @param {Scene} scene @param {number} index */
export function imageOf({ glb }, index) {
  const image = at(glb.json.images, index, "a picture");
  return new Blob([/** @type {BlobPart} */ (bytesOf(glb, image.bufferView))], { type: String(image.mimeType ?? "image/png") });
}
