/** The call screen: the companion, what is said, what it costs, and the buttons of a phone. */
import { openRoom } from "../actions.js";
import { dismiss, hangUp, mute, picture, quality, settings, showCaptions, voice } from "../calls/calling.js";
import { pictureInPicture } from "../calls/floating.js";
import { mouth } from "../calls/mouth.js";
import { companionState, going } from "../calls/phases.js";
import { inWords } from "../calls/quality.js";
import { explained, offered, share, sharing, unshare } from "../calls/sharing.js";
import { clock, minutesLeft, unheard } from "../calls/told.js";
import { figureOf, fileOf } from "../figure/figures.js";
import { FigureStage, Headset } from "../figure/stage.js";
import { balance, credits } from "../format.js";
import { callOf, me, replyOf, roomOf, wallet } from "../live.js";
import { drawing } from "../parts.js";
import { RecordButton, RecordingSign } from "../recorded.js";
import { calling } from "../ring.js";
import { go } from "../router.js";
import { faceOf } from "../shell.js";
import { toast } from "../toast.js";
import { html, icon, signal, useEffect, useLayoutEffect, useRef, useState } from "../ui.js";
import { CallCheck } from "./call_check.js";
import { CallOver } from "./call_over.js";
import { CallSettings } from "./call_settings.js";
import { CameraConsent, CameraShut, OwnView } from "./camera.js";

/** @typedef {import("../calls/phases.js").Own} Own */
/** @typedef {import("../calls/told.js").Told} Told */
/** @typedef {import("../../types.d.ts").Member} Member */

const SHOWN_CAPTIONS = 3;
const SOON_MINUTES = 2;
const NO_FIGURES = "kindred.no-figures";

/** @param {{ room: string }} props */
export function CallScreen({ room }) {
  const own = calling.value;
  const known = roomOf(room);
  const face = known ? faceOf(known) : undefined;
  const name = face?.name ?? "";
  useEffect(() => { if (!known) openRoom(room).catch((error) => { toast(error.message); go(`/chats/${room}`, { replace: true }); }); }, [room]);
  useEffect(() => { if (name) document.title = `Call with ${name} · Kindred`; }, [name]);
  if (own && own.room !== room && going(own)) {
    return html`<main class="starting" id="main"><div class="empty"><h1>You are on the phone</h1><p>Hang up there before you call here.</p><a class="btn p" href=${`/chats/${own.room}/call`}>Back to that call</a></div></main>`;
  }
  const mine = own?.room === room ? own : null;
  const body = !mine || mine.phase === "check" ? html`<${CallCheck} room=${room} face=${face} />`
    : mine.phase === "over" ? html`<${CallOver} own=${mine} face=${face} />`
      : html`<${OnThePhone} own=${mine} face=${face} />`;
  return html`<main class="call hue" id="main" tabindex="-1" style=${{ "--h": face?.hue ?? 195 }} data-phase=${mine?.phase ?? "check"}>
    <h1 class="sr">${name ? `Call with ${name}` : "Call"}</h1>${body}</main>`;
}

/** @param {{ own: Own, face: Member | undefined }} props */
function OnThePhone({ own, face }) {
  const name = face?.name ?? "";
  const told = currently(own);
  const [open, setOpen] = useState(false);
  const asks = asking.value;
  const speaking = useGlow();
  const doing = companionState({ speaking, replying: Boolean(replyOf(own.room)), captions: told?.captions ?? [], me: me.value });
  useKeys(own);
  const figure = useFigure(face?.id ?? "");
  const now = { dialling: "Calling…", connecting: "Connecting…", reconnecting: "Reconnecting…", live: { speaking: "Speaking", thinking: "Thinking", listening: "Listening" }[doing], check: "", over: "" }[own.phase];
  return html`
    ${figure.file && figure.shown ? html`<${Figure} figure=${figure} name=${name} call=${own.call} doing=${own.phase === "live" ? doing : "waiting"} />`
      : html`<${Stage} face=${face} doing=${own.phase === "live" ? doing : "waiting"} />`}
    <header class="call-top">
      <div class="call-who"><b>${name}</b><span class="num"><i class=${`dot ${own.phase === "live" ? "" : "off"}`}></i><${Elapsed} own=${own} /><span>AI companion</span></span>
        <span class="call-now" role="status" data-call-state>${settings.value.muted && own.phase === "live" ? `${now}. You are muted.` : now}</span><${RecordingSign} room=${own.room} /></div>
      <${Cost} own=${own} />
    </header>
    <${Signals} />
    <${OwnView} room=${own.room} name=${name} />
    <${CameraShut} name=${name} />
    <${Captions} own=${own} name=${name} />
    <${Bar} own=${own} figure=${figure} onOpen=${() => setOpen(true)} />
    ${open ? html`<${CallSettings} own=${own} name=${name} onClose=${() => setOpen(false)} onFloat=${() => pictureInPicture(name, face?.portrait ?? null)} />` : null}
    ${asks ? html`<${CameraConsent} name=${name} onClose=${() => { asking.value = false; }} />` : null}`;
}

/** What the server told of this very call. @param {Own} own @returns {Told | undefined} */
function currently(own) {
  const told = callOf(own.room);
  return told && !told.ended && (!own.call || told.call === own.call) ? told : undefined;
}

/** The companion: moving where there is a picture, else the portrait, glowing with the voice.
 * @param {{ face: Member | undefined, doing: string }} props */
function Stage({ face, doing }) {
  const video = useRef(/** @type {HTMLVideoElement | null} */ (null));
  const stream = picture.value;
  useLayoutEffect(() => { if (video.current) video.current.srcObject = stream; }, [stream]);
  const name = face?.name ?? "";
  return html`<div class=${`stage${stream ? " filmed" : ""}`} data-doing=${doing}>
    ${stream
      ? html`<video ref=${video} autoplay playsinline muted aria-label=${`${name}, live`} data-call-video></video>`
      : html`<div class="halo" aria-hidden="true"><i></i><i></i><i></i></div><div class="portrait" role="img" aria-label=${`${name}, ${doing}`}>${face?.portrait ? html`<img src=${drawing(face.portrait)} alt="" />` : html`<span class="initial">${[...name][0] ?? ""}</span>`}</div>
        <div class="thinks" aria-hidden="true"><i></i><i></i><i></i></div>`}
  </div><div class="veil" aria-hidden="true"></div>`;
}

/** @typedef {{ file: ArrayBuffer | null, shown: boolean, show: (shown: boolean) => void, fail: (message: string) => void }} Figured */

/** The companion's figure, where it has one; it is shown unless one would rather see the picture. @param {string} companion @returns {Figured} */
function useFigure(companion) {
  const [file, setFile] = useState(/** @type {ArrayBuffer | null} */ (null));
  const [shown, setShown] = useState(localStorage.getItem(NO_FIGURES) === null);
  useEffect(() => {
    let here = true;
    if (companion) figureOf(companion).then((found) => found && fileOf(found)).then((found) => { if (here && found) setFile(found); }, () => undefined);
    return () => { here = false; };
  }, [companion]);
  const show = (/** @type {boolean} */ wanted) => {
    setShown(wanted);
    if (wanted) localStorage.removeItem(NO_FIGURES);
    else localStorage.setItem(NO_FIGURES, "1");
  };
  return { file, shown, show, fail: (message) => { setFile(null); toast(message); } };
}

/** The companion in three dimensions, moved by what it says. @param {{ figure: Figured, name: string, call: string, doing: string }} props */
function Figure({ figure, name, call, doing }) {
  const [viewer, setViewer] = useState(/** @type {import("../figure/viewer.js").Viewer | null} */ (null));
  useEffect(() => {
    mouth.feel = viewer ? (feeling) => viewer.feel(feeling) : null;
    return () => { mouth.feel = null; };
  }, [viewer]);
  return html`<div class="stage filmed figured" data-doing=${doing}>
    <${FigureStage} file=${/** @type {ArrayBuffer} */ (figure.file)} label=${`${name}, ${doing}`} speech=${mouth.speech} viewer=${setViewer} onFault=${figure.fail} />
    <div class="thinks" aria-hidden="true"><i></i><i></i><i></i></div>
    <div class="figure-doors"><${Headset} viewer=${viewer} call=${call} onFault=${toast} /></div>
  </div><div class="veil" aria-hidden="true"></div>`;
}

/** Lets the glow follow the voice, without a render; says only when speaking begins or ends. */
function useGlow() {
  const [speaking, setSpeaking] = useState(false);
  useEffect(() => {
    let frame = 0;
    let before = false;
    const root = document.querySelector("main.call");
    const look = (/** @type {number} */ now) => {
      const level = voice.level?.read(now) ?? 0;
      if (root instanceof HTMLElement) root.style.setProperty("--level", level.toFixed(3));
      const is = voice.level?.speaking(now) ?? false;
      if (is !== before) setSpeaking(before = is);
      frame = requestAnimationFrame(look);
    };
    frame = requestAnimationFrame(look);
    return () => cancelAnimationFrame(frame);
  }, []);
  return speaking;
}

/** Seconds go on between what the server tells. @param {Own} own @param {Told | undefined} told */
function useSeconds(own, told) {
  const [, beat] = useState(0);
  const base = useRef({ seconds: 0, at: performance.now(), call: "" });
  if (told && (told.seconds !== base.current.seconds || told.call !== base.current.call)) base.current = { seconds: told.seconds, at: performance.now(), call: told.call };
  const live = own.phase === "live";
  const started = useRef(0);
  if (live && !started.current) { started.current = performance.now(); if (!base.current.seconds) base.current.at = started.current; }
  useEffect(() => {
    if (!live) return undefined;
    const timer = setInterval(() => beat((n) => n + 1), 500);
    return () => clearInterval(timer);
  }, [live]);
  return base.current.seconds + (live ? (performance.now() - base.current.at) / 1000 : 0);
}

/** @param {{ own: Own }} props */
function Elapsed({ own }) {
  const seconds = useSeconds(own, currently(own));
  const longest = useRef(0);
  longest.current = Math.max(longest.current, seconds); // paid time begins later than the talk
  return html`<time data-elapsed>${clock(longest.current)}</time>`;
}

/** What it has cost, what a minute costs, and how long the credits last. @param {{ own: Own }} props */
function Cost({ own }) {
  const told = currently(own);
  const seconds = useSeconds(own, told);
  if (!told) return null;
  if (!told.rate) return html`<div class="cost"><b>Included</b><small>in your plan</small></div>`;
  const cost = Math.max(told.cost, told.cost + Math.max(0, seconds - told.seconds) * told.rate / 60);
  const left = minutesLeft(wallet.value, told.rate, cost);
  const soon = left !== null && left < SOON_MINUTES;
  return html`<div class=${`cost num${soon ? " soon" : ""}`} role="group" aria-label="Cost of this call">
    <span><span class="coin" aria-hidden="true"></span><b data-call-cost>${balance(Math.round(cost))}</b></span>
    <small>${credits(told.rate)} a minute</small>${left === null ? null : html`<small>${soon ? `under ${left + 1} min left` : `about ${left} min left`}</small>`}
    ${soon ? html`<a href="/wallet">Add credits</a><span class="sr" role="alert">Less than ${left + 1} minutes of credits left</span>` : null}
  </div>`;
}

/** Three bars, and the numbers behind them for whoever asks. */
function Signals() {
  const [open, setOpen] = useState(false);
  const now = quality.value;
  if (!now) return null;
  const words = inWords(now);
  return html`<button type="button" class=${`signals ${now.grade}`} data-quality=${now.grade} aria-label=${words} aria-expanded=${open ? "true" : "false"} title=${words} onClick=${() => setOpen(!open)}>
    <i></i><i></i><i></i>${open ? html`<span class="num">${words}</span>` : null}</button>`;
}

/** Both sides' words. What the companion has not said aloud yet is fainter. @param {{ own: Own, name: string }} props */
function Captions({ own, name }) {
  const told = currently(own);
  const reply = replyOf(own.room);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const shown = (told?.captions ?? []).slice(-SHOWN_CAPTIONS);
  useLayoutEffect(() => { if (box.current) box.current.scrollTop = box.current.scrollHeight; });
  if (!settings.value.captions) return html`<section class="cap off"></section>`;
  return html`<section class="cap" ref=${box} role="log" aria-live="off" aria-label="Captions" tabindex="0">
    ${shown.map((one) => {
      const mine = one.of === me.value;
      const rest = mine ? "" : unheard(one, reply);
      return html`<p key=${one.id} class=${mine ? "mine" : "theirs"} data-caption=${mine ? "you" : "companion"} dir="auto"><span>${mine ? "You" : name}</span><b>${one.text}</b>${rest ? html`<i aria-hidden="true">${rest}</i>` : null}${one.final ? null : html`<span class="sr"> (still speaking)</span>`}</p>`;
    })}
  </section>`;
}

/** @param {{ own: Own, figure: Figured, onOpen: () => void }} props */
function Bar({ own, figure, onOpen }) {
  const set = settings.value;
  const video = own.kind === "video";
  const key = (/** @type {string} */ label, /** @type {string} */ letter) => `${label} (${letter})`;
  return html`<div class="call-bar" role="toolbar" aria-label="Call controls">
    <button type="button" aria-pressed=${set.muted ? "true" : "false"} title=${key("Mute", "M")} onClick=${() => mute(!set.muted)}><span>${icon(set.muted ? "micoff" : "mic")}</span>Mute</button>
    ${video && offered() ? html`<button type="button" aria-pressed=${set.camera ? "true" : "false"} aria-busy=${sharing.value === "asking" ? "true" : "false"} title=${key("Camera", "V")} data-camera=${sharing.value} onClick=${toggleCamera}><span>${icon("camera")}</span>Camera</button>` : null}
    <button type="button" aria-pressed=${set.captions ? "true" : "false"} title=${key("Captions", "C")} onClick=${() => showCaptions(!set.captions)}><span>${icon("cc")}</span>Captions</button>
    ${own.phase === "live" ? html`<${RecordButton} room=${own.room} />` : null}
    ${figure.file ? html`<button type="button" aria-pressed=${figure.shown ? "true" : "false"} data-figure-switch onClick=${() => figure.show(!figure.shown)}><span>${icon("cube")}</span>3D</button>` : null}
    <button type="button" aria-haspopup="dialog" onClick=${onOpen}><span>${icon("sliders")}</span>Sound</button>
    <button type="button" onClick=${() => go(`/chats/${own.room}`)}><span>${icon("chat")}</span>Chat</button>
    <button type="button" class="end" onClick=${() => void hangUp()}><span>${icon("hangup")}</span>End</button>
  </div>`;
}

/** Whether the person is being asked for their camera. */
const asking = signal(false);

/** Off at once; on after a yes, which is asked for once a call. */
function toggleCamera() {
  if (settings.peek().camera) unshare();
  else if (explained()) void share();
  else asking.value = true;
}

/** M, V and C, unless one is writing. @param {Own} own */
function useKeys(own) {
  useEffect(() => {
    const keys = (/** @type {KeyboardEvent} */ event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || document.querySelector("dialog[open]")) return;
      if (/** @type {Element} */ (event.target).closest?.("input, select, textarea")) return;
      const letter = event.key.toLowerCase();
      if (letter === "m") mute(!settings.peek().muted);
      else if (letter === "c") showCaptions(!settings.peek().captions);
      else if (letter === "v" && own.kind === "video" && offered()) toggleCamera();
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, [own.kind]);
}

export { dismiss };
