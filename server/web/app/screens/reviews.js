/** For administrators: companions that people want to publish, each read in full, then approved or refused. */
import { api } from "../api.js";
import { date, time } from "../format.js";
import { Avatar, Fault, useLoaded } from "../parts.js";
import { toast } from "../toast.js";
import { html, icon, useEffect, useState } from "../ui.js";

/** @typedef {{ name: string, portrait: string, hue: number }} Card */
/** @typedef {{ companion: string, creator: string, maker: string, since: number, digest: string, draft: Record<string, any>, card: Card }} Waiting */
/** @typedef {{ currentTarget: HTMLTextAreaElement }} Input */

const REFRESH_MS = 15_000;
const SEEN = /** @type {Record<string, string>} */ ({ public: "for everybody", unlisted: "by link" });
// Everything its maker wrote that others will read, or a model will be told, in the order one would ask.
const TEXTS = /** @type {[string, string][]} */ ([
  ["tagline", "One line"], ["background", "Who they are"], ["culture", "Culture"], ["greeting", "First words"], ["speaking_style", "How they talk"],
  ["backstory", "Story"], ["opinion", "Opinion"], ["secret", "Secret"],
]);
const LISTS = /** @type {[string, string][]} */ ([["interests", "Interests"], ["likes", "Likes"], ["dislikes", "Dislikes"], ["boundaries", "Boundaries"], ["tags", "Tags"]]);

export function Reviews() {
  const { value, fault, reload, set } = useLoaded(() => /** @type {Promise<{ items: Waiting[] }>} */ (api("GET", "admin/companions/reviews")), []);
  useEffect(() => {
    const again = setInterval(() => { if (!document.hidden) reload(); }, REFRESH_MS);
    return () => clearInterval(again);
  });
  if (fault && !value) return html`<${Fault} text=${fault} act=${reload} />`;
  const items = value?.items ?? [];
  /** It leaves the list at once; what else came meanwhile is asked for. @param {Waiting} one */
  const decided = (one) => { set({ items: items.filter((other) => other !== one) }); reload(); };
  return html`
    <p class="soft num" role="status" data-waiting=${value ? items.length : ""}>${value ? items.length === 1 ? "One companion waits for a review" : `${items.length || "No"} companions wait for a review` : "Asking…"}</p>
    <ul class="reviews">${items.map((one) => html`<${Review} key=${one.digest} one=${one} onDone=${() => decided(one)} onFault=${reload} />`)}</ul>
    ${value && !items.length ? html`<p class="soft center">Whoever makes a companion for others to meet asks here first.</p>` : null}`;
}

/** @param {{ one: Waiting, onDone: () => void, onFault: () => void }} props */
function Review({ one, onDone, onFault }) {
  const { draft, card } = one;
  const [why, setWhy] = useState("");
  const [busy, setBusy] = useState(false);
  /** @param {boolean} approved */
  const decide = async (approved) => {
    setBusy(true);
    try {
      const body = { approved, digest: one.digest, why: why.trim() || "Nothing was found against it." };
      await api("POST", `admin/companions/${encodeURIComponent(one.companion)}/review`, { body });
      toast(approved ? `${card.name} is approved.` : `${card.name} is refused. Its maker reads why.`);
      onDone();
    } catch (error) {
      toast(/** @type {Error} */ (error).message);
      setBusy(false);
      onFault();
    }
  };
  return html`<li class="review card" data-review=${one.companion} aria-label=${card.name}>
    <header><${Avatar} name=${card.name} src=${card.portrait} size="s96" alive=${one.companion} />
      <div><h2>${card.name} <small class="soft">${draft.age}, ${draft.gender}, ${draft.origin.replaceAll("_", " ")}</small></h2>
        <p class="marks"><span class=${`badge${draft.rating === "general" ? "" : " warn"}`} data-rating>${draft.rating}</span><span class="badge">${SEEN[draft.visibility] ?? draft.visibility}</span><span class="badge">${draft.archetype}, ${draft.conversation_style}</span><span class="badge">${draft.languages.join(", ")}</span></p>
        <p class="soft small">Made by <b data-maker>${one.maker || "somebody who left"}</b>, waiting since <time class="num">${date(one.since)}, ${time(one.since)}</time></p></div></header>
    <dl>${TEXTS.filter(([key]) => draft[key]).map(([key, label]) => html`<div key=${key} class=${draft[key].length > 160 ? "long" : ""}><dt>${label}</dt><dd dir="auto">${draft[key]}</dd></div>`)}
      ${LISTS.filter(([key]) => draft[key].length).map(([key, label]) => html`<div key=${key}><dt>${label}</dt><dd dir="auto">${draft[key].join(" · ")}</dd></div>`)}</dl>
    <p class="soft small">What is not written above, the service fills in with plain words of its own.</p>
    <form onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <label class="field"><span class="label">Reason</span>
        <textarea class="input" rows="2" maxlength="500" placeholder="What would have to change" value=${why} onInput=${(/** @type {Input} */ e) => setWhy(e.currentTarget.value)}></textarea>
        <span class="help">Its maker reads it if you refuse. It stands in the audit log either way.</span></label>
      <div class="doors"><button type="button" class="btn p" disabled=${busy} onClick=${() => decide(true)}>${icon("check")} Approve</button>
        <button type="button" class="btn danger" disabled=${busy || !why.trim()} onClick=${() => decide(false)}>Refuse</button></div>
    </form>
  </li>`;
}
