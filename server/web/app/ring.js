/**
 * The little that is known of calls before one is made: the call of this device, and its door.
 * Everything else of calls is fetched when somebody presses call.
 */
import { clock } from "./calls/told.js";
import { ask, callOf, me, roomOf, state } from "./live.js";
import { go, path } from "./router.js";
import { computed, html, icon, signal, useEffect, useState } from "./ui.js";

/** @typedef {import("./calls/phases.js").Own} Own */
/** @typedef {import("./ui.js").Child} Child */

/** This device's own call, or null. @type {import("../vendor/signals.js").Signal<Own | null>} */
export const calling = signal(/** @type {Own | null} */ (null));
/** Where this tab keeps the id of its call, so that it knows it after a reload. */
export const HERE = "kindred.call";
/** The call this page has hung up on last: it is over here before the server's word comes. */
export const hungUp = signal("");
/** Which kind was asked for last; the device check begins with it. */
export const wantedKind = signal(/** @type {"voice" | "video"} */ ("voice"));

/** @param {string} room @param {"voice" | "video"} kind */
export function ring(room, kind) {
  wantedKind.value = kind;
  go(`/chats/${room}/call`);
}

/** A call of one's own that goes on and is not this page's: before a reload, or on another device.
 * @type {{ readonly value: import("./calls/told.js").Told & { room: string } | null }} */
export const ongoing = computed(() => {
  const own = calling.value;
  for (const [room, told] of Object.entries(state.value.calls)) {
    if (told.ended || told.call === hungUp.value || told.person !== me.value || (own?.room === room && own.phase !== "over" && own.phase !== "check")) continue;
    if (own?.phase === "over" && own.call === told.call && own.reason !== "replaced") continue;
    return { ...told, room };
  }
  return null;
});

/** Whether it lost its connection: this page's own, before it was loaded anew. */
const lostHere = computed(() => ongoing.value !== null && (ongoing.value.state === "reconnecting" || sessionStorage.getItem(HERE) === ongoing.value.call));

/** The call that goes on while one looks elsewhere: back to it, or its end. */
export function CallStrip() {
  const own = calling.value;
  if (own && own.phase !== "check" && own.phase !== "over") return html`<${OwnStrip} own=${own} />`;
  const call = ongoing.value;
  if (!call || path.value === `/chats/${call.room}/call`) return null;
  return html`<${Return} call=${call} />`;
}

/** @param {{ own: Own }} props */
function OwnStrip({ own }) {
  const told = callOf(own.room);
  const name = nameOf(own.room);
  const end = () => import("./calls/calling.js").then((shell) => shell.hangUp());
  return html`<div class="call-strip" role="region" aria-label="Your call" data-call-strip>
    <a href=${`/chats/${own.room}/call`}>${icon("call")}<span>On the phone with ${name}${told?.seconds ? html` <span class="num">· ${clock(told.seconds)}</span>` : null}</span>${told?.recording.state === "on" ? html`<i class="rec-dot" aria-label="Recording" role="img"></i>` : null}</a>
    <button type="button" class="icon end" aria-label="Hang up" onClick=${end}>${icon("hangup")}</button></div>`;
}

/** A call that waits for somebody to come back, or goes on elsewhere. @param {{ call: import("./calls/told.js").Told & { room: string } }} props */
function Return({ call }) {
  const [busy, setBusy] = useState(false);
  const name = nameOf(call.room);
  const come = async () => {
    setBusy(true);
    const { comeBack } = await import("./calls/coming_back.js");
    await comeBack(call).finally(() => setBusy(false));
  };
  const end = () => { hungUp.value = call.call; void ask({ type: "call.end", room: call.room, call: call.call }).catch(() => undefined); };
  const words = lostHere.value ? `Your call with ${name} waits for you` : `Your call with ${name} goes on elsewhere`;
  return html`<div class="call-strip waits" role="region" aria-label="Your call" data-call-return>
    <p role="status">${icon("call")}<span>${words}</span></p>
    <button type="button" class="btn" disabled=${busy} onClick=${come}>${lostHere.value ? "Return to your call" : "Take it here"}</button>
    <button type="button" class="icon end" aria-label="Hang up" onClick=${end}>${icon("hangup")}</button></div>`;
}

/** @param {string} room */
function nameOf(room) {
  return roomOf(room)?.members.find((one) => one.kind === "companion")?.name ?? "your companion";
}

/** The call screen, once it has come. @param {{ room: string }} props */
export function CallDoor({ room }) {
  const [screen, setScreen] = useState(/** @type {{ CallScreen: (props: { room: string }) => Child } | null} */ (null));
  const [fault, setFault] = useState(false);
  useEffect(() => { import("./screens/call.js").then(setScreen, () => setFault(true)); }, []);
  if (screen) return html`<${screen.CallScreen} room=${room} key=${room} />`;
  return html`<main class="starting" id="main">${fault ? html`<p role="alert">The call screen could not be loaded. <a href=${`/chats/${room}`}>Back to the chat</a></p>` : html`<i class="spin"></i><span class="sr">The call screen is loading</span>`}</main>`;
}
