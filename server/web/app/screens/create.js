/** Making a companion: who it is, how it looks, how it talks, and whether others may meet it. */
import { talkTo } from "../actions.js";
import { api } from "../api.js";
import { Balance, Dialog, Fault, Field, useLoaded } from "../parts.js";
import { back, go } from "../router.js";
import { Shell } from "../shell.js";
import { playing, spoken, stop as hush, toggle } from "../sounds.js";
import { toast } from "../toast.js";
import { html, icon, useEffect, useState } from "../ui.js";
import { Chips, Look } from "./create_face.js";
import { ORIGINS, someone } from "./create_looks.js";
import { FacePreview } from "./create_preview.js";
import { MakeOffer, room } from "./offer.js";
import { PictureFace } from "./picture_face.js";

/** @typedef {Record<string, any>} Draft */
/** @typedef {{ companion: string, slug: string, review: string, why: string, draft: Draft }} Made */

const STEPS = ["Who", "Face", "Character", "Meet"];
const GENDERS = [["woman", "Woman"], ["man", "Man"], ["non-binary", "Non-binary"]];
const ARCHETYPES = /** @type {[string, string, string][]} */ ([
  ["confidant", "Confidant", "listens, keeps secrets"], ["caregiver", "Caregiver", "warm, looks after you"], ["creator", "Creator", "full of ideas"],
  ["dreamer", "Dreamer", "quiet, imaginative"], ["explorer", "Explorer", "curious, outdoors"], ["guardian", "Guardian", "steady, reliable"],
  ["jester", "Jester", "funny, playful"], ["maverick", "Maverick", "contrary, bold"], ["mentor", "Mentor", "patient, wise about work"], ["sage", "Sage", "thoughtful, learned"],
]);
const STYLES = [["warm", "Warm"], ["witty", "Witty"], ["thoughtful", "Thoughtful"], ["direct", "Direct"], ["playful", "Playful"], ["calm", "Calm"]];
const VOICES = ["soprano-soft", "mezzo-warm", "mezzo-bright", "alto", "alto-bright", "contralto", "tenor-light", "tenor-sunny", "baritone-soft", "baritone", "baritone-dry", "bass-velvet"];
const SEEN = [["private", "Only me"], ["unlisted", "Whoever has the link"], ["public", "Everybody"]];
const REVIEWS = /** @type {Record<string, string>} */ ({ pending: "It waits for a review. Until then only you meet it.", rejected: "The review said no, so only you meet it. You can change it and ask again.", approved: "" });

/** @returns {Draft} */
function fresh() {
  const who = { origin: ORIGINS[Math.floor(Math.random() * ORIGINS.length)][0], gender: Math.random() < 0.5 ? "woman" : "man", age: 24 + Math.floor(Math.random() * 24), hue: Math.floor(Math.random() * 360) };
  return {
    ...who, name: "", appearance: someone(who), archetype: "confidant", personality: {}, conversation_style: "warm", tagline: "", culture: "", background: "",
    speaking_style: "", greeting: "", backstory: "", opinion: "", secret: "", interests: [], likes: [], dislikes: [], boundaries: [], tags: [], languages: ["en"], rating: "general", voice: who.gender === "man" ? "baritone-soft" : "mezzo-warm", pitch: 0.5, rate: 0.5, visibility: "private",
  };
}

/** @param {{ id?: string }} props */
export function Create({ id }) {
  return html`<${Shell}>${id ? html`<${Known} id=${id} key=${id} />` : html`<${New} key="new" />`}</${Shell}>`;
}

/** Nobody writes four pages to be told at the end that their plan has no room. */
function New() {
  /** @type {{ value: { items: Made[], most: number | null } | null, fault: string }} */
  const { value, fault } = useLoaded(() => api("GET", "companions/mine"), []); // once: what is saved here goes on being made
  if (!value && !fault) return html`<main class="page" id="main" tabindex="-1" aria-busy="true"><div class="bone detail-bone"></div></main>`;
  if (!value || room(value)) return html`<${Maker} made=${null} />`;
  return html`<main class="page" id="main" tabindex="-1"><header class="head"><h1>Make a companion</h1><${Balance} /></header><${MakeOffer} own=${value} asked=${true} /><p class="center"><a class="btn" href="/discover">${icon("people")}Meet somebody who is there</a></p></main>`;
}

/** @param {{ id: string }} props */
function Known({ id }) {
  const { value, fault, reload } = useLoaded(() => api("GET", `companions/${encodeURIComponent(id)}/draft`), [id]);
  if (fault) return html`<main class="page" id="main" tabindex="-1"><${Fault} text=${fault} act=${reload} /></main>`;
  return value ? html`<${Maker} made=${value} />` : html`<main class="page" id="main" tabindex="-1" aria-busy="true"><div class="bone detail-bone"></div></main>`;
}

/** @param {{ made: Made | null }} props */
function Maker({ made }) {
  const [draft, setDraft] = useState(/** @type {Draft} */ (made?.draft ?? fresh()));
  const [kept, setKept] = useState(made);
  const [step, setStep] = useState(0);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  const [dirty, setDirty] = useState(!made);
  useEffect(() => { document.title = `${kept ? draft.name : "Make a companion"} · Kindred`; }, [kept, draft.name]);
  useEffect(() => () => hush(), []);
  const set = (/** @type {Draft} */ part) => { setDraft((/** @type {Draft} */ now) => ({ ...now, ...part })); setDirty(true); };
  const save = async () => {
    setBusy(true);
    setFault("");
    try {
      const next = await api(kept ? "PUT" : "POST", kept ? `companions/${kept.companion}` : "companions", { body: draft });
      setKept(next);
      setDirty(false);
      setBusy(false);
      return next;
    } catch (error) {
      setFault(/** @type {Error} */ (error).message);
      setBusy(false);
      return null;
    }
  };
  const onward = async () => {
    if (!draft.name.trim()) { setStep(0); setFault("It needs a name."); return; }
    setFault("");
    if (step < STEPS.length - 1) { setStep(step + 1); return; }
    const next = await save();
    if (next) toast("Saved.");
  };
  const meet = async () => {
    const now = dirty ? await save() : kept;
    if (now) await talkTo(now.companion).catch((error) => setFault(error.message));
  };
  const props = { draft, set };
  return html`<main class="page create hue" id="main" tabindex="-1" style=${{ "--h": draft.hue }}>
    <header class="head"><div><h1>${kept ? draft.name || "Your companion" : "Make a companion"}</h1><p class="soft">An adult, made up by you, and an AI like all others here.</p></div><${Balance} /></header>
    <div class="maker">
      <section class="stage-side" aria-label="Preview"><${FacePreview} look=${draft.appearance} /><${Speak} draft=${draft} /></section>
      <section class="steps">
        <div class="seg" role="group" aria-label="Steps">${STEPS.map((one, i) => html`<button key=${one} type="button" aria-pressed=${step === i ? "true" : "false"} onClick=${() => setStep(i)}>${one}</button>`)}</div>
        ${step === 0 ? html`<${Who} ...${props} />` : step === 1 ? html`<${Look} ...${props} />` : step === 2 ? html`<${Character} ...${props} />` : html`<${Meet} ...${props} kept=${kept} />`}
        ${fault ? html`<p class="bad-line" role="alert">${fault}</p>` : null}
        <div class="acts">
          ${step ? html`<button type="button" class="btn line" onClick=${() => setStep(step - 1)}>${icon("back")}Back</button>` : html`<button type="button" class="btn line" onClick=${() => back("/discover")}>Cancel</button>`}
          <button type="button" class="btn p" disabled=${busy} onClick=${onward}>${step < STEPS.length - 1 ? "Next" : kept && !dirty ? "Saved" : "Save"}</button>
          ${step === STEPS.length - 1 ? html`<button type="button" class="btn" disabled=${busy || !draft.name.trim()} onClick=${meet}>${icon("chat")}Start talking</button>` : null}
        </div>
      </section>
    </div>
  </main>`;
}

/** The greeting in the chosen voice, from the face that is being made. @param {{ draft: Draft }} props */
function Speak({ draft }) {
  const id = `preview ${draft.voice} ${draft.greeting} ${draft.name}`;
  const text = draft.greeting || `Hello, I am ${draft.name || "somebody new"}. What is on your mind?`;
  const now = playing.value?.id === id ? playing.value : null;
  const speak = () => {
    if (now) { hush(); return; }
    toggle(id, () => spoken(text, "preview", draft.voice)).catch((error) => toast(error.status === 404 ? "Nobody speaks on this server yet." : error.message));
  };
  return html`<button type="button" class="btn wide" onClick=${speak} data-speak>${now?.loading ? html`<i class="spin"></i>` : icon(now ? "stop" : "speaker")}${now ? "Stop" : "Hear and see the greeting"}</button>`;
}

/** @param {{ draft: Draft, set: (part: Draft) => void }} props */
function Who({ draft, set }) {
  const again = () => set({ appearance: someone(/** @type {any} */ (draft)) });
  const age = (/** @type {number} */ years) => set({ age: years, appearance: { ...draft.appearance, skin: { ...draft.appearance.skin, age_lines: Math.min(1, Math.max(0.04, (years - 22) / 60)) } } });
  return html`<div class="fields">
    <${Field} label="Name" name="name" required maxlength="40" value=${draft.name} onInput=${(/** @type {string} */ name) => set({ name })} />
    <${Chips} label="Gender" options=${GENDERS} chosen=${draft.gender} choose=${(/** @type {string} */ gender) => set({ gender, appearance: someone({ .../** @type {any} */ (draft), gender }), voice: gender === "man" ? "baritone-soft" : gender === "woman" ? "mezzo-warm" : "alto" })} />
    <${Chips} label="Origin" options=${ORIGINS} chosen=${draft.origin} choose=${(/** @type {string} */ origin) => set({ origin, appearance: someone({ .../** @type {any} */ (draft), origin }) })} />
    <label class="field slide"><span class="label">Age <b class="num">${draft.age}</b></span><input type="range" min="18" max="90" value=${draft.age} onInput=${(/** @type {any} */ e) => age(Number(e.currentTarget.value))} /><span class="help">Everybody here is an adult.</span></label>
    <${Field} label="Who they are, in a few words" name="background" maxlength="120" value=${draft.background} placeholder="Night-shift baker who reads old letters" onInput=${(/** @type {string} */ background) => set({ background })} />
    <button type="button" class="btn" onClick=${again} data-again>${icon("again")}Another face</button>
  </div>`;
}

/** @param {{ draft: Draft, set: (part: Draft) => void }} props */
function Character({ draft, set }) {
  const text = (/** @type {string} */ name) => (/** @type {any} */ e) => set({ [name]: e.currentTarget.value });
  const list = (/** @type {string} */ name) => (/** @type {any} */ e) => set({ [name]: e.currentTarget.value.split(",").map((/** @type {string} */ one) => one.trim().slice(0, 80)).filter(Boolean).slice(0, 12) });
  return html`<div class="fields">
    <div class="field"><span class="label">What they are like</span><div class="kinds" role="group" aria-label="What they are like">${ARCHETYPES.map(([value, label, words]) => html`<button key=${value} type="button" aria-pressed=${draft.archetype === value ? "true" : "false"} onClick=${() => set({ archetype: value, personality: {} })}><b>${label}</b><small>${words}</small></button>`)}</div></div>
    <${Chips} label="How they talk" options=${STYLES} chosen=${draft.conversation_style} choose=${(/** @type {string} */ value) => set({ conversation_style: value })} />
    <label class="field"><span class="label">Voice</span><select class="input" name="voice" onChange=${text("voice")}>${VOICES.map((one) => html`<option key=${one} value=${one} selected=${draft.voice === one}>${one.replace("-", ", ")}</option>`)}</select></label>
    <label class="field"><span class="label">Their first words</span><textarea class="input" name="greeting" maxlength="600" rows="2" placeholder="What they say when somebody new comes in" onInput=${text("greeting")}>${draft.greeting}</textarea></label>
    <label class="field"><span class="label">Their story</span><textarea class="input" name="backstory" maxlength="4000" rows="5" placeholder="Where they come from, what they do, what they cannot stand" onInput=${text("backstory")}>${draft.backstory}</textarea></label>
    <${Field} label="Interests, with commas" name="interests" maxlength="400" value=${draft.interests.join(", ")} onChange=${list("interests")} />
    <${Field} label="Tags, with commas" name="tags" maxlength="200" value=${draft.tags.join(", ")} onChange=${list("tags")} />
    <${Field} label="One line about them" name="tagline" maxlength="120" value=${draft.tagline} onInput=${(/** @type {string} */ tagline) => set({ tagline })} />
  </div>`;
}

/** @param {{ draft: Draft, set: (part: Draft) => void, kept: Made | null }} props */
function Meet({ draft, set, kept }) {
  const [sure, setSure] = useState(false);
  const away = async () => {
    try {
      await api("DELETE", `companions/${kept?.companion}`);
      toast(`${draft.name} is taken away. Your conversations stay.`);
      go("/discover", { replace: true });
    } catch (error) {
      toast(/** @type {Error} */ (error).message);
    }
  };
  const told = kept && kept.draft.visibility !== "private" ? REVIEWS[kept.review] : "";
  return html`<div class="fields">
    <${Chips} label="Who may meet them" options=${SEEN} chosen=${draft.visibility} choose=${(/** @type {string} */ value) => set({ visibility: value })} />
    <p class="soft small">${draft.visibility === "private" ? "Nobody else sees this companion." : "Somebody of the service reads it first, now and after each change."}</p>
    ${told ? html`<p class=${`note${kept?.review === "rejected" ? " warn" : ""}`} role="status" data-review-told>${icon(kept?.review === "rejected" ? "info" : "clock")}<span>${told}${kept?.why ? html`<q class="why" dir="auto">${kept.why}</q>` : null}</span></p>` : null}
    ${kept ? html`<${PictureFace} companion=${kept.companion} name=${draft.name} />` : html`<p class="soft small">Once it is saved you can also give it a face from a picture, seen by you alone.</p>`}
    ${kept ? html`<button type="button" class="link bad" onClick=${() => setSure(true)}>Take ${draft.name} away</button>` : null}
    ${sure ? html`<${Dialog} title=${`Take ${draft.name} away?`} onClose=${() => setSure(false)}><p>Nobody new can meet them. Conversations you have stay as they are.</p><div class="acts"><button type="button" class="btn line" onClick=${() => setSure(false)}>Keep</button><button type="button" class="btn danger" onClick=${away}>Take away</button></div></${Dialog}>` : null}
  </div>`;
}
