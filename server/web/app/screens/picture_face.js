/** A face from a picture of one's own: sent with what one states of it, shown to oneself, taken back. */
import { api } from "../api.js";
import { live } from "../face.js";
import { unpacked } from "../faces/sheet.js";
import { useLoaded } from "../parts.js";
import { Problem, token } from "../session.js";
import { toast } from "../toast.js";
import { html, icon, useEffect, useRef, useState } from "../ui.js";

const MOST_BYTES = 10 * 2 ** 20;
const DEPICTS = [["me", "Me"], ["somebody_who_agreed", "Somebody who agreed to this"], ["nobody", "Nobody real: a drawing, an invented person"]];

/** @param {Blob} file @returns {Promise<string>} */
const encoded = (file) => new Promise((give, fail) => {
  const reader = new FileReader();
  reader.onload = () => give(String(reader.result).split(",")[1] ?? "");
  reader.onerror = () => fail(new Error("The file could not be read."));
  reader.readAsDataURL(file);
});

/** @param {{ companion: string, name: string }} props */
export function PictureFace({ companion, name }) {
  const path = `companions/${encodeURIComponent(companion)}/picture`;
  const { value, reload } = useLoaded(() => api("GET", path).catch((error) => { if (error.status === 404) return { none: true }; throw error; }), [companion]);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  /** @param {Event} event */
  const send = async (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const file = /** @type {File} */ (form.get("file"));
    if (file.size > MOST_BYTES) { setFault("A picture has at most 10 MiB."); return; }
    setBusy(true);
    setFault("");
    try {
      const statement = { owns: form.has("owns"), adults: form.has("adults"), depicts: form.get("depicts") };
      await api("POST", path, { body: { picture: await encoded(file), statement } });
      reload();
    } catch (error) {
      setFault(/** @type {Error} */ (error).message);
    }
    setBusy(false);
  };
  const take = () => api("DELETE", path).then(reload, (error) => toast(error.message));
  if (!value) return null;
  if (value.picture) {
    return html`<section class="card picture" data-picture><h2>The face you gave ${name}</h2>
      <div class="pictured"><${OwnFace} path=${path} key=${value.picture} /><div><p class="soft small">In your video calls ${name} looks like this. Nobody else sees it.</p>
      <button type="button" class="link bad" onClick=${take}>Take the picture back</button></div></div></section>`;
  }
  return html`<details class="card picture"><summary><b>A face from a picture</b></summary>
    <form class="stack" onSubmit=${send}>
      <p class="soft small">In your own video calls ${name} can look like a portrait. What you send is thrown away once an upright picture of the face is cut from it.</p>
      <label class="field"><span class="label">Picture: one adult's face, from the front</span><input class="input" type="file" name="file" accept="image/png,image/jpeg,image/webp" required /></label>
      <fieldset><legend class="label">Whom does it show?</legend>${DEPICTS.map(([one, words]) => html`<label class="check" key=${one}><input type="radio" name="depicts" value=${one} required /><span>${words}</span></label>`)}</fieldset>
      <label class="check"><input type="checkbox" name="owns" required /><span>The picture is mine to use.</span></label>
      <label class="check"><input type="checkbox" name="adults" required /><span>Everybody it shows is 18 or older.</span></label>
      ${fault ? html`<p class="bad-line" role="alert">${fault}</p>` : null}
      <button class="btn" disabled=${busy}>${busy ? html`<i class="spin"></i>` : icon("eye")}Use this picture</button>
    </form></details>`;
}

/** The portrait, alive. It is nobody's but one's own, so it is fetched as who is signed in. @param {{ path: string }} props */
function OwnFace({ path }) {
  const ref = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const [still, setStill] = useState("");
  useEffect(() => {
    let address = "";
    const ask = async (/** @type {string} */ what) => {
      const answer = await fetch(`/api/v1/${path}${what}`, { headers: { authorization: `Bearer ${await token()}` } });
      if (!answer.ok) throw new Problem({ ...(await answer.json().catch(() => ({}))), status: answer.status });
      return answer;
    };
    ask(".jpg").then((answer) => answer.blob()).then((blob) => { address = URL.createObjectURL(blob); setStill(address); }, () => undefined);
    const end = ref.current ? live(ref.current, async (size) => unpacked(await (await ask(`/face.webp?size=${size}`)).arrayBuffer()), path) : () => undefined;
    return () => { end(); if (address) URL.revokeObjectURL(address); };
  }, [path]);
  return html`<span class="ava s128">${still ? html`<img src=${still} alt="The portrait cut from your picture" />` : null}<canvas ref=${ref} class="alive" width="1" height="1" aria-hidden="true"></canvas></span>`;
}
