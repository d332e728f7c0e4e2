/** One's own camera on the call screen: the question before it is shown, and what is seen of it. */
import { ownPicture } from "../calls/calling.js";
import { picturesSeen, share, sharing, shut } from "../calls/sharing.js";
import { credits } from "../format.js";
import { meta } from "../live.js";
import { Dialog } from "../parts.js";
import { person } from "../session.js";
import { html, icon, useEffect, useLayoutEffect, useRef, useState } from "../ui.js";

const JUST_MS = 2500;

/** What one picture costs, in words; empty where it costs nothing of its own. */
export function pictureCost() {
  const listed = meta.value?.prices?.camera_microcredits ?? 0;
  const plan = meta.value?.plans?.[person.value?.plan ?? ""];
  const cost = plan?.unmetered || !meta.value?.prices?.calls_include_replies ? 0 : Math.ceil(listed * (100 - (plan?.discount_percent ?? 0)) / 100);
  return cost ? ` Each picture costs ${credits(cost)} credits.` : "";
}

/** Who looks at pictures before the companion does, in words; empty where nobody does. */
export function pictureCheck() {
  return meta.value?.camera_checked ? " A service that the operator of this server chose looks at each one first." : "";
}

/** Why the camera is off, said once and kindly. @param {{ name: string }} props */
export function CameraShut({ name }) {
  if (!shut.value) return null;
  const { title, text } = SHUT[shut.value](name);
  return html`<section class="shut" role="alert" data-shut=${shut.value}>${icon("camera")}<div><b>${title}</b><p>${text}</p></div>
    <button type="button" class="icon" aria-label="Close" onClick=${() => { shut.value = ""; }}>${icon("close")}</button></section>`;
}

const SHUT = /** @type {Record<import("../calls/told.js").Unseen, (name: string) => { title: string, text: string }>} */ ({
  minor: (name) => ({ title: "Your camera is off", text: `Somebody in the picture may be under 18, and companions are never shown children. ${name} did not see it, and nothing was kept. The camera stays off in this call; you can go on talking.` }),
  refused: (name) => ({ title: "Your camera is off", text: `A picture was not let through: ${name} did not see it, and nothing was kept. You can go on talking, and show your camera again when you like.` }),
  unjudged: (name) => ({ title: "Your camera is off for now", text: `Pictures are looked at before ${name} sees them, and nobody answers who does that. Nothing was shown or kept. You can go on talking, and try again later.` }),
});

/** The question, once a call. @param {{ name: string, onClose: () => void }} props */
export function CameraConsent({ name, onClose }) {
  const yes = () => { onClose(); void share(); };
  return html`<${Dialog} title=${`Show ${name} your camera?`} onClose=${onClose}>
    <p>Each time you finish speaking, ${name} is shown one small picture. Between those, nobody looks.</p>
    <p class="soft">Pictures go to the model that answers for ${name}, and are not kept or recorded.${pictureCheck()} This is for this call alone, and you can stop at any moment.${pictureCost()}</p>
    <div class="acts"><button type="button" class="btn line" onClick=${onClose}>Not now</button><button type="button" class="btn p" data-camera-yes onClick=${yes}>Show my camera</button></div>
  </${Dialog}>`;
}

/** One's own camera, mirrored as in a mirror, and what the companion sees of it. @param {{ room: string, name: string }} props */
export function OwnView({ room, name }) {
  const video = useRef(/** @type {HTMLVideoElement | null} */ (null));
  const track = ownPicture.value;
  const seen = picturesSeen(room);
  const just = useJust(seen);
  useLayoutEffect(() => { if (video.current && track) video.current.srcObject = new MediaStream([track]); }, [track]);
  if (!track) return null;
  const mirror = track.getSettings().facingMode !== "environment";
  const on = sharing.value === "on";
  return html`<figure class=${`self${just ? " just" : ""}`} data-seen=${seen}>
    <video ref=${video} class=${mirror ? "mirror" : ""} autoplay playsinline muted aria-label="Your camera"></video>
    <figcaption>${icon("eye", "s")}<span role="status">${on ? just ? `${name} saw this` : "It sees one picture when you speak" : "Only you see this yet"}</span></figcaption></figure>`;
}

/** Whether a number has grown a moment ago. @param {number} count */
function useJust(count) {
  const before = useRef(count);
  const [just, setJust] = useState(false);
  useEffect(() => {
    const grew = count > before.current;
    before.current = count;
    if (!grew) return undefined;
    setJust(true);
    const timer = setTimeout(() => setJust(false), JUST_MS);
    return () => clearTimeout(timer);
  }, [count]);
  return just;
}
