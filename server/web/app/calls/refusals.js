/** Why a call was refused or ended, in plain words, and what to do about it. Pure. */

/** @typedef {{ title: string, text: string, act?: { label: string, href: string } | { label: string, again: true } }} Words */
/** @typedef {import("./phases.js").Fault} Fault */

const WALLET = { label: "Open the wallet", href: "/wallet" };
const AGAIN = { label: "Try again", again: /** @type {const} */ (true) };
const CONSENTS = { label: "Open your settings", href: "/settings/privacy" };

/** @type {Record<string, Words>} */
const REFUSED = {
  out_of_credits: { title: "Not enough credits", text: "There are too few credits for a call now. Nothing was charged.", act: WALLET },
  ceiling_reached: { title: "Your ceiling is reached", text: "You set a limit to what you spend, and it is reached. You can raise it, or call when it starts anew.", act: WALLET },
  plan_required: { title: "Not in your plan", text: "Your plan does not include this kind of call.", act: { label: "See plans", href: "/wallet" } },
  call_minutes_used_up: { title: "Today's minutes are used up", text: "Your plan's minutes of calls come again tomorrow.", act: { label: "See plans", href: "/wallet" } },
  call_in_progress: { title: "Somebody is on the phone", text: "Another person is calling in this room just now. Try again when they have hung up.", act: AGAIN },
  at_capacity: { title: "All lines are busy", text: "This server carries as many calls as it can. Nothing was charged. Try again in a minute.", act: AGAIN },
  unavailable: { title: "Calls are away just now", text: "The part of the server that carries calls does not answer. Nothing was charged.", act: AGAIN },
  no_media_worker: { title: "Calls are away just now", text: "The part of the server that carries calls is not running. Nothing was charged.", act: AGAIN },
  voice_unavailable: { title: "Nobody can speak just now", text: "The part of the server that hears and speaks does not answer. Nothing was charged.", act: AGAIN },
  in_another_call: { title: "You are on the phone", text: "You are calling in another room. Hang up there, then call here.", act: AGAIN },
  payer_out_of_credits: { title: "Not enough credits", text: "Who pays for this room has too few credits for a call. Nothing was charged." },
  companion_blocked: { title: "Blocked", text: "You have blocked this companion. Take the block back to call.", act: { label: "Open your settings", href: "/settings" } },
  leg_lost: { title: "The call does not get through", text: "The connection went before the call began. Nothing was charged.", act: AGAIN },
  rate_limited: { title: "A little slower", text: "There were too many tries in a short time. Wait a moment, then call again.", act: AGAIN },
  calls_not_offered: { title: "No calls here", text: "Who runs this server has switched calls off." },
  calls_unlawful_here: { title: "Not in this country", text: "Calls are not offered where you live." },
  calls_for_adults: { title: "For adults", text: "Calls are for adults here." },
  verification_needed: { title: "Confirm your age", text: "Calls need an age that was confirmed.", act: { label: "Open your settings", href: "/settings" } },
  consent_needed: { title: "Your agreement is needed", text: "Agree first that your voice is turned into text. No sound of it is kept.", act: CONSENTS },
  forbidden: { title: "Not here", text: "You cannot call in this room." },
  muted: { title: "You are muted here", text: "The owner of this room has muted you." },
  not_found: { title: "Nobody to call", text: "This room is gone, or you are no longer in it.", act: { label: "Your chats", href: "/chats" } },
  unreachable: { title: "No connection", text: "The server cannot be reached. Check the connection and try again.", act: AGAIN },
  bad_sdp: { title: "This browser is not understood", text: "The browser's offer was not accepted. Reload the page; if it stays so, try another browser.", act: AGAIN },
  sdp_invalid: { title: "This browser is not understood", text: "The browser's offer was not accepted. Reload the page; if it stays so, try another browser.", act: AGAIN },
  no_audio: { title: "No sound was offered", text: "The browser offered no microphone. Check it, then call again.", act: AGAIN },
  no_line: { title: "The call does not get through", text: "Neither WebRTC nor the socket carried sound. A firewall may be in the way. Nothing was charged.", act: AGAIN },
};

/** @type {Record<string, Words>} */
const ENDED = {
  hung_up: { title: "Call ended", text: "" },
  replaced: { title: "You went on elsewhere", text: "Another of your devices took the call over. Calling again brings it back here.", act: { label: "Bring it here", again: true } },
  connection_lost: { title: "The connection was lost", text: "It could not be found again. You paid only for the time you were connected.", act: AGAIN },
  worker_lost: { title: "The call broke off", text: "The server lost it and could not bring it back. You paid only for the time you were connected.", act: AGAIN },
  never_connected: { title: "The call did not come through", text: "No sound flowed, and nothing was charged.", act: AGAIN },
  out_of_credits: { title: "The credits are used up", text: "The call ended with them; nothing more was charged.", act: WALLET },
  time_used_up: { title: "Time is up", text: "The longest call, or your plan's minutes for today, is reached." },
  at_capacity: { title: "All lines are busy", text: "The server could not carry the call on.", act: AGAIN },
  ended_by_staff: { title: "Ended by the service", text: "A person of the service ended this call." },
  not_allowed: { title: "Call ended", text: "You may no longer speak in this room." },
  server_restarting: { title: "The server is restarting", text: "Call again in a moment.", act: AGAIN },
  holder_died: { title: "The call broke off", text: "The server failed. You paid only for the time you were connected.", act: AGAIN },
  failed: { title: "The call broke off", text: "Something failed on the server. You paid only for the time you were connected.", act: AGAIN },
};

/** @param {Fault} fault @param {string} [name] the companion's @returns {Words} */
export function refusal(fault, name = "") {
  const known = REFUSED[fault.code];
  if (!known) return { title: "The call was refused", text: fault.message || "Something went wrong.", act: AGAIN };
  const plans = fault.code === "plan_required" && Array.isArray(fault.details?.plans) ? fault.details.plans.join(", ") : "";
  const text = plans ? `${known.text} These do: ${plans}.` : known.text;
  return { ...known, text: name ? text.replace("this companion", name) : text };
}

/** @param {string} reason @returns {Words} */
export function ending(reason) {
  return ENDED[reason] ?? ENDED.hung_up;
}
