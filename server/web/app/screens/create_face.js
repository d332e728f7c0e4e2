/** How a face is chosen: groups of choices and sliders over the appearance document. */
import { html, useState } from "../ui.js";
import { BEARDS, BUILDS, buildOf, CLOTH, EARRINGS, EYE_COLOURS, EYE_SHAPES, GLASSES, HAIR, HAIR_COLOURS, HEADWEAR, NECKLINES, PATTERNS, TEXTURES } from "./create_looks.js";

/** @typedef {Record<string, any>} Draft */

/** @param {string} value */
const spoken = (value) => value.replaceAll("_", " ").replace(/^./, (one) => one.toUpperCase());
const names = (/** @type {string[]} */ list) => list.map((one) => [one, spoken(one)]);

/** @param {{ label: string, options: string[][], chosen: string, choose: (value: string) => void }} props */
export function Chips({ label, options, chosen, choose }) {
  return html`<div class="field"><span class="label">${label}</span><div class="chips" role="group" aria-label=${label}>
    ${options.map(([value, words]) => html`<button key=${value} type="button" class="chip" aria-pressed=${chosen === value ? "true" : "false"} onClick=${() => choose(value)}>${words}</button>`)}</div></div>`;
}

/** @param {{ label: string, options: string[][], chosen: string, choose: (value: string) => void }} props */
function Swatches({ label, options, chosen, choose }) {
  return html`<div class="field"><span class="label">${label}</span><div class="swatches" role="group" aria-label=${label}>
    ${options.map(([value, colour]) => html`<button key=${value} type="button" aria-label=${spoken(value)} title=${spoken(value)} aria-pressed=${chosen === value ? "true" : "false"} style=${{ "--swatch": colour }} onClick=${() => choose(value)}></button>`)}</div></div>`;
}

/** @param {{ label: string, low: string, high: string, value: number, set: (value: number) => void }} props */
function Slide({ label, low, high, value, set }) {
  return html`<label class="field slide"><span class="label">${label}</span><span class="between"><small>${low}</small><input type="range" min="0" max="1" step="0.02" value=${value} onInput=${(/** @type {any} */ e) => set(Number(e.currentTarget.value))} /><small>${high}</small></span></label>`;
}

const GROUPS = ["Face", "Hair", "Eyes", "Clothes"];

/** @param {{ draft: Draft, set: (part: Draft) => void }} props */
export function Look({ draft, set }) {
  const [group, setGroup] = useState(GROUPS[0]);
  const look = draft.appearance;
  const part = (/** @type {string} */ name) => (/** @type {Draft} */ values) => set({ appearance: { ...look, [name]: { ...look[name], ...values } } });
  const of = { look, part, draft, set };
  return html`<div class="fields">
    <div class="seg" role="group" aria-label="Parts">${GROUPS.map((one) => html`<button key=${one} type="button" aria-pressed=${group === one ? "true" : "false"} onClick=${() => setGroup(one)}>${one}</button>`)}</div>
    ${group === "Face" ? html`<${Face} ...${of} />` : group === "Hair" ? html`<${Hair} ...${of} />` : group === "Eyes" ? html`<${Eyes} ...${of} />` : html`<${Clothes} ...${of} />`}
  </div>`;
}

/** @typedef {{ look: Draft, part: (name: string) => (values: Draft) => void, draft: Draft, set: (part: Draft) => void }} Of */

/** @param {Of} props */
function Face({ look, part }) {
  const [skin, shape, mouth, nose, rest] = ["skin", "shape", "mouth", "nose", "expression"].map(part);
  return html`<div class="fields">
    <${Slide} label="Skin" low="Fair" high="Deep" value=${look.skin.tone} set=${(/** @type {number} */ tone) => skin({ tone })} />
    <${Slide} label="Undertone" low="Cool" high="Warm" value=${look.skin.undertone} set=${(/** @type {number} */ undertone) => skin({ undertone })} />
    <${Slide} label="Freckles" low="None" high="Many" value=${look.skin.freckles} set=${(/** @type {number} */ freckles) => skin({ freckles })} />
    <${Slide} label="Lines of age" low="Few" high="Many" value=${look.skin.age_lines} set=${(/** @type {number} */ lines) => skin({ age_lines: lines })} />
    <${Slide} label="Face" low="Narrow" high="Wide" value=${look.shape.width} set=${(/** @type {number} */ width) => shape({ width })} />
    <${Slide} label="Length" low="Short" high="Long" value=${look.shape.length} set=${(/** @type {number} */ length) => shape({ length })} />
    <${Slide} label="Jaw" low="Soft" high="Square" value=${look.shape.jaw} set=${(/** @type {number} */ jaw) => shape({ jaw })} />
    <${Slide} label="Cheeks" low="Flat" high="Full" value=${look.shape.cheeks} set=${(/** @type {number} */ cheeks) => shape({ cheeks })} />
    <${Slide} label="Nose" low="Fine" high="Broad" value=${look.nose.width} set=${(/** @type {number} */ width) => nose({ width })} />
    <${Slide} label="Lips" low="Thin" high="Full" value=${look.mouth.fullness} set=${(/** @type {number} */ fullness) => mouth({ fullness })} />
    <${Slide} label="Lip colour" low="Bare" high="Painted" value=${look.mouth.tint} set=${(/** @type {number} */ tint) => mouth({ tint })} />
    <${Slide} label="At rest" low="Serious" high="Smiling" value=${look.expression.smile} set=${(/** @type {number} */ smile) => rest({ smile })} />
    <${Chips} label="Build" options=${BUILDS} chosen=${buildOf(look.build)} choose=${(/** @type {string} */ name) => part("build")({ ...BUILDS.find(([one]) => one === name)?.[2] })} />
  </div>`;
}

/** @param {Of} props */
function Hair({ look, part }) {
  const [hair, beard] = ["hair", "facial_hair"].map(part);
  return html`<div class="fields">
    <${Chips} label="Cut" options=${names(HAIR)} chosen=${look.hair.style} choose=${(/** @type {string} */ style) => hair({ style })} />
    <${Chips} label="Grows" options=${names(TEXTURES)} chosen=${look.hair.texture} choose=${(/** @type {string} */ texture) => hair({ texture })} />
    <${Swatches} label="Colour" options=${HAIR_COLOURS} chosen=${look.hair.colour} choose=${(/** @type {string} */ colour) => hair({ colour })} />
    <${Slide} label="Length" low="Short" high="Long" value=${look.hair.length} set=${(/** @type {number} */ length) => hair({ length })} />
    <${Slide} label="Volume" low="Flat" high="Full" value=${look.hair.volume} set=${(/** @type {number} */ volume) => hair({ volume })} />
    <${Slide} label="Hairline" low="Low" high="High" value=${look.hair.hairline} set=${(/** @type {number} */ hairline) => hair({ hairline })} />
    <${Slide} label="Grey" low="None" high="All" value=${look.hair.grey} set=${(/** @type {number} */ grey) => hair({ grey })} />
    <label class="check"><input type="checkbox" checked=${look.hair.fringe} onChange=${(/** @type {any} */ e) => hair({ fringe: e.currentTarget.checked })} /><span>Fringe</span></label>
    <${Chips} label="Beard" options=${names(BEARDS)} chosen=${look.facial_hair.style} choose=${(/** @type {string} */ style) => beard({ style })} />
  </div>`;
}

/** @param {Of} props */
function Eyes({ look, part }) {
  const [eyes, brows] = ["eyes", "brows"].map(part);
  return html`<div class="fields">
    <${Chips} label="Shape" options=${names(EYE_SHAPES)} chosen=${look.eyes.shape} choose=${(/** @type {string} */ shape) => eyes({ shape })} />
    <${Swatches} label="Colour" options=${EYE_COLOURS} chosen=${look.eyes.colour} choose=${(/** @type {string} */ colour) => eyes({ colour })} />
    <${Slide} label="Size" low="Small" high="Large" value=${look.eyes.size} set=${(/** @type {number} */ size) => eyes({ size })} />
    <${Slide} label="Apart" low="Close" high="Wide" value=${look.eyes.spacing} set=${(/** @type {number} */ spacing) => eyes({ spacing })} />
    <${Slide} label="Corners" low="Down" high="Up" value=${look.eyes.tilt} set=${(/** @type {number} */ tilt) => eyes({ tilt })} />
    <${Slide} label="Lashes" low="Light" high="Long" value=${look.eyes.lashes} set=${(/** @type {number} */ lashes) => eyes({ lashes })} />
    <${Slide} label="Brows" low="Thin" high="Thick" value=${look.brows.thickness} set=${(/** @type {number} */ thickness) => brows({ thickness })} />
    <${Slide} label="Arch" low="Flat" high="High" value=${look.brows.arch} set=${(/** @type {number} */ arch) => brows({ arch })} />
  </div>`;
}

/** @param {Of} props */
function Clothes({ look, part, draft, set }) {
  const [clothing, wear] = ["clothing", "wear"].map(part);
  const hue = (/** @type {number} */ value) => set({ hue: Math.round(value * 360), appearance: { ...look, background: { ...look.background, hue: Math.round(value * 360) } } });
  return html`<div class="fields">
    <${Chips} label="Neckline" options=${names(NECKLINES)} chosen=${look.clothing.neckline} choose=${(/** @type {string} */ neckline) => clothing({ neckline })} />
    <${Swatches} label="Cloth" options=${CLOTH.map((one) => [one, one])} chosen=${look.clothing.colour} choose=${(/** @type {string} */ colour) => clothing({ colour })} />
    <${Chips} label="Pattern" options=${names(PATTERNS)} chosen=${look.clothing.pattern} choose=${(/** @type {string} */ pattern) => clothing({ pattern })} />
    <${Chips} label="Glasses" options=${names(GLASSES)} chosen=${look.wear.glasses} choose=${(/** @type {string} */ glasses) => wear({ glasses })} />
    <${Chips} label="On the head" options=${names(HEADWEAR)} chosen=${look.wear.headwear} choose=${(/** @type {string} */ headwear) => wear({ headwear })} />
    <${Chips} label="Earrings" options=${names(EARRINGS)} chosen=${look.wear.earrings} choose=${(/** @type {string} */ earrings) => wear({ earrings })} />
    <${Slide} label="Colour of the room" low="" high="" value=${draft.hue / 360} set=${hue} />
  </div>`;
}
