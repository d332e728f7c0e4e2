/**
 * This device's own call: opens lines, comes back when one is lost, and hangs up.
 *
 * One call at a time, and it outlives the screens: one may look at the chat while it goes on.
 * What to do next is decided in phases.js; this carries it out.
 */
import { ask, callOf, meta } from "../live.js";
import { calling, HERE, hungUp } from "../ring.js";
import { choose, chosen, microphone, playThrough } from "./devices.js";
import { Level } from "./level.js";
import { fresh, going, step, waitMs } from "./phases.js";
import { hushed, mouth, mouthed } from "./mouth.js";
import { judge, keptMs } from "./quality.js";
import { SocketLine } from "./socket_line.js";
import { toast } from "../toast.js";
import { batch, effect, signal } from "../ui.js";
import { WebRtcLine } from "./webrtc_line.js";

/** @typedef {import("./phases.js").Own} Own */
/** @typedef {import("./told.js").Kind} Kind */
/** @typedef {WebRtcLine | SocketLine} Line */

const STATS_MS = 2000;
const LEFT_MS = 3500;
const MISSED_MS = 800;

/** What the person has set on this call. */
export const settings = signal({ muted: false, captions: true, camera: false, speaker: chosen().speaker ?? "" });
export const picture = signal(/** @type {MediaStream | null} */ (null));
export const ownPicture = signal(/** @type {MediaStreamTrack | null} */ (null));
export const quality = signal(/** @type {import("./quality.js").Quality | null} */ (null));
/** The companion's loudness, read by whoever draws; null while nothing sounds. */
export const voice = { level: /** @type {Level | null} */ (null) };

/** @type {Line | null} */
let line = null;
/** @type {MediaStreamTrack | null} */
let mic = null;
/** @type {HTMLAudioElement | null} */
let player = null;
/** @type {import("./quality.js").Reading | null} */
let lastReading = null;
/** @type {ReturnType<typeof setInterval> | undefined} */
let ticking;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let again;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let leaving;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let missed;
/** @type {WakeLockSentinel | null} */
let awake = null;

/** @param {import("./phases.js").Happening} event */
function happened(event) {
  const before = calling.peek();
  if (!before) return;
  const own = step(before, event);
  if (own === before) return;
  calling.value = own;
  if (before.kind === "video" && own.kind === "voice") toast("Video does not get through this network: it is a voice call now, at its price.");
  if (own.phase === "over") finish();
  else if (own.phase === "reconnecting" && before.phase !== own.phase) quality.value = null;
  if (own.phase === "reconnecting" && (event.type === "lost" || event.type === "refused")) {
    clearTimeout(again);
    again = setTimeout(() => void connect(), waitMs(own));
  }
}

/**
 * Begin a call, or go on with one whose id is known.
 * @param {{ room: string, kind: Kind, microphone: MediaStreamTrack, camera?: MediaStreamTrack | null, call?: string }} what
 */
export async function dial({ room, kind, microphone: track, camera = null, call = "" }) {
  clearTimeout(again);
  line?.close();
  line = null;
  mic = track;
  batch(() => {
    calling.value = step(fresh(room, kind), { type: "dial", line: "RTCPeerConnection" in globalThis ? "webrtc" : "socket", call });
    settings.value = { ...settings.peek(), muted: false, camera: camera !== null };
    ownPicture.value = camera; // shown to oneself; it leaves once the server was told
    picture.value = null;
    quality.value = null;
  });
  keepAwake();
  tellTheSystem();
  await connect();
}

/** Open a line for the call as it stands. */
async function connect() {
  const own = calling.peek();
  if (!own || own.phase === "over" || !mic) return;
  if (own.left) {
    ownPicture.peek()?.stop();
    batch(() => { ownPicture.value = null; picture.value = null; settings.value = { ...settings.peek(), camera: false }; });
    await ask({ type: "call.end", room: own.room, call: own.left }).catch(() => undefined);
    if (calling.peek() !== own) return;
  }
  const mine = own.line === "webrtc" ? new WebRtcLine(wanted(own)) : new SocketLine(wanted(own));
  line?.close();
  line = mine;
  lastReading = null;
  hushed();
  try {
    await mine.open();
  } catch (error) {
    if (line !== mine) return;
    mine.close();
    happened({ type: "refused", fault: faultOf(error), now: Date.now() });
  }
}

/** @param {Own} own @returns {import("./webrtc_line.js").Wanted} */
function wanted(own) {
  const about = () => line !== null && calling.peek()?.phase !== "over";
  return {
    room: own.room, kind: own.kind, call: own.call, shows: Boolean(meta.peek()?.camera),
    microphone: /** @type {MediaStreamTrack} */ (mic),
    ears: {
      answered: (call) => {
        if (!about()) return;
        sessionStorage.setItem(HERE, call);
        happened({ type: "answered", call });
      },
      flowing: () => { if (about()) { happened({ type: "flowing" }); measure(); for (const act of onFlowing) act(); } },
      lost: (silent, nowhere) => { if (about()) happened({ type: "lost", silent, nowhere, now: Date.now() }); },
      left: () => {
        clearTimeout(leaving);
        leaving = setTimeout(() => { if (about()) goodbye(); }, LEFT_MS);
      },
      sound: hear,
      picture: (stream) => { picture.value = stream; },
      told: mouthed, // the socket says the same; for a mouth the first to say it counts
    },
  };
}

/** The server let our connection go in order, and the call was not ended: who has it now? */
function goodbye() {
  const own = calling.peek();
  const told = own ? callOf(own.room) : undefined;
  if (told?.state === "live") happened({ type: "over", reason: "replaced" });
  else line?.lose();
}

/** @param {any} error @returns {import("./phases.js").Fault} */
function faultOf(error) {
  return { code: error.code ?? "unknown", message: error.message ?? "", details: error.details?.details ?? error.details ?? {} };
}

/** Play what the companion says. @param {MediaStream} stream */
function hear(stream) {
  player ??= new Audio();
  player.srcObject = stream;
  void playThrough(player, settings.peek().speaker);
  player.play().catch(() => undefined); // the touch that called allows it
  voice.level?.close();
  voice.level = new Level(stream);
}

function measure() {
  clearInterval(ticking);
  ticking = setInterval(async () => {
    const reading = await line?.reading().catch(() => null);
    if (!reading) return;
    if (lastReading) {
      quality.value = judge(lastReading, reading);
      mouth.keeps(keptMs(lastReading, reading));
    }
    lastReading = reading;
  }, STATS_MS);
}

// --- what the person does

/** @param {boolean} muted */
export function mute(muted) {
  if (mic) mic.enabled = !muted;
  settings.value = { ...settings.peek(), muted };
  navigator.mediaSession?.setMicrophoneActive?.(!muted);
}

/** @param {boolean} captions */
export function showCaptions(captions) {
  settings.value = { ...settings.peek(), captions };
}

/** @param {string} speaker */
export function speakThrough(speaker) {
  choose({ speaker });
  settings.value = { ...settings.peek(), speaker };
  if (player) void playThrough(player, speaker);
}

/** @param {string} id */
export async function speakWith(id) {
  choose({ microphone: id });
  const track = await microphone(id);
  track.enabled = !settings.peek().muted;
  mic?.stop();
  mic = track;
  await line?.speakWith(track);
}

/** Have one's own picture here, or let it go: gone, it is gone at once. @param {MediaStreamTrack | null} track */
export function film(track) {
  if (ownPicture.peek() !== track) ownPicture.peek()?.stop();
  batch(() => {
    ownPicture.value = track;
    settings.value = { ...settings.peek(), camera: track !== null };
  });
  if (!track) void line?.show(null);
}

/** Send one's own picture over the connection of the moment. @returns whether it is sent */
export async function send() {
  const track = ownPicture.peek();
  if (!track || !line?.canShow) return false;
  await line.show(track);
  return true;
}

/** Told whenever a connection of the call begins to flow. @type {Set<() => void>} */
export const onFlowing = new Set();

export async function hangUp() {
  const own = calling.peek();
  if (!own || own.phase === "over") return;
  const last = line;
  hungUp.value = own.call;
  happened({ type: "over", reason: "hung_up" });
  const told = await last?.hangUp().catch(() => false);
  if (!told && own.call) await ask({ type: "call.end", room: own.room, call: own.call }).catch(() => undefined);
}

/** Take the finished call from the screen. */
export function dismiss() {
  if (!going(calling.peek())) calling.value = null;
}

// --- the end

function finish() {
  clearTimeout(again);
  clearTimeout(leaving);
  leaving = undefined;
  clearTimeout(missed);
  clearInterval(ticking);
  line?.close();
  line = null;
  hushed();
  mic?.stop();
  mic = null;
  ownPicture.peek()?.stop();
  voice.level?.close();
  voice.level = null;
  if (player) { player.pause(); player.srcObject = null; }
  batch(() => {
    ownPicture.value = null;
    picture.value = null;
    quality.value = null;
  });
  void awake?.release().catch(() => undefined);
  awake = null;
  for (const name of ["hangup", "togglemicrophone"]) setHandler(name, null);
}

// The server's word that the call is over is the last one.
effect(() => {
  const own = calling.value;
  if (!own || !going(own)) return;
  const told = callOf(own.room);
  if (told?.ended && told.call === own.call) { // an earlier call of this room is none of ours
    const reason = told.ended.reason;
    queueMicrotask(() => happened({ type: "over", reason }));
  }
});

// The server misses our connection before the browser does, which takes ten seconds to be sure that
// whoever carried it is dead. Where the connection was let go in order, another device has the call.
effect(() => {
  const own = calling.value;
  clearTimeout(missed);
  if (own?.phase !== "live" || own.line !== "webrtc") return;
  const told = callOf(own.room);
  if (told?.call !== own.call || told.state !== "reconnecting") return;
  missed = setTimeout(() => { if (leaving === undefined) line?.lose(); }, MISSED_MS);
});

addEventListener("pagehide", () => line?.close());

// --- the device

async function keepAwake() {
  awake = await navigator.wakeLock?.request("screen").catch(() => null) ?? null;
}

document.addEventListener("visibilitychange", () => { if (!document.hidden && going(calling.peek())) void keepAwake(); });

/** @param {string} name @param {(() => void) | null} act */
function setHandler(name, act) {
  try { navigator.mediaSession?.setActionHandler(/** @type {MediaSessionAction} */ (name), act); } catch { /* not offered here */ }
}

/** Headsets and lock screens can mute and hang up. */
function tellTheSystem() {
  setHandler("hangup", () => void hangUp());
  setHandler("togglemicrophone", () => mute(!settings.peek().muted));
}
