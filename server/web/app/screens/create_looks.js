/** The faces one may choose from: names for people beside the values of the appearance document. Pure. */

/** @typedef {Record<string, any>} Look */

export const ORIGINS = [
  ["african", "African"], ["east_asian", "East Asian"], ["european", "European"], ["indigenous_american", "Indigenous American"],
  ["latin_american", "Latin American"], ["middle_eastern", "Middle Eastern"], ["pacific", "Pacific"], ["south_asian", "South Asian"],
];
export const BUILDS = /** @type {[string, string, { frame: number, neck: number }][]} */ ([
  ["slender", "Slender", { frame: 0.2, neck: 0.2 }], ["average", "Average", { frame: 0.42, neck: 0.4 }],
  ["athletic", "Athletic", { frame: 0.66, neck: 0.58 }], ["broad", "Broad", { frame: 0.88, neck: 0.78 }],
]);
export const HAIR = ["long", "bob", "bun", "ponytail", "braids", "pixie", "side", "swept", "crop", "fade", "afro", "bald"];
export const TEXTURES = ["straight", "wavy", "curly", "coily"];
export const HAIR_COLOURS = [
  ["black", "#15110f"], ["soft_black", "#2a2220"], ["dark_brown", "#3a2a20"], ["brown", "#5a3f2c"], ["chestnut", "#6e3f27"],
  ["auburn", "#7d3220"], ["copper", "#a9532a"], ["dark_blond", "#94744a"], ["blond", "#caa667"], ["white", "#dcd9d4"],
];
export const EYE_SHAPES = ["almond", "round", "hooded", "monolid"];
export const EYE_COLOURS = [["dark", "#2a1a12"], ["brown", "#5b3820"], ["amber", "#9a6a24"], ["hazel", "#7d6a35"], ["green", "#5d7f55"], ["grey", "#7d8892"], ["blue", "#4f7fa8"]];
export const BEARDS = ["none", "stubble", "moustache", "goatee", "short", "full"];
export const NECKLINES = ["crew", "scoop", "vee", "collar", "turtle", "band", "jacket"];
export const CLOTH = ["#1f6f74", "#3d6b7e", "#7a3b4e", "#c98a2b", "#2f3b52", "#5c7a4d", "#8a5a3c", "#e0d6c6", "#4a3b63", "#b5523b"];
export const PATTERNS = ["plain", "stripes", "dots", "weave"];
export const GLASSES = ["none", "round", "square", "half_rim"];
export const HEADWEAR = ["none", "headscarf", "loose_scarf", "turban", "beanie"];
export const EARRINGS = ["none", "studs", "hoops", "drops"];

/** @typedef {{ tone: [number, number], warm: [number, number], hair: string[], texture: string[], eyes: string[], shapes: string[], nose: [number, number], lips: [number, number] }} Kin */
/** Where a face of each origin begins; every slider may leave it. @type {Record<string, Kin>} */
const KIN = {
  african: { tone: [0.66, 0.95], warm: [0.45, 0.75], hair: ["black", "soft_black"], texture: ["coily", "curly"], eyes: ["dark", "brown"], shapes: ["almond", "round"], nose: [0.5, 0.8], lips: [0.6, 0.85] },
  east_asian: { tone: [0.12, 0.34], warm: [0.45, 0.7], hair: ["black", "soft_black", "dark_brown"], texture: ["straight", "wavy"], eyes: ["dark", "brown"], shapes: ["monolid", "hooded", "almond"], nose: [0.35, 0.55], lips: [0.4, 0.6] },
  european: { tone: [0.04, 0.26], warm: [0.25, 0.6], hair: ["dark_brown", "brown", "chestnut", "auburn", "dark_blond", "blond"], texture: ["straight", "wavy", "curly"], eyes: ["blue", "green", "grey", "hazel", "brown"], shapes: ["almond", "round", "hooded"], nose: [0.3, 0.5], lips: [0.35, 0.55] },
  indigenous_american: { tone: [0.38, 0.6], warm: [0.6, 0.85], hair: ["black", "soft_black"], texture: ["straight", "wavy"], eyes: ["dark", "brown"], shapes: ["almond", "hooded"], nose: [0.45, 0.65], lips: [0.45, 0.65] },
  latin_american: { tone: [0.24, 0.56], warm: [0.5, 0.8], hair: ["black", "soft_black", "dark_brown", "brown"], texture: ["wavy", "curly", "straight"], eyes: ["brown", "dark", "hazel", "amber"], shapes: ["almond", "round"], nose: [0.4, 0.6], lips: [0.5, 0.7] },
  middle_eastern: { tone: [0.22, 0.48], warm: [0.45, 0.7], hair: ["black", "soft_black", "dark_brown"], texture: ["wavy", "curly", "straight"], eyes: ["brown", "dark", "hazel", "green"], shapes: ["almond", "hooded"], nose: [0.4, 0.55], lips: [0.45, 0.65] },
  pacific: { tone: [0.46, 0.72], warm: [0.55, 0.8], hair: ["black", "soft_black", "dark_brown"], texture: ["wavy", "curly"], eyes: ["dark", "brown"], shapes: ["almond", "round"], nose: [0.5, 0.72], lips: [0.55, 0.75] },
  south_asian: { tone: [0.36, 0.7], warm: [0.5, 0.8], hair: ["black", "soft_black", "dark_brown"], texture: ["wavy", "straight"], eyes: ["dark", "brown", "hazel"], shapes: ["almond", "round"], nose: [0.38, 0.56], lips: [0.5, 0.68] },
};
const CUTS = /** @type {Record<string, string[]>} */ ({
  woman: ["long", "bob", "bun", "ponytail", "braids", "pixie", "long"], man: ["side", "swept", "crop", "fade", "crop", "bald"],
  "non-binary": ["pixie", "bob", "swept", "side", "crop", "long"],
});

/**
 * Somebody by chance: of an origin, a gender and an age.
 * @param {{ origin: string, gender: string, age: number, hue: number }} who @param {() => number} [chance] @returns {Look}
 */
export function someone({ origin, gender, age, hue }, chance = Math.random) {
  const kin = KIN[origin] ?? KIN.european;
  const pick = (/** @type {any[]} */ list) => list[Math.floor(chance() * list.length)];
  const within = (/** @type {[number, number]} */ [low, high]) => round(low + chance() * (high - low));
  const around = (/** @type {number} */ middle, /** @type {number} */ reach) => round(Math.min(1, Math.max(0, middle + (chance() * 2 - 1) * reach)));
  const texture = pick(kin.texture);
  const man = gender === "man";
  const cut = texture === "coily" && chance() < 0.35 ? "afro" : pick(CUTS[gender] ?? CUTS.woman);
  return {
    version: 1, seed: Math.floor(chance() * 2 ** 31), origin,
    skin: { tone: within(kin.tone), undertone: within(kin.warm), blush: around(man ? 0.2 : 0.4, 0.15), freckles: origin === "european" && chance() < 0.3 ? 0.6 : 0, age_lines: linesAt(age) },
    shape: { length: around(0.5, 0.2), width: around(man ? 0.54 : 0.45, 0.14), jaw: around(man ? 0.62 : 0.3, 0.16), cheeks: around(0.5, 0.2), chin: around(man ? 0.5 : 0.34, 0.16) },
    eyes: { shape: pick(kin.shapes), size: around(man ? 0.44 : 0.58, 0.14), spacing: around(0.5, 0.14), tilt: around(0.52, 0.16), lashes: around(man ? 0.25 : 0.7, 0.15), colour: pick(kin.eyes) },
    brows: { thickness: around(man ? 0.62 : 0.46, 0.16), arch: around(man ? 0.4 : 0.58, 0.16), gap: around(0.5, 0.14) },
    nose: { bridge: around(0.5, 0.2), width: within(kin.nose), tip: around(0.45, 0.2), length: around(0.5, 0.18) },
    mouth: { width: around(0.52, 0.14), fullness: within(kin.lips), tint: around(man ? 0.12 : 0.42, 0.12) },
    ears: 0.5,
    hair: { style: cut, texture, colour: age > 66 && chance() < 0.5 ? "white" : pick(kin.hair), length: around(0.62, 0.25), volume: around(0.5, 0.2), hairline: around(man && age > 40 ? 0.55 : 0.28, 0.15), parting: around(0.4, 0.25), grey: greyAt(age), fringe: !man && chance() < 0.25 },
    facial_hair: { style: man ? pick(["none", "stubble", "short", "full", "moustache", "goatee", "none"]) : "none", density: 0.6, grey: greyAt(age) },
    wear: { glasses: chance() < 0.22 ? pick(GLASSES.slice(1)) : "none", glasses_colour: "#2c2630", headwear: "none", headwear_colour: "#6b4f7a", earrings: !man && chance() < 0.55 ? pick(EARRINGS.slice(1)) : "none", earrings_colour: "#d8ab52" },
    clothing: { neckline: pick(NECKLINES), colour: pick(CLOTH), accent: "#e8d9c0", pattern: chance() < 0.25 ? pick(PATTERNS.slice(1)) : "plain" },
    build: { ...pick(BUILDS)[2] },
    background: { hue, depth: 0.45 },
    expression: { smile: around(0.58, 0.2), parted: 0, warmth: around(0.45, 0.2), brows: around(0.45, 0.15), gaze: 0.5 },
  };
}

/** @param {number} age */
export function linesAt(age) {
  return round(Math.min(1, Math.max(0.04, (age - 22) / 60)));
}

/** @param {number} age */
export function greyAt(age) {
  return round(Math.min(1, Math.max(0, (age - 40) / 40)));
}

/** The build that is nearest. @param {{ frame: number, neck: number }} build */
export function buildOf(build) {
  return BUILDS.reduce((best, one) => (Math.abs(one[2].frame - build.frame) < Math.abs(best[2].frame - build.frame) ? one : best))[0];
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 100) / 100;
}
