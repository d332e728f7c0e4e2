/** In the settings: the calls one recorded, to hear, to keep elsewhere, and to delete; and the consent to it. */
import { api } from "../api.js";
import { date, time } from "../format.js";
import { roomOf } from "../live.js";
import { Fault, useLoaded } from "../parts.js";
import { lengthOf, PlayRecording } from "../recorded.js";
import { recordedCall, stop } from "../sounds.js";
import { toast } from "../toast.js";
import { html, icon, useState } from "../ui.js";

/** @typedef {{ id: string, at: number, ms: number, bytes: number, room: string | null }} Kept */

const PAGE = 20;

export function Recordings() {
  const [most, setMost] = useState(PAGE);
  const { value, fault, reload } = useLoaded(() => api("GET", `media/recordings?kind=call&limit=${Math.min(100, most)}`), [most]);
  const agreed = useLoaded(() => api("GET", "privacy/consents"), []);
  /** @type {Kept[]} */
  const items = value?.items ?? [];
  const given = (agreed.value?.items ?? []).findLast((/** @type {any} */ one) => one.purpose === "recording")?.granted ?? false;
  /** @param {Promise<unknown>} work @param {string} done */
  const tried = (work, done) => work.then(() => toast(done), (error) => toast(error.message)).then(reload).then(agreed.reload);
  const withdraw = () => tried(api("POST", "privacy/consents", { body: { purpose: "recording", granted: false } }), "No call of yours is recorded any more.");
  /** @param {Kept} one */
  const erase = (one) => { stop(); tried(api("DELETE", `media/recordings/${one.id}`), "The recording is deleted."); };
  if (!fault && !items.length && !given) return null;
  return html`<section class="card"><h2>Recorded calls</h2>
    <p class="soft small">Sealed on this server; only you can hear them. Left is you, right is your companion.</p>
    ${fault ? html`<${Fault} text=${fault} act=${reload} />` : null}
    <ul class="entries">${items.map((one) => html`<li key=${one.id} data-recorded-call=${one.id}><div><span><b>${roomOf(one.room ?? "")?.title ?? "A call"}</b><small class="num">${date(one.at)}, ${time(one.at)} · ${lengthOf(one.ms)}</small></span>
      <span class="tools"><${PlayRecording} id=${one.id} label="Play the recording" />
      <button type="button" class="icon" aria-label="Save the file" title="Save the file" onClick=${() => save(one)}>${icon("down")}</button>
      <button type="button" class="icon" aria-label="Delete the recording" title="Delete the recording" onClick=${() => erase(one)}>${icon("trash")}</button></span></div></li>`)}</ul>
    ${value?.has_more && most < 100 ? html`<button type="button" class="btn line wide" onClick=${() => setMost(most + PAGE)}>Show more</button>` : null}
    ${given ? html`<button type="button" class="btn line wide" onClick=${withdraw}>Do not record my calls any more</button>` : null}
  </section>`;
}

/** @param {Kept} one */
async function save(one) {
  try {
    const link = document.createElement("a");
    link.href = (await recordedCall(one.id)).url;
    link.download = `call-${new Date(one.at).toISOString().slice(0, 16).replaceAll(":", "-")}.ogg`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  } catch (error) {
    toast(/** @type {Error} */ (error).message);
  }
}
