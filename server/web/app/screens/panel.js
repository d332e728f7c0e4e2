/** Beside a conversation: the companion, what this chat has cost, and what can be done with it. */
import { archive } from "../actions.js";
import { api } from "../api.js";
import { Alive } from "../face.js";
import { credits } from "../format.js";
import { logOf, roomOf } from "../live.js";
import { drawing, useLoaded } from "../parts.js";
import { go } from "../router.js";
import { faceOf } from "../shell.js";
import { toast } from "../toast.js";
import { html, icon, useState } from "../ui.js";
import { Company } from "./company.js";
import { PromptDialog } from "./dialogs.js";

/** @param {{ id: string, onClose: () => void }} props */
export function Panel({ id, onClose }) {
  const room = roomOf(id);
  const face = room ? faceOf(room) : undefined;
  const [prompt, setPrompt] = useState(false);
  const { value } = useLoaded(() => (face ? api("GET", `companions/${face.id}`) : Promise.resolve(null)), [face?.id]);
  if (!room || !face) return html`<aside class="side" aria-label="About this chat"></aside>`;
  const last = logOf(id)?.items.findLast((one) => one.usage);
  const put = async () => {
    try {
      await archive(id);
      go("/chats", { replace: true });
      toast("The chat is archived.");
    } catch (error) {
      toast(/** @type {Error} */ (error).message);
    }
  };
  return html`<aside class="side hue" style=${{ "--h": face.hue ?? 195 }} aria-label=${`About ${face.name}`}>
    <button type="button" class="icon shut" aria-label="Close the panel" onClick=${onClose}>${icon("close")}</button>
    <figure class="face">${face.portrait ? html`<img src=${drawing(face.portrait)} alt="" width="512" height="512" /><${Alive} portrait=${face.portrait} companion=${face.id} />` : null}
      <figcaption><h2>${face.name}${value ? html`<small>${value.age}</small>` : null}</h2><p>${value?.tagline ?? "AI companion"}</p></figcaption></figure>
    <section><a class="btn wide" href=${`/discover/${value?.slug ?? face.id}`}>${icon("people")}Full profile</a></section>
    ${value?.temperament?.length ? html`<section><h3>Temper</h3><div class="chips">${value.temperament.map((/** @type {string} */ one) => html`<span class="chip" key=${one}>${one}</span>`)}</div></section>` : null}
    <${Company} room=${room} />
    <section><h3>This chat</h3><dl class="facts">
      <dt>Spent here</dt><dd>${credits(room.spent_microcredits)} credits</dd>
      ${last ? html`<dt>Last reply</dt><dd>${credits(last.cost_microcredits)} credits</dd><dt>Read and written</dt><dd>${last.usage?.input_tokens} and ${last.usage?.output_tokens} tokens</dd>` : null}
    </dl></section>
    <section class="stack"><h3>Openness</h3>
      <p class="soft small">What the model is shown for the next reply can be looked at.</p>
      <button type="button" class="btn line wide" onClick=${() => setPrompt(true)}>${icon("eye")}What the model sees</button>
      <button type="button" class="btn line wide" onClick=${put}>${icon("trash")}Archive chat</button></section>
    ${prompt ? html`<${PromptDialog} room=${id} onClose=${() => setPrompt(false)} />` : null}
  </aside>`;
}
