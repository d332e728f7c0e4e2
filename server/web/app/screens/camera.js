/** One's own camera on the call screen: the question before it is shown, and what is seen of it. */
import { ownPicture } from "../calls/calling.js";
import { picturesSeen, share, sharing } from "../calls/sharing.js";
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

/** The question, once a call. @param {{ name: string, onClose: () => void }} props */
export function CameraConsent({ name, onClose }) {
  const yes = () => { onClose(); void share(); };
  return html`<${Dialog} title=${`Show ${name} your camera?`} onClose=${onClose}>
    <p>Each time you finish speaking, ${name} is shown one small picture. Between those, nobody looks.</p>
    <p class="soft">Pictures go to the model that answers for ${name}, and are not kept or recorded. This is for this call alone, and you can stop at any moment.${pictureCost()}</p>
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
