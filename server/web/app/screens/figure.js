/** A companion in three dimensions: look at it, try its face, give it a figure of one's own. */
import { api } from "../api.js";
import { figureOf, fileOf, give, take } from "../figure/figures.js";
import { open } from "../figure/glb.js";
import { Speech } from "../figure/speech.js";
import { FigureStage, Headset } from "../figure/stage.js";
import { Dialog, Fault, useLoaded } from "../parts.js";
import { back } from "../router.js";
import { person } from "../session.js";
import { Shell } from "../shell.js";
import { toast } from "../toast.js";
import { html, icon, useEffect, useMemo, useRef, useState } from "../ui.js";

/** @typedef {import("../figure/figures.js").Figure} Figure */
/** @typedef {import("../figure/viewer.js").Viewer} Viewer */
/** @typedef {import("../ui.js").Child} Child */
/** @typedef {{ id: string, slug: string, name: string, hue: number, portrait: string }} Card */

const TYPES = ".glb,.vrm,model/gltf-binary";
const FEELINGS = /** @type {[string, string][]} */ ([["joy", "Laugh"], ["surprised", "Surprise"], ["sad", "Sorrow"], ["tender", "Tenderness"]]);
const MOUTHS = /** @type {Record<string, string>} */ ({
  visemes: "Its lips follow every sound.", vowels: "Its lips follow the vowels.", arkit: "Its lips follow every sound, by ARKit's shapes.", jaw: "Its jaw follows the voice.", none: "Its mouth does not move: the file names nothing that could.",
});
// "Hello, how nice to see you": shapes and how long each lasts, in milliseconds.
const HELLO = /** @type {[string, number][]} */ ([["kk", 60], ["E", 90], ["nn", 80], ["O", 220], ["sil", 160], ["kk", 50], ["aa", 120], ["U", 110], ["nn", 70], ["aa", 130], ["I", 110], ["SS", 110], ["DD", 60], ["U", 90], ["SS", 110], ["I", 210], ["sil", 30], ["I", 60], ["U", 260], ["sil", 120], ["aa", 110], ["I", 90], ["PP", 110], ["I", 90], ["sil", 40]]);
const SAMPLES = 24;

/** @param {{ companion: string }} props */
export function FigureScreen({ companion }) {
  const card = useLoaded(() => /** @type {Promise<Card>} */ (api("GET", `companions/${encodeURIComponent(companion)}`)), [companion]);
  const name = card.value?.name ?? "";
  useEffect(() => { if (name) document.title = `${name} in 3D · Kindred`; }, [name]);
  return html`<${Shell} inside=${true}>${card.fault ? html`<main class="page" id="main" tabindex="-1"><${Fault} text=${card.fault} act=${card.reload} /></main>`
    : card.value ? html`<${Room} card=${card.value} />` : html`<main class="page" id="main" aria-busy="true"><div class="bone detail-bone"></div></main>`}</${Shell}>`;
}

/** @param {{ card: Card }} props */
function Room({ card }) {
  const known = useLoaded(async () => ({ figure: await figureOf(card.id) }), [card.id]);
  const [file, setFile] = useState(/** @type {ArrayBuffer | null} */ (null));
  const [chosen, setChosen] = useState(/** @type {File | null} */ (null));
  const [fault, setFault] = useState("");
  const [viewer, setViewer] = useState(/** @type {Viewer | null} */ (null));
  const [asking, setAsking] = useState(false);
  const speech = useMemo(() => new Speech(), []);
  const turn = useRef(0); // two files of one name and length are two files
  const [seen, setSeen] = useState(file);
  if (seen !== file) { setSeen(file); turn.current += 1; }
  const figure = known.value?.figure ?? null;
  const busy = !known.fault && (!known.value || (figure !== null && !file));

  useEffect(() => { if (known.fault) setFault(known.fault); }, [known.fault]);
  useEffect(() => {
    if (!figure || chosen) return;
    fileOf(figure).then((found) => { setFile(found); setFault(""); }, (error) => setFault(error.message));
  }, [figure?.figure]);

  /** A file from this device: looked at here before anything is sent. @param {File | undefined} picked */
  const pick = async (picked) => {
    if (!picked) return;
    try {
      const bytes = await picked.arrayBuffer();
      open(bytes);
      setFault("");
      setChosen(picked);
      setFile(bytes);
    } catch (error) {
      setFault(/** @type {Error} */ (error).message);
    }
  };
  const drop = { onDragOver: (/** @type {DragEvent} */ e) => e.preventDefault(), onDrop: (/** @type {DragEvent} */ e) => { e.preventDefault(); void pick(e.dataTransfer?.files[0]); } };
  const forget = () => {
    setChosen(null);
    setFile(null);
    setFault("");
    if (chosen && figure) fileOf(figure).then(setFile, (error) => setFault(error.message));
    else known.reload();
  };
  const taken = async () => {
    try {
      await take(card.id, Boolean(figure?.everybody));
      forget();
    } catch (error) {
      toast(/** @type {Error} */ (error).message);
    }
  };
  const mine = figure && (!figure.everybody || person.value?.role === "admin");
  return html`<main class="figure-room hue" id="main" tabindex="-1" style=${{ "--h": card.hue }} ...${drop}>
    <div class="figure-stage">
      ${file ? html`<${FigureStage} key=${turn.current} file=${file} label=${`${card.name} in three dimensions`} speech=${speech} viewer=${setViewer} onFault=${setFault} />` : null}
      ${fault ? html`<div class="figure-fault" role="alert" data-fault>${icon("warn")}<p>${fault}</p></div>`
        : busy ? html`<i class="spin" aria-hidden="true"></i>`
          : file ? null : html`<div class="empty">${icon("cube", "huge")}<h2>${card.name} has no figure yet</h2><p>Bring a VRM or GLB file of a face or a whole body, and ${card.name} will speak with it in your calls.</p></div>`}
      <button type="button" class="icon over" aria-label="Back" onClick=${() => back(`/discover/${card.slug}`)}>${icon("back")}</button>
      ${file && !fault ? html`<p class="figure-hint">Drag to turn, pinch or scroll to come nearer</p>` : null}
    </div>
    <aside class="figure-panel">
      <header><h1>${card.name} in 3D</h1>${figure && !chosen ? html`<${Words} figure=${figure} />` : null}</header>
      ${file && viewer && !fault ? html`<${Tries} viewer=${viewer} speech=${speech} />` : null}
      <div class="acts start"><${Headset} viewer=${fault ? null : viewer} onFault=${toast} /></div>
      ${chosen ? html`<div class="note"><div><b>${chosen.name}</b><p>Only you have seen this so far. Nothing was sent.</p>
          <div class="acts start"><button type="button" class="btn p" disabled=${Boolean(fault)} onClick=${() => setAsking(true)}>Give it to ${card.name}</button><button type="button" class="btn line" onClick=${forget}>Discard</button></div></div></div>` : null}
      <${Picker} label=${figure || chosen ? "Choose another file" : "Choose a file"} onPick=${pick} first=${!file} />
      ${figure && mine && !chosen ? html`<button type="button" class="btn line danger" onClick=${() => void taken()}>${icon("trash")}Take this figure back</button>` : null}
      <p class="soft small">A figure you bring is kept sealed and shown to you alone. Files are checked before they are kept: one file, no compression, at most 32 MB.</p>
    </aside>
    ${asking && chosen ? html`<${Consent} card=${card} file=${chosen} onClose=${() => setAsking(false)} onGiven=${(/** @type {Figure} */ given) => { setAsking(false); setChosen(null); known.set({ figure: given }); toast(`${card.name} has a figure now.`); }} />` : null}
  </main>`;
}

/** What its maker says, and what it can do. @param {{ figure: Figure }} props */
function Words({ figure }) {
  const { about } = figure;
  return html`<p class="soft small">${about.title ? html`<b>${about.title}</b>${about.author ? ` by ${about.author}` : ""}. ` : about.author ? `By ${about.author}. ` : ""}${about.licence && /^https:\/\//.test(about.licence) ? html`<a href=${about.licence} target="_blank" rel="noreferrer">Licence</a>. ` : ""}${figure.everybody ? "Everybody sees it. " : "Only you see it. "}${MOUTHS[about.mouth] ?? ""}</p>`;
}

/** Try the face without a call. @param {{ viewer: Viewer, speech: Speech }} props */
function Tries({ viewer, speech }) {
  const epoch = useRef(0);
  const [saying, setSaying] = useState(false);
  const say = () => {
    let at = 0;
    const visemes = HELLO.map(([shape, ms]) => /** @type {[string, number, number]} */ ([shape, (at += ms) * SAMPLES - ms * SAMPLES, ms * SAMPLES]));
    epoch.current += 1;
    speech.delay = 0;
    speech.shapes({ epoch: epoch.current, at_sample: 0, visemes });
    speech.sounding({ epoch: epoch.current, samples: 0, playing: true }, performance.now());
    setSaying(true);
    setTimeout(() => setSaying(false), at);
  };
  const mouth = viewer.shown?.abilities.mouth ?? "none";
  return html`<section class="tries" aria-label="Try the face">
    <div class="chips"><button type="button" class="chip" aria-pressed=${saying ? "true" : "false"} data-say onClick=${say}>${icon("speaker")}Say hello</button>
      ${FEELINGS.map(([name, label]) => html`<button type="button" class="chip" key=${name} data-feel=${name} onClick=${() => viewer.feel({ name, strength: 1, arkit: ARKIT_OF[name] ?? {} })}>${label}</button>`)}</div>
    <p class="soft small" data-mouth-words>${MOUTHS[mouth]}</p></section>`;
}
const ARKIT_OF = /** @type {Record<string, Record<string, number>>} */ ({
  joy: { mouthSmileLeft: 0.9, mouthSmileRight: 0.9, cheekSquintLeft: 0.4, cheekSquintRight: 0.4, eyeSquintLeft: 0.5, eyeSquintRight: 0.5, browInnerUp: 0.15 },
  surprised: { browInnerUp: 0.85, browOuterUpLeft: 0.85, browOuterUpRight: 0.85, jawOpen: 0.14, eyeWideLeft: 0.4, eyeWideRight: 0.4 },
  sad: { mouthFrownLeft: 0.5, mouthFrownRight: 0.5, browInnerUp: 0.75 },
  tender: { mouthSmileLeft: 0.35, mouthSmileRight: 0.35, browInnerUp: 0.25, eyeSquintLeft: 0.15, eyeSquintRight: 0.15 },
});

/** @param {{ label: string, first: boolean, onPick: (file: File | undefined) => void }} props */
function Picker({ label, first, onPick }) {
  return html`<label class=${`btn${first ? " p" : ""} file`}>${icon("plus")}${label}
    <input type="file" class="sr" accept=${TYPES} data-file onChange=${(/** @type {{ currentTarget: HTMLInputElement }} */ e) => { void onPick(e.currentTarget.files?.[0]); e.currentTarget.value = ""; }} /></label>`;
}

/** What one says of a file before it is sent. @param {{ card: Card, file: File, onClose: () => void, onGiven: (figure: Figure) => void }} props */
function Consent({ card, file, onClose, onGiven }) {
  const [said, setSaid] = useState({ owns: false, adults: false, depicts: "nobody" });
  const [all, setAll] = useState(false);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  const staff = person.value?.role === "admin";
  const send = async () => {
    setBusy(true);
    setFault("");
    try {
      onGiven(await give(card.id, file, said, all && staff));
    } catch (error) {
      setFault(/** @type {Error} */ (error).message);
      setBusy(false);
    }
  };
  const box = (/** @type {"owns" | "adults"} */ key, /** @type {string} */ words) => html`<label class="check"><input type="checkbox" checked=${said[key]} onChange=${(/** @type {{ currentTarget: HTMLInputElement }} */ e) => setSaid({ ...said, [key]: e.currentTarget.checked })} /><span>${words}</span></label>`;
  return html`<${Dialog} title=${`A figure for ${card.name}`} onClose=${onClose}>
    ${box("owns", "I may use this file here: it is mine, or its licence allows it.")}
    ${box("adults", "Whom it shows is an adult.")}
    <div class="field"><label for="depicts">Whom does it show?</label>
      <select id="depicts" class="input" value=${said.depicts} onChange=${(/** @type {{ currentTarget: HTMLSelectElement }} */ e) => setSaid({ ...said, depicts: e.currentTarget.value })}>
        <option value="nobody">Nobody real</option><option value="me">Myself</option><option value="somebody_who_agreed">Somebody who agreed to it</option></select></div>
    ${staff ? html`<label class="check"><input type="checkbox" checked=${all} onChange=${(/** @type {{ currentTarget: HTMLInputElement }} */ e) => setAll(e.currentTarget.checked)} /><span>Show it to everybody. This is written to the audit log.</span></label>` : null}
    <p class="soft small">What you say here is recorded with the time. You can take the figure back whenever you like.</p>
    ${fault ? html`<p class="bad-line" role="alert">${fault}</p>` : null}
    <div class="acts start"><button type="button" class="btn p" disabled=${busy || !said.owns || !said.adults} onClick=${() => void send()}>${busy ? "Sending…" : "Give"}</button></div>
  </${Dialog}>`;
}
