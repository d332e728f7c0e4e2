/**
 * The little that is known of calls before one is made: the call of this device, and its door.
 * Everything else of calls is fetched when somebody presses call.
 */
import { clock } from "./calls/told.js";
import { callOf, roomOf } from "./live.js";
import { go } from "./router.js";
import { html, icon, signal, useEffect, useState } from "./ui.js";

/** @typedef {import("./calls/phases.js").Own} Own */
/** @typedef {import("./ui.js").Child} Child */

/** This device's own call, or null. @type {import("../vendor/signals.js").Signal<Own | null>} */
export const calling = signal(/** @type {Own | null} */ (null));
/** Which kind was asked for last; the device check begins with it. */
export const wantedKind = signal(/** @type {"voice" | "video"} */ ("voice"));

/** @param {string} room @param {"voice" | "video"} kind */
export function ring(room, kind) {
  wantedKind.value = kind;
  go(`/chats/${room}/call`);
}

/** The call that goes on while one looks elsewhere: back to it, or its end. */
export function CallStrip() {
  const own = calling.value;
  const told = own ? callOf(own.room) : undefined;
  if (!own || own.phase === "check" || own.phase === "over") return null;
  const name = roomOf(own.room)?.members.find((one) => one.kind === "companion")?.name ?? "";
  const end = () => import("./calls/calling.js").then((shell) => shell.hangUp());
  return html`<div class="call-strip" role="region" aria-label="Your call" data-call-strip>
    <a href=${`/chats/${own.room}/call`}>${icon("call")}<span>On the phone with ${name}${told?.seconds ? html` <span class="num">· ${clock(told.seconds)}</span>` : null}</span>${told?.recording.state === "on" ? html`<i class="rec-dot" aria-label="Recording" role="img"></i>` : null}</a>
    <button type="button" class="icon end" aria-label="Hang up" onClick=${end}>${icon("hangup")}</button></div>`;
}

/** The call screen, once it has come. @param {{ room: string }} props */
export function CallDoor({ room }) {
  const [screen, setScreen] = useState(/** @type {{ CallScreen: (props: { room: string }) => Child } | null} */ (null));
  const [fault, setFault] = useState(false);
  useEffect(() => { import("./screens/call.js").then(setScreen, () => setFault(true)); }, []);
  if (screen) return html`<${screen.CallScreen} room=${room} key=${room} />`;
  return html`<main class="starting" id="main">${fault ? html`<p role="alert">The call screen could not be loaded. <a href=${`/chats/${room}`}>Back to the chat</a></p>` : html`<i class="spin"></i><span class="sr">The call screen is loading</span>`}</main>`;
}
