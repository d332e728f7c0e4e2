/**
 * Numbers, times and credits in words. Pure, so that tests can call it without a browser.
 */

const MICRO = 1_000_000;

/**
 * Credits with as many decimals as it takes to see a short reply move them.
 * @param {number} microcredits
 * @param {{ least?: number, locale?: string }} [options]
 */
export function credits(microcredits, { least = 0, locale = "en" } = {}) {
  const value = microcredits / MICRO;
  const size = Math.abs(value);
  const digits = size === 0 ? 0 : size >= 1000 ? 1 : size >= 100 ? 2 : size >= 0.001 ? 3 : 6;
  return new Intl.NumberFormat(locale, {
    minimumFractionDigits: Math.min(Math.max(least, 0), digits),
    maximumFractionDigits: digits,
  }).format(value);
}

/** The balance: always the same number of decimals, so that it ticks and does not jump.
 * @param {number} microcredits
 */
export function balance(microcredits) {
  const digits = microcredits >= 1000 * MICRO ? 1 : microcredits >= 100 * MICRO ? 2 : 3;
  return new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(
    Math.floor((microcredits / MICRO) * 10 ** digits) / 10 ** digits,
  );
}

/** @param {number} at */
export function time(at) {
  return new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" }).format(at);
}

/** @param {number} at @param {number} now */
export function day(at, now = Date.now()) {
  const days = daysBetween(at, now);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days > 1 && days < 7) return new Intl.DateTimeFormat(undefined, { weekday: "long" }).format(at);
  return date(at, now);
}

/** @param {number} at @param {number} now */
export function date(at, now = Date.now()) {
  const same = new Date(at).getFullYear() === new Date(now).getFullYear();
  return new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", ...(same ? {} : { year: "numeric" }) }).format(at);
}

/** For lists: a time today, a weekday this week, else a date. @param {number} at @param {number} now */
export function when(at, now = Date.now()) {
  const days = daysBetween(at, now);
  if (days <= 0) return time(at);
  if (days < 7) return new Intl.DateTimeFormat(undefined, { weekday: "short" }).format(at);
  return date(at, now);
}

/** @param {number} at @param {number} now */
export function daysBetween(at, now) {
  const midnight = (/** @type {number} */ t) => new Date(t).setHours(0, 0, 0, 0);
  return Math.round((midnight(now) - midnight(at)) / 86_400_000);
}

/** In how long something ends, in words. @param {number} at @param {number} now */
export function until(at, now = Date.now()) {
  const minutes = Math.max(0, Math.round((at - now) / 60_000));
  const format = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (minutes < 60) return format.format(minutes, "minute");
  if (minutes < 48 * 60) return format.format(Math.round(minutes / 60), "hour");
  return format.format(Math.round(minutes / 1440), "day");
}

/** The next midnight where the person lives. @param {string} timezone @param {number} now */
export function nextMidnight(timezone, now = Date.now()) {
  try {
    const parts = new Intl.DateTimeFormat("en-GB", { timeZone: timezone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).formatToParts(now);
    const part = (/** @type {string} */ type) => Number(parts.find((one) => one.type === type)?.value ?? 0);
    return now + (86_400 - part("hour") * 3600 - part("minute") * 60 - part("second")) * 1000;
  } catch {
    return new Date(now).setHours(24, 0, 0, 0);
  }
}

/** @param {number} cents @param {string} currency */
export function money(cents, currency) {
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(cents / 100);
  } catch {
    return `${(cents / 100).toFixed(2)} ${currency}`;
  }
}

/** @param {any} part */
function said(part) {
  if (part.type === "call") return part.kind === "video" ? "Video call" : "Voice call";
  return part.type === "voice" ? part.transcript || "Voice note" : part.text ?? "";
}

/** @param {{ parts: any[] }} message */
export function words(message) {
  return message.parts.map(said).filter(Boolean).join("\n");
}
