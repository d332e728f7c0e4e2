/** Before anything is paid: is there a microphone, does it hear, which one, and what will it cost? */
import { dial } from "../calls/calling.js";
import { camera, choose, chosen, choosesSpeakers, DeviceFault, list, microphone } from "../calls/devices.js";
import { helpFor } from "../calls/help.js";
import { audio, chime, Level } from "../calls/level.js";
import { offered } from "../calls/sharing.js";
import { minutesLeft } from "../calls/told.js";
import { prepare } from "../calls/webrtc_line.js";
import { back } from "../router.js";
import { balance, credits } from "../format.js";
import { meta, wallet } from "../live.js";
import { Avatar, drawing } from "../parts.js";
import { ongoing, wantedKind } from "../ring.js";
import { person } from "../session.js";
import { html, icon, useEffect, useLayoutEffect, useRef, useState } from "../ui.js";
import { pictureCheck, pictureCost } from "./camera.js";

/** @typedef {import("../calls/devices.js").Devices} Devices */
/** @typedef {import("../calls/help.js").Trouble} Trouble */

const SILENT_MS = 7000;
const HEARD = 0.05;

/** @param {{ room: string, face: import("../../types.d.ts").Member | undefined }} props */
export function CallCheck({ room, face }) {
  const going = ongoing.value?.room === room ? ongoing.value : null;
  const kind = going?.kind ?? wantedKind.value;
  const name = face?.name ?? "";
  const mic = useTrack(() => microphone());
  const [share, setShare] = useState(false);
  const film = useTrack(() => camera(), kind === "video" && offered() && share);
  const [devices, setDevices] = useState(/** @type {Devices} */ ({ microphones: [], cameras: [], speakers: [] }));
  const [speaker, setSpeaker] = useState(chosen().speaker ?? "");
  useEffect(() => { void prepare(); }, []);
  useEffect(() => { void list().then(setDevices); }, [mic.track, film.track]);
  const heard = useHeard(mic.track);
  const silent = heard === false;
  const call = () => {
    audio(); // this touch lets the page sound
    const track = mic.keep() ?? silence();
    void dial({ room, kind, microphone: track, camera: film.keep(), call: going?.call });
  };
  const included = planHas(kind);
  const trouble = mic.trouble ?? (silent ? "silent" : null);
  return html`<div class="call-check">
    <button type="button" class="icon leave" aria-label="Back to the chat" onClick=${() => back(`/chats/${room}`)}>${icon("back")}</button>
    <section class="invite">
      <${Avatar} name=${name} src=${face?.portrait ? drawing(face.portrait) : null} size="s128" />
      <h2>Call ${name}</h2>
      <p class="soft">An AI companion. Nothing is recorded unless you ask for it in the call, and nothing is paid before you are connected.</p>
      ${going ? html`<p data-going><b>Your call goes on</b>, on the same meter. Taking it here ends it where it is now.</p>` : html`<div class="seg" role="group" aria-label="Kind of call">
        <button type="button" aria-pressed=${kind === "voice" ? "true" : "false"} onClick=${() => { wantedKind.value = "voice"; }}>${icon("call", "s")} Voice</button>
        <button type="button" aria-pressed=${kind === "video" ? "true" : "false"} onClick=${() => { wantedKind.value = "video"; }}>${icon("camera", "s")} Video</button>
      </div>`}
      <${Price} kind=${kind} />
    </section>
    <section class="devices" aria-label="Your devices">
      <div class="device">
        <b class="label">${icon("mic", "s")} Microphone</b>
        ${mic.track ? html`<${Meter} track=${mic.track} />` : null}
        ${devices.microphones.length > 1 ? html`<${Choice} id="call-mic" label="Microphone" devices=${devices.microphones} value=${chosen().microphone} onChange=${(/** @type {string} */ id) => { choose({ microphone: id }); mic.again(); }} />` : html`<p class="soft small">${mic.track?.label || (mic.trouble ? "" : "Asking the browser…")}</p>`}
        ${trouble ? html`<${Trouble} trouble=${trouble} what="Microphone" onAgain=${mic.again} />` : null}
      </div>
      <div class="device">
        <b class="label">${icon("speaker", "s")} Speaker</b>
        ${choosesSpeakers() && devices.speakers.length > 1 ? html`<${Choice} id="call-speaker" label="Speaker" devices=${devices.speakers} value=${speaker} onChange=${(/** @type {string} */ id) => { choose({ speaker: id }); setSpeaker(id); }} />` : null}
        <button type="button" class="btn line" onClick=${() => void chime(speaker)}>Play a sound</button>
      </div>
      ${kind === "video" && !offered() ? html`<p class="soft small" data-no-camera>${name} cannot see you: the model of this server takes no pictures. You see ${name}.</p>` : null}
      ${kind === "video" && offered() ? html`<div class="device">
        <label class="switch"><span>${icon("camera", "s")} Show ${name} my camera<small>Only in this call: one small picture each time you finish speaking. It is not kept, and you can stop at any moment.${pictureCheck()}${pictureCost()}</small></span><input type="checkbox" checked=${share} onChange=${(/** @type {{ currentTarget: HTMLInputElement }} */ e) => setShare(e.currentTarget.checked)} /></label>
        ${film.track ? html`<${Preview} track=${film.track} />` : null}
        ${film.trouble ? html`<${Trouble} trouble=${film.trouble} what="Camera" onAgain=${film.again} />` : null}
        ${film.track && devices.cameras.length > 1 ? html`<${Choice} id="call-camera" label="Camera" devices=${devices.cameras} value=${chosen().camera} onChange=${(/** @type {string} */ id) => { choose({ camera: id }); film.again(); }} />` : null}
      </div>` : null}
      <div class="acts">
        ${included ? null : html`<p class="soft small">Your plan has no ${kind} calls. <a href="/wallet">See plans</a></p>`}
        ${mic.trouble ? html`<button type="button" class="btn line big" onClick=${call}>Listen only</button>` : null}
        <button type="button" class="btn p big" disabled=${!mic.track} onClick=${call}>${icon(kind === "video" ? "camera" : "call")} ${going ? "Take the call here" : `Call ${name}`}</button>
      </div>
    </section>
  </div>`;
}

/** A track that is open while this is on screen, unless it is kept for the call.
 * @param {() => Promise<MediaStreamTrack>} open @param {boolean} [on] */
function useTrack(open, on = true) {
  const [track, setTrack] = useState(/** @type {MediaStreamTrack | null} */ (null));
  const [trouble, setTrouble] = useState(/** @type {Trouble | null} */ (null));
  const [count, setCount] = useState(0);
  const kept = useRef(/** @type {MediaStreamTrack | null} */ (null));
  useEffect(() => {
    if (!on) return undefined;
    let current = true;
    /** @type {MediaStreamTrack | null} */
    let mine = null;
    open().then((one) => {
      mine = one;
      if (!current) return one.stop();
      setTrouble(null);
      setTrack(one);
      one.onended = () => { if (current) { setTrack(null); setTrouble("missing"); } };
      return undefined;
    }, (error) => { if (current) setTrouble(error instanceof DeviceFault ? error.trouble : "unknown"); });
    return () => {
      current = false;
      if (mine && mine !== kept.current) mine.stop();
      setTrack(null);
    };
  }, [on, count]);
  return {
    track: on ? track : null,
    trouble: on ? trouble : null,
    again: () => { setTrouble(null); setCount((n) => n + 1); },
    keep: () => { if (track) track.onended = null; return (kept.current = on ? track : null); },
  };
}

/** Whether anything was heard: null until it is known. @param {MediaStreamTrack | null} track @returns {boolean | null} */
function useHeard(track) {
  const [heard, setHeard] = useState(/** @type {boolean | null} */ (null));
  useEffect(() => {
    setHeard(null);
    if (!track) return undefined;
    const level = new Level(new MediaStream([track]));
    const begun = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      if (level.read(now) > HEARD) { setHeard(true); clearInterval(timer); }
      else if (now - begun > SILENT_MS) setHeard(false);
    }, 60);
    return () => { clearInterval(timer); level.close(); };
  }, [track]);
  return heard;
}

/** How loud the microphone hears just now. @param {{ track: MediaStreamTrack }} props */
function Meter({ track }) {
  const bar = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const level = new Level(new MediaStream([track]));
    let frame = 0;
    const look = (/** @type {number} */ now) => {
      const value = level.read(now);
      bar.current?.style.setProperty("--level", value.toFixed(3));
      bar.current?.setAttribute("aria-valuenow", String(Math.round(value * 10) * 10));
      frame = requestAnimationFrame(look);
    };
    frame = requestAnimationFrame(look);
    return () => { cancelAnimationFrame(frame); level.close(); };
  }, [track]);
  return html`<div class="meter" ref=${bar} role="meter" aria-label="Loudness of your microphone" aria-valuemin="0" aria-valuemax="100" aria-valuenow="0" data-meter><i></i></div>`;
}

/** @param {{ track: MediaStreamTrack }} props */
function Preview({ track }) {
  const video = useRef(/** @type {HTMLVideoElement | null} */ (null));
  useLayoutEffect(() => { if (video.current) video.current.srcObject = new MediaStream([track]); }, [track]);
  return html`<video ref=${video} class="preview mirror" autoplay playsinline muted aria-label="Your camera"></video>`;
}

/** @param {{ id: string, label?: string, devices: { id: string, label: string }[], value: string | undefined, onChange: (id: string) => void }} props */
export function Choice({ id, label, devices, value, onChange }) {
  return html`<select id=${id} class="input" aria-label=${label} value=${value || devices[0]?.id} onChange=${(/** @type {{ currentTarget: HTMLSelectElement }} */ e) => onChange(e.currentTarget.value)}>
    ${devices.map((one) => html`<option key=${one.id} value=${one.id} selected=${one.id === (value || devices[0]?.id)}>${one.label}</option>`)}</select>`;
}

/** @param {{ trouble: Trouble, what: "Microphone" | "Camera", onAgain: () => void }} props */
function Trouble({ trouble, what, onAgain }) {
  const help = helpFor(trouble, { agent: navigator.userAgent, host: location.host, what });
  return html`<div class=${`mend${trouble === "silent" ? " calm" : ""}`} role=${trouble === "silent" ? "status" : "alert"} data-trouble=${trouble}>
    <b>${help.title}</b><p>${help.text}</p>
    <ol>${help.steps.map((one) => html`<li key=${one}>${one}</li>`)}</ol>
    ${trouble === "insecure" || trouble === "silent" ? null : html`<button type="button" class="btn" onClick=${onAgain}>Try again</button>`}
  </div>`;
}

/** What a minute costs and how long the credits last. @param {{ kind: "voice" | "video" }} props */
function Price({ kind }) {
  const plan = meta.value?.plans?.[person.value?.plan ?? ""];
  const listed = meta.value?.prices?.[`${kind}_microcredits_per_second`];
  if (listed === undefined) return null;
  const rate = plan?.unmetered ? 0 : Math.ceil(listed * 60 * (100 - (plan?.discount_percent ?? 0)) / 100);
  if (!rate) return html`<p class="price" data-price>Included in your plan.</p>`;
  const left = minutesLeft(wallet.value ? { ...wallet.value, held_microcredits: 0 } : null, rate, 0);
  return html`<p class="price num" data-price><span class="coin" aria-hidden="true"></span><b>${credits(rate)}</b> credits a minute. ${wallet.value ? html`<span class="soft">You have ${balance(wallet.value.available_microcredits)}: about ${left} ${left === 1 ? "minute" : "minutes"}.</span>` : null}</p>`;
}

/** @param {"voice" | "video"} kind */
function planHas(kind) {
  const plan = meta.value?.plans?.[person.value?.plan ?? ""];
  return plan?.[kind] !== false;
}

/** A microphone that hears nothing, for those who only listen. @returns {MediaStreamTrack} */
function silence() {
  return audio().createMediaStreamDestination().stream.getAudioTracks()[0];
}
