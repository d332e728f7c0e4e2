/** The face that is being made, alive: drawn anew by the server a moment after each change. */
import { mayMove } from "../face.js";
import { Face } from "../faces/player.js";
import { unpacked } from "../faces/sheet.js";
import { token } from "../session.js";
import { heard } from "../sounds.js";
import { html, useEffect, useRef, useState } from "../ui.js";

const PAUSE_MS = 280;

/** @param {object} look @param {AbortSignal} signal */
async function drawn(look, signal) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${await token()}` };
  const answer = await fetch("/api/v1/faces/preview", { method: "POST", headers, body: JSON.stringify({ appearance: look, size: 384 }), signal });
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? "The face could not be drawn.");
  return unpacked(await answer.arrayBuffer());
}

/** @param {{ look: object }} props */
export function FacePreview({ look }) {
  const ref = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const face = useRef(/** @type {Face | null} */ (null));
  const [state, setState] = useState(/** @type {"drawing" | "there" | string} */ ("drawing"));
  useEffect(() => () => face.current?.hide(), []);
  useEffect(() => {
    const gone = new AbortController();
    const timer = setTimeout(async () => {
      setState("drawing");
      try {
        const sheet = await drawn(look, gone.signal);
        const canvas = ref.current;
        if (gone.signal.aborted || !canvas) return;
        if (face.current) face.current.wear(sheet);
        else face.current = new Face(canvas, sheet, "preview", () => heard("preview"));
        if (mayMove()) face.current.show();
        else face.current.draw(0);
        setState("there");
      } catch (error) {
        if (!gone.signal.aborted) setState(/** @type {Error} */ (error).message);
      }
    }, face.current ? PAUSE_MS : 0);
    return () => { clearTimeout(timer); gone.abort(); };
  }, [look]);
  const fault = state !== "drawing" && state !== "there" ? state : "";
  return html`<div class="preview" data-preview=${fault ? "fault" : state} aria-busy=${state === "drawing" ? "true" : "false"}>
    <canvas ref=${ref} class="alive" width="1" height="1" role="img" aria-label="The face you are making"></canvas>
    ${state === "drawing" ? html`<i class="spin"></i>` : null}${fault ? html`<p class="bad-line" role="alert">${fault}</p>` : null}
  </div>`;
}
