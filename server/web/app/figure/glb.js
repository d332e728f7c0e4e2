/**
 * A GLB file taken apart: its description, and its lists of numbers as typed arrays.
 *
 * Nothing in the file is trusted: what does not hold together throws `Broken`, in words for whoever
 * chose it. Pure; pictures are the caller's to decode.
 */

/** A file that cannot be shown. The message is for people. */
export class Broken extends Error {}

const MOST_BYTES = 256 * 2 ** 20;
const MOST_COUNT = 4_000_000;
const UNDERSTOOD = new Set([
  "KHR_materials_unlit", "KHR_texture_transform", "KHR_mesh_quantization", "KHR_materials_emissive_strength", "KHR_materials_specular",
  "KHR_materials_ior", "KHR_materials_clearcoat", "KHR_materials_sheen", "KHR_materials_transmission", "EXT_texture_webp", "VRM", "VRMC_vrm",
  "VRMC_materials_mtoon", "VRMC_springBone", "VRMC_node_constraint", "VRMC_materials_hdr_emissiveMultiplier",
]);
const KINDS = /** @type {Record<number, { array: any, bytes: number, most: number }>} */ ({
  5120: { array: Int8Array, bytes: 1, most: 127 }, 5121: { array: Uint8Array, bytes: 1, most: 255 },
  5122: { array: Int16Array, bytes: 2, most: 32767 }, 5123: { array: Uint16Array, bytes: 2, most: 65535 },
  5125: { array: Uint32Array, bytes: 4, most: 1 }, 5126: { array: Float32Array, bytes: 4, most: 1 },
});
const PARTS = /** @type {Record<string, number>} */ ({ SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4, MAT2: 4, MAT3: 9, MAT4: 16 });

/** @typedef {{ json: any, binary: Uint8Array }} Glb */

/** @param {ArrayBuffer} file @returns {Glb} */
export function open(file) {
  if (file.byteLength > MOST_BYTES) throw new Broken("This file is too large to show.");
  const view = new DataView(file);
  if (file.byteLength < 20 || view.getUint32(0, true) !== 0x46546c67) throw new Broken("This is no GLB or VRM file.");
  if (view.getUint32(4, true) !== 2) throw new Broken("This is an old glTF; it takes glTF 2.0.");
  if (view.getUint32(8, true) !== file.byteLength) throw new Broken("This file is cut off.");
  /** @type {any} */
  let json = null;
  let binary = new Uint8Array(0);
  for (let at = 12; at < file.byteLength;) {
    if (at + 8 > file.byteLength) throw new Broken("This file is damaged.");
    const [length, kind] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    if (at + 8 + length > file.byteLength) throw new Broken("This file is cut off.");
    const part = new Uint8Array(file, at + 8, length);
    if (kind === 0x4e4f534a && !json) json = description(part);
    else if (kind === 0x004e4942 && !binary.length) binary = part;
    at += 8 + length;
  }
  if (!json) throw new Broken("This file has no description.");
  const strange = list(json.extensionsRequired).filter((one) => !UNDERSTOOD.has(one));
  if (strange.length) throw new Broken(`This file needs ${strange.join(", ")}, which is not understood here. Export it without compression.`);
  if ([...list(json.buffers), ...list(json.images)].some((one) => one.uri !== undefined)) throw new Broken("Parts of this figure lie in other files. Export it as one file.");
  return { json, binary };
}

/** @param {Uint8Array} part */
function description(part) {
  try {
    const json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(part));
    if (!json || typeof json !== "object" || Array.isArray(json)) throw new Error("no object");
    return json;
  } catch {
    throw new Broken("The description in this file cannot be read.");
  }
}

/** What should be a list, as one. @param {unknown} value @returns {any[]} */
export function list(value) {
  return Array.isArray(value) ? value : [];
}

/** One of a list. @param {unknown} value @param {unknown} index @param {string} what */
export function at(value, index, what) {
  const found = typeof index === "number" ? list(value)[index] : undefined;
  if (!found || typeof found !== "object") throw new Broken(`This file is damaged: ${what} is missing.`);
  return found;
}

/** The bytes of a part. @param {Glb} glb @param {number} index */
export function bytesOf(glb, index) {
  const view = at(glb.json.bufferViews, index, "a part of its data");
  const [offset, length] = [view.byteOffset ?? 0, view.byteLength];
  if (view.buffer !== 0 || !whole(offset) || !whole(length) || offset + length > glb.binary.byteLength) throw new Broken("This file is damaged: a part lies outside of it.");
  return new Uint8Array(glb.binary.buffer, glb.binary.byteOffset + offset, length);
}

/**
 * A list of numbers, tightly packed. Integers that stand for fractions become them.
 * @param {Glb} glb @param {number} index @param {{ parts?: number[], whole?: boolean }} [wanted] `whole`: keep integers
 * @returns {{ data: Float32Array | Uint32Array, parts: number, count: number }}
 */
export function numbers(glb, index, { parts: wanted, whole: integers = false } = {}) {
  const one = at(glb.json.accessors, index, "a list of numbers");
  const [kind, parts, count] = [KINDS[one.componentType], PARTS[one.type], one.count];
  if (!kind || !parts || !whole(count) || count < 1 || count > MOST_COUNT || (wanted && !wanted.includes(parts))) throw new Broken("This file is damaged: a list is of another kind.");
  const Kept = integers ? Uint32Array : Float32Array;
  const by = !integers && one.normalized && kind.most > 1 ? 1 / kind.most : 1;
  const data = new Kept(count * parts);
  if (one.bufferView !== undefined) fill(data, glb, one.bufferView, one.byteOffset ?? 0, kind, parts, count, by);
  if (one.sparse) change(data, glb, one.sparse, kind, parts, count, by);
  return { data, parts, count };
}

/** @param {Float32Array | Uint32Array} data @param {Glb} glb @param {number} view @param {number} offset @param {{ array: any, bytes: number, most: number }} kind @param {number} parts @param {number} count @param {number} by */
function fill(data, glb, view, offset, kind, parts, count, by) {
  const bytes = bytesOf(glb, view);
  const width = kind.bytes * parts;
  const stride = at(glb.json.bufferViews, view, "a part").byteStride ?? width;
  if (!whole(offset) || !whole(stride) || stride < width || offset + stride * (count - 1) + width > bytes.byteLength) throw new Broken("This file is damaged: a list is longer than its data.");
  // Copied byte by byte where it does not lie as typed arrays want it.
  const lies = (bytes.byteOffset + offset) % kind.bytes === 0 && stride % kind.bytes === 0;
  const source = lies ? bytes : bytes.slice();
  const from = lies ? bytes.byteOffset + offset : 0;
  const read = lies ? new kind.array(source.buffer, from, Math.floor((source.byteLength - offset) / kind.bytes)) : slow(source, offset, stride, kind, parts, count);
  const step = lies ? stride / kind.bytes : parts;
  for (let i = 0; i < count; i += 1) for (let j = 0; j < parts; j += 1) {
    const value = read[i * step + j] * by;
    data[i * parts + j] = by < 1 && value < -1 ? -1 : value;
  }
}

/** @param {Uint8Array} bytes @param {number} offset @param {number} stride @param {{ array: any, bytes: number }} kind @param {number} parts @param {number} count */
function slow(bytes, offset, stride, kind, parts, count) {
  const made = new kind.array(count * parts);
  const out = new Uint8Array(made.buffer);
  const width = kind.bytes * parts;
  for (let i = 0; i < count; i += 1) out.set(bytes.subarray(offset + i * stride, offset + i * stride + width), i * width);
  return made;
}

/** @param {Float32Array | Uint32Array} data @param {Glb} glb @param {any} sparse @param {{ array: any, bytes: number, most: number }} kind @param {number} parts @param {number} all @param {number} by */
function change(data, glb, sparse, kind, parts, all, by) {
  const order = KINDS[sparse.indices?.componentType];
  if (!order || !whole(sparse.count) || sparse.count > all) throw new Broken("This file is damaged: a sparse list is of another kind.");
  const where = new Uint32Array(sparse.count);
  const values = new Float32Array(sparse.count * parts);
  fill(where, glb, sparse.indices.bufferView, sparse.indices.byteOffset ?? 0, order, 1, sparse.count, 1);
  fill(values, glb, sparse.values?.bufferView, sparse.values?.byteOffset ?? 0, kind, parts, sparse.count, by);
  for (let i = 0; i < sparse.count; i += 1) {
    if (where[i] >= all) throw new Broken("This file is damaged: a sparse list points outside.");
    data.set(values.subarray(i * parts, (i + 1) * parts), where[i] * parts);
  }
}

/** @param {unknown} value */
function whole(value) {
  return Number.isSafeInteger(value) && /** @type {number} */ (value) >= 0;
}
