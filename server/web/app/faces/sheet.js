/** Sheets of faces: fetched once, their form read from the file itself, the pictures unpacked. */

/** @typedef {[string, number, number, number, number, number, number]} Layer name, place in the sheet, size, place in the frame */
/**
 * @typedef {{ version: number, size: number, pivot: [number, number], reach: number, layers: Layer[],
 *   mouths: [number, number, number, number, [number, number, number[]][]],
 *   eyes: [number, number, number, number, Record<string, [number, number]>] }} Form
 */
/** @typedef {{ form: Form, picture: ImageBitmap, mouths: number[][] }} Sheet */

export const VERSION = 1;
const KEPT = 24;
// A browser has six connections to a server, and a new face may take the server a second.
const AT_ONCE = 2;
let asking = 0;
/** @type {(() => void)[]} */
const waiting = [];
/** @type {Map<string, Promise<Sheet>>} */
const sheets = new Map();

/** @param {ArrayBuffer} bytes @returns {Form} */
export function formOf(bytes) {
  const view = new DataView(bytes);
  for (let at = 12; at + 8 <= bytes.byteLength;) {
    const long = view.getUint32(at + 4, true);
    if (view.getUint32(at, false) === 0x4b464345) return JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, at + 8, long)));
    at += 8 + long + (long % 2);
  }
  throw new Error("This picture holds no face.");
}

/** @param {ArrayBuffer} bytes @returns {Promise<Sheet>} */
export async function unpacked(bytes) {
  const form = formOf(bytes);
  if (form.version !== VERSION) throw new Error("This face is of another version.");
  const picture = await createImageBitmap(new Blob([bytes], { type: "image/webp" }));
  return { form, picture, mouths: form.mouths[4].map(([, , shape]) => shape) };
}

/** @param {string} address @param {RequestInit} [options] @returns {Promise<Sheet>} */
export function sheetAt(address, options) {
  let found = sheets.get(address);
  if (!found) {
    found = fetched(address, options).then(unpacked);
    found.catch(() => sheets.delete(address));
  } else sheets.delete(address);
  sheets.set(address, found);
  for (const old of [...sheets.keys()].slice(0, Math.max(0, sheets.size - KEPT))) sheets.delete(old);
  return found;
}

/** In turn, so that whatever else the page needs comes first. @param {string} address @param {RequestInit} [options] */
async function fetched(address, options) {
  if (asking >= AT_ONCE) await new Promise((/** @type {(value?: unknown) => void} */ go) => waiting.push(go));
  else asking++;
  try {
    const answer = await fetch(address, { priority: "low", ...options });
    if (!answer.ok) throw new Error(`no face: ${answer.status}`);
    return await answer.arrayBuffer();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else asking--;
  }
}
