/**
 * REST with a bearer token: refreshed once when it is refused, errors as `Problem`.
 */
import { keep, Problem, token, UNREACHABLE } from "./session.js";

/** @typedef {import("../types.d.ts").Room} Room */
/** @typedef {import("../types.d.ts").Message} Message */
/** @typedef {{ body?: unknown, key?: string, open?: boolean, signal?: AbortSignal }} Options */

/**
 * @param {string} method
 * @param {string} path below /api/v1
 * @param {Options} [options] `open` asks without a token
 * @returns {Promise<any>}
 */
export async function api(method, path, options = {}) {
  let answer = await once(method, path, options, false);
  if (answer.status === 401 && !options.open) answer = await once(method, path, options, true);
  if (answer.status === 204) return null;
  const text = await answer.text();
  if (!answer.ok) throw new Problem({ ...parsed(text), status: answer.status });
  return parsed(text);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Options} options
 * @param {boolean} fresh
 */
async function once(method, path, options, fresh) {
  /** @type {Record<string, string>} */
  const headers = { accept: "application/json" };
  if (!options.open) headers.authorization = `Bearer ${await token(fresh)}`;
  if (options.body !== undefined) headers["content-type"] = "application/json";
  if (options.key) headers["idempotency-key"] = options.key;
  try {
    return await fetch(`/api/v1/${path}`, {
      method,
      headers,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: options.signal,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(UNREACHABLE);
  }
}

/** @param {string} text */
function parsed(text) {
  try {
    return text ? JSON.parse(text) : {};
  } catch {
    return {};
  }
}

/** @param {Record<string, unknown>} form */
export async function register(form) {
  keep(await api("POST", "users/register", { body: form, open: true }));
}

/**
 * @param {string} email
 * @param {string} password
 */
export async function logIn(email, password) {
  keep(await api("POST", "users/login", { body: { email, password, device: deviceName() }, open: true }));
}

/** How this device is named in the list of sign-ins. */
export function deviceName() {
  const agent = navigator.userAgent;
  const find = (/** @type {[RegExp, string][]} */ table) => table.find(([test]) => test.test(agent))?.[1];
  const browser = find([[/Edg\//, "Edge"], [/Firefox\//, "Firefox"], [/OPR\//, "Opera"], [/Chrome\//, "Chrome"], [/Safari\//, "Safari"]]) ?? "Browser";
  const system = find([[/Android/, "Android"], [/iPhone|iPad/, "iOS"], [/Windows/, "Windows"], [/Mac OS/, "macOS"], [/Linux/, "Linux"]]) ?? "computer";
  return `${browser} on ${system}`;
}
