/**
 * Who is signed in, and the two tokens that say so.
 *
 * The access token lives in memory only and dies with the tab. The refresh token lies in
 * localStorage: there are no cookies, so nothing can be sent along by another site's page, and
 * the content security policy lets no foreign script read it. It is rotated at every use, and a
 * stolen copy that is used a second time ends the whole sign-in.
 */
import { signal } from "./ui.js";

/** @typedef {import("../types.d.ts").Person} Person */
/** @typedef {{ user: Person, access_token: string, refresh_token: string, expires_in: number }} Signed */

const REFRESH = "kindred.refresh";
const PERSON = "kindred.person";
const EARLY_MS = 60_000;

/** The signed-in person, or null. */
export const person = signal(/** @type {Person | null} */ (readPerson()));

let access = "";
let expiresAt = 0;
/** @type {Promise<string> | null} */
let refreshing = null;

/** Thrown when a request cannot be answered; `status` 0 means there was no answer at all. */
export class Problem extends Error {
  /** @param {{ status?: number, code?: string, detail?: string, path?: string, retryable?: boolean, retry_after_ms?: number } & Record<string, unknown>} body */
  constructor(body) {
    super(body.detail || "Something went wrong.");
    this.status = body.status ?? 0;
    this.code = body.code ?? "internal";
    this.path = body.path ?? "";
    this.retryable = body.retryable ?? false;
    this.retryAfterMs = body.retry_after_ms ?? 0;
    this.details = body;
  }
}

/** What is told to the person when the server cannot be reached. */
export const UNREACHABLE = { status: 0, code: "unreachable", detail: "The server cannot be reached. Check the connection and try again.", retryable: true };

/** @returns {Person | null} */
function readPerson() {
  try {
    return localStorage.getItem(REFRESH) ? JSON.parse(localStorage.getItem(PERSON) ?? "null") : null;
  } catch {
    return null;
  }
}

/** @param {Signed} signed */
export function keep(signed) {
  access = signed.access_token;
  expiresAt = Date.now() + signed.expires_in * 1000;
  localStorage.setItem(REFRESH, signed.refresh_token);
  rename(signed.user);
}

/** @param {Person} user */
export function rename(user) {
  localStorage.setItem(PERSON, JSON.stringify(user));
  if (JSON.stringify(person.peek()) !== JSON.stringify(user)) person.value = user;
}

/** Forget everything about this sign-in on this device. */
export function forget() {
  access = "";
  expiresAt = 0;
  localStorage.removeItem(REFRESH);
  localStorage.removeItem(PERSON);
  person.value = null;
}

/**
 * A token that is still good for a while.
 * @param {boolean} [fresh] ask for a new one even if the old one seems good
 * @returns {Promise<string>}
 */
export async function token(fresh = false) {
  if (!fresh && access && Date.now() < expiresAt - EARLY_MS) return access;
  refreshing ??= refresh().finally(() => { refreshing = null; });
  return refreshing;
}

/** @returns {Promise<string>} */
async function refresh() {
  // One tab at a time: each use makes the old token void, and a second use looks like theft.
  const alone = navigator.locks
    ? (/** @type {() => Promise<string>} */ work) => navigator.locks.request(REFRESH, work)
    : (/** @type {() => Promise<string>} */ work) => work();
  return alone(async () => {
    const kept = localStorage.getItem(REFRESH);
    if (!kept) throw new Problem({ status: 401, code: "signed_out", detail: "Sign in again." });
    const answer = await ask(kept);
    if (answer.ok) {
      keep(await answer.json());
      return access;
    }
    const body = await answer.json().catch(() => ({}));
    if (answer.status === 401 || answer.status === 403) forget();
    throw new Problem({ status: answer.status, ...body });
  });
}

/** @param {string} kept */
async function ask(kept) {
  try {
    return await fetch("/api/v1/auth/refresh", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ refresh_token: kept }),
    });
  } catch {
    throw new Problem(UNREACHABLE);
  }
}

// Signing out in one tab signs out in all of them.
globalThis.addEventListener?.("storage", (event) => {
  if (event.key === REFRESH && event.newValue === null) {
    access = "";
    person.value = null;
  }
});
