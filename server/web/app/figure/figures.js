/** Figures as the server keeps them: asked for, fetched once, given and taken back. */
import { api } from "../api.js";
import { Problem, token, UNREACHABLE } from "../session.js";

/** @typedef {{ companion: string, figure: string, everybody: boolean, bytes: number, created_at: number, about: { kind: string, mouth: string, corners: number, triangles: number, title?: string, author?: string, licence?: string } }} Figure */
/** @typedef {{ owns: boolean, adults: boolean, depicts: string }} Statement */

/** @type {Map<string, Promise<ArrayBuffer>>} */
const kept = new Map();
const KEPT_MOST = 2;

/** The figure one sees this companion as, or null. @param {string} companion @returns {Promise<Figure | null>} */
export async function figureOf(companion) {
  try {
    return await api("GET", `companions/${encodeURIComponent(companion)}/figure`);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

/** Its file. @param {Figure} figure @returns {Promise<ArrayBuffer>} */
export function fileOf({ companion, figure }) {
  const known = kept.get(figure);
  if (known) return known;
  const asked = fetched(`/api/v1/companions/${encodeURIComponent(companion)}/figure.glb?v=${figure}`, { method: "GET" }).then((answer) => answer.arrayBuffer());
  kept.set(figure, asked);
  asked.catch(() => kept.delete(figure));
  for (const old of [...kept.keys()].slice(0, -KEPT_MOST)) kept.delete(old);
  return asked;
}

/** @param {string} companion @param {Blob} file @param {Statement} said @param {boolean} everybody @returns {Promise<Figure>} */
export async function give(companion, file, said, everybody) {
  const query = new URLSearchParams({ owns: String(said.owns), adults: String(said.adults), depicts: said.depicts });
  const path = `/api/v1/${everybody ? "admin/" : ""}companions/${encodeURIComponent(companion)}/figure?${query}`;
  const answer = await fetched(path, { method: "POST", headers: { "content-type": "model/gltf-binary" }, body: file });
  return answer.json();
}

/** @param {string} companion @param {boolean} everybody */
export function take(companion, everybody) {
  return api("DELETE", `${everybody ? "admin/" : ""}companions/${encodeURIComponent(companion)}/figure`);
}

/** @param {string} path @param {RequestInit & { headers?: Record<string, string> }} options */
async function fetched(path, options) {
  const once = async (/** @type {boolean} */ anew) => fetch(path, { ...options, headers: { ...options.headers, authorization: `Bearer ${await token(anew)}` } });
  /** @type {Response} */
  let answer;
  try {
    answer = await once(false);
    if (answer.status === 401) answer = await once(true);
  } catch (error) {
    throw error instanceof Problem ? error : new Problem(UNREACHABLE);
  }
  if (!answer.ok) throw new Problem({ ...await answer.json().catch(() => ({})), status: answer.status });
  return answer;
}
