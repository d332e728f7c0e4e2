/** When the microphone or camera cannot be had: what is wrong and where this browser mends it. Pure. */

/** @typedef {"insecure" | "unsupported" | "refused" | "dismissed" | "missing" | "busy" | "silent" | "unknown"} Trouble */
/** @typedef {{ title: string, text: string, steps: string[] }} Help */

/**
 * What kind of trouble an error of getUserMedia is.
 * @param {{ name?: string, message?: string }} error @returns {Trouble}
 */
export function troubleOf(error) {
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError": return /dismiss/i.test(error.message ?? "") ? "dismissed" : "refused";
    case "NotFoundError":
    case "OverconstrainedError": return "missing";
    case "NotReadableError":
    case "AbortError": return "busy";
    case "TypeError": return "unsupported";
    default: return "unknown";
  }
}

/** @param {string} agent @returns {"ios" | "safari" | "firefox" | "edge" | "android" | "chrome"} */
export function browserOf(agent) {
  if (/iPhone|iPad/.test(agent)) return "ios";
  if (/Firefox\//.test(agent)) return "firefox";
  if (/Edg\//.test(agent)) return "edge";
  if (/Android/.test(agent)) return "android";
  return /Chrome\//.test(agent) ? "chrome" : "safari";
}

/** @type {Record<string, (what: string) => string[]>} */
const ALLOW = {
  ios: (what) => ["Open Settings, then Apps, then Safari (or the browser you use).", `Under “Settings for websites”, tap ${what} and choose Ask or Allow.`, "Come back here and try again."],
  safari: (what) => ["In the menu bar choose Safari, then Settings for this website.", `Set ${what} to Allow.`, "Try again."],
  firefox: (what) => ["Click the struck-out icon left of the address.", `Remove “Blocked” beside ${what}.`, "Try again and choose Allow."],
  edge: (what) => ["Click the lock left of the address, then Permissions for this site.", `Set ${what} to Allow.`, "Try again."],
  android: (what) => ["Tap the icon left of the address, then Permissions.", `Switch ${what} on.`, "If it is not listed, allow it for the browser in Android's Settings under Apps."],
  chrome: (what) => ["Click the icon left of the address, then Site settings.", `Set ${what} to Allow.`, "Try again."],
};

/**
 * @param {Trouble} trouble
 * @param {{ agent: string, host: string, what?: "Microphone" | "Camera" }} where
 * @returns {Help}
 */
export function helpFor(trouble, { agent, host, what = "Microphone" }) {
  const thing = what.toLowerCase();
  switch (trouble) {
    case "insecure": return {
      title: `Browsers lend the ${thing} only to safe addresses`,
      text: `This page was opened as http://${host}. A ${thing} is lent to https addresses, and to localhost.`,
      steps: ["On the computer that runs Kindred, open http://localhost instead.", "From other devices, put it behind https; the guide “Calling” says how.", "Until then you can write, and hear the companion."],
    };
    case "unsupported": return { title: "This browser cannot call", text: `It offers no ${thing} to web pages.`, steps: ["Update it, or use a current Chrome, Edge, Firefox or Safari.", "Inside another app, choose “Open in browser”."] };
    case "refused": return { title: `The ${thing} is blocked for this page`, text: "You, or a setting, said no. The browser will not ask again until you change that:", steps: ALLOW[browserOf(agent)](what) };
    case "dismissed": return { title: `The ${thing} was not allowed yet`, text: "The question was closed without an answer.", steps: ["Try again, and choose Allow."] };
    case "missing": return { title: `No ${thing} was found`, text: "The device has none, or the system hides it.", steps: [`Plug one in, or switch it on.`, "Check that the system's privacy settings let the browser use it.", "Try again."] };
    case "busy": return { title: `Something else uses the ${thing}`, text: "It is there, but it does not start.", steps: ["Close other programs and tabs that call or record.", "Unplug it and plug it in again.", "Try again."] };
    case "silent": return { title: "We hear nothing", text: "The microphone is on, but no sound arrives.", steps: ["Say something, and look whether the bar moves.", "Is it muted, by a switch on it or in the system?", "Choose another microphone below."] };
    default: return { title: `The ${thing} did not start`, text: "The browser gave no reason.", steps: ["Try again.", "Reload the page, or restart the browser."] };
  }
}
