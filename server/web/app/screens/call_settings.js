/** During a call: which microphone, speaker and camera, a small window that floats, and the numbers. */
import { film, ownPicture, quality, send, settings, speakThrough, speakWith } from "../calls/calling.js";
import { camera, choose, chosen, choosesSpeakers, list } from "../calls/devices.js";
import { floats } from "../calls/floating.js";
import { inWords } from "../calls/quality.js";
import { offered, sharing } from "../calls/sharing.js";
import { Dialog } from "../parts.js";
import { toast } from "../toast.js";
import { html, icon, useEffect, useState } from "../ui.js";
import { Choice } from "./call_check.js";

/** @param {{ own: import("../calls/phases.js").Own, name: string, onClose: () => void, onFloat: () => Promise<void> }} props */
export function CallSettings({ own, name, onClose, onFloat }) {
  const [devices, setDevices] = useState(/** @type {import("../calls/devices.js").Devices} */ ({ microphones: [], cameras: [], speakers: [] }));
  useEffect(() => {
    const look = () => void list().then(setDevices);
    look();
    navigator.mediaDevices?.addEventListener("devicechange", look);
    return () => navigator.mediaDevices?.removeEventListener("devicechange", look);
  }, []);
  const tried = (/** @type {Promise<unknown>} */ work) => void work.catch(() => toast("That device did not start."));
  const facing = ownPicture.value?.getSettings().facingMode;
  /** Another camera in place of the one that is shown. @param {MediaStreamTrack} track */
  const replace = async (track) => { film(track); if (sharing.peek() === "on") await send(); };
  const flip = () => tried(camera({ facing: facing === "environment" ? "user" : "environment" }).then(replace));
  const now = quality.value;
  return html`<${Dialog} title="Sound and picture" onClose=${onClose}>
    <div class="field"><label for="in-mic">Microphone</label>
      ${devices.microphones.length ? html`<${Choice} id="in-mic" devices=${devices.microphones} value=${chosen().microphone} onChange=${(/** @type {string} */ id) => tried(speakWith(id))} />` : html`<p class="soft">None: you are listening only.</p>`}</div>
    <div class="field"><label for="in-speaker">Speaker</label>
      ${choosesSpeakers() && devices.speakers.length ? html`<${Choice} id="in-speaker" devices=${devices.speakers} value=${settings.value.speaker} onChange=${speakThrough} />` : html`<p id="in-speaker" class="soft">This browser plays through the device's own choice.</p>`}</div>
    ${own.kind === "video" && offered() && devices.cameras.length ? html`<div class="field"><label for="in-camera">Camera</label>
      <${Choice} id="in-camera" devices=${devices.cameras} value=${chosen().camera} onChange=${(/** @type {string} */ id) => { choose({ camera: id }); if (settings.peek().camera) tried(camera({ id }).then(replace)); }} /></div>` : null}
    <div class="acts start">
      ${settings.value.camera && devices.cameras.length > 1 ? html`<button type="button" class="btn" onClick=${flip}>${icon("again")} Flip the camera</button>` : null}
      ${floats() ? html`<button type="button" class="btn" onClick=${() => { onClose(); onFloat().catch(() => toast("The browser does not allow it now.")); }}>${icon("pip")} Float ${name} above other windows</button>` : null}
    </div>
    <p class="soft small num" data-line=${own.line}>${own.line === "socket" ? "Sound goes over the socket, because WebRTC did not get through." : now ? inWords(now) : "Measuring the connection…"}</p>
  </${Dialog}>`;
}
