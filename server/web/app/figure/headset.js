/**
 * Into a headset (WebXR) and out again: the figure stands in front of the person, at its own size,
 * and looks at them. How fast and how late pictures come is told to the server, as numbers only.
 */
import { api } from "../api.js";
import { about, compose, inverse, moved, multiply } from "./maths.js";

/** @typedef {import("./viewer.js").Viewer} Viewer */
/** @typedef {"immersive-vr" | "immersive-ar"} Mode */

const AWAY = 1.05; // metres
const TALL = [0.12, 0.45]; // of a head, in metres: what is outside is made to fit
const TOLD_MS = 15_000;
const BEHIND = [0.055, 0.075, 0.085];

/** What this device can enter. @returns {Promise<Mode[]>} */
export async function modes() {
  const xr = /** @type {any} */ (navigator).xr;
  if (!xr?.isSessionSupported) return [];
  const all = /** @type {Mode[]} */ (["immersive-vr", "immersive-ar"]);
  const can = await Promise.all(all.map((mode) => xr.isSessionSupported(mode).catch(() => false)));
  return all.filter((_, i) => can[i]);
}

/** Which headset this is, coarsely: a kind, never a device. */
export function deviceOf(agent = navigator.userAgent) {
  const kinds = /** @type {[RegExp, string][]} */ ([[/Quest 3/, "quest_3"], [/Quest 2/, "quest_2"], [/Quest Pro/, "quest_pro"], [/Pico/i, "pico"], [/Vision/, "vision_pro"], [/Android|iPhone/, "phone"], [/Windows|Linux|Mac OS/, "pc"]]);
  return kinds.find(([test]) => test.test(agent))?.[1] ?? "other";
}

/** How pictures came, added up. Pure. */
export class Pace {
  /** @param {number} now milliseconds */
  constructor(now) {
    this.began = this.last = now;
    this.frames = this.dropped = 0;
    this.late = 0;
    /** @type {number[]} */
    this.gaps = [];
  }

  /** A picture. @param {number} now @param {number} latencyMs from its pose to its showing @param {number} [rate] what the device shows a second, where it says so */
  frame(now, latencyMs, rate) {
    const gap = now - this.last;
    this.last = now;
    if (this.frames) {
      this.gaps.push(gap);
      if (this.gaps.length > 120) this.gaps.shift();
      const usual = rate ? 1000 / rate : [...this.gaps].sort((a, b) => a - b)[this.gaps.length >> 2];
      this.dropped += Math.max(0, Math.min(1000, Math.round(gap / usual) - 1));
    }
    this.frames += 1;
    this.late += Math.max(0, latencyMs);
  }

  told() {
    const ms = Math.max(1, this.last - this.began);
    return {
      seconds: Math.round(ms / 1000), frames: this.frames, dropped_frames: this.dropped,
      frame_rate: Math.min(240, Math.round(10_000 * this.frames / ms) / 10), latency_ms: Math.min(5000, Math.round(10 * this.late / Math.max(1, this.frames)) / 10),
    };
  }
}

/**
 * Enter. The answer ends it; `onEnd` is called however it ended.
 * @param {Viewer} viewer @param {Mode} mode @param {{ call?: string, onEnd: () => void }} more
 */
export async function enter(viewer, mode, { call = "", onEnd }) {
  const xr = /** @type {any} */ (navigator).xr;
  const gl = viewer.context();
  const session = await xr.requestSession(mode, { optionalFeatures: ["local-floor"] });
  try {
    await /** @type {any} */ (gl).makeXRCompatible?.();
    const layer = new /** @type {any} */ (globalThis).XRWebGLLayer(session, gl, { antialias: true, alpha: true });
    await session.updateRenderState({ baseLayer: layer, depthNear: 0.05, depthFar: 60 });
    const space = await session.requestReferenceSpace("local");
    const visit = new Visit(viewer, session, layer, space, mode, call);
    session.addEventListener("end", () => { visit.over(); onEnd(); });
    visit.begin();
    return () => session.end();
  } catch (error) {
    await session.end().catch(() => undefined);
    throw error;
  }
}

class Visit {
  /** @param {Viewer} viewer @param {any} session @param {any} layer @param {any} space @param {Mode} mode @param {string} call */
  constructor(viewer, session, layer, space, mode, call) {
    this.viewer = viewer;
    this.session = session;
    this.layer = layer;
    this.space = space;
    this.mode = mode;
    this.call = call;
    this.name = crypto.randomUUID().replaceAll("-", "");
    this.pace = new Pace(performance.now());
    this.place = placed(viewer);
    this.back = inverse(this.place);
    this.toldAt = performance.now();
    this.done = false;
  }

  begin() {
    this.viewer.elsewhere = () => undefined;
    this.next();
  }

  next() {
    this.session.requestAnimationFrame((/** @type {number} */ now, /** @type {any} */ frame) => {
      if (this.done) return;
      this.next();
      this.draw(now, frame);
    });
  }

  /** @param {number} now @param {any} frame */
  draw(now, frame) {
    const { viewer, layer } = this;
    const begun = performance.now();
    const pose = frame.getViewerPose(this.space);
    const gl = viewer.gl;
    if (!pose || !gl || !viewer.painter) return;
    const person = pose.transform.position;
    viewer.live(begun, moved(this.back, [person.x, person.y, person.z]));
    gl.bindFramebuffer(gl.FRAMEBUFFER, layer.framebuffer);
    const behind = this.mode === "immersive-vr" ? [...BEHIND, 1] : [0, 0, 0, 0];
    gl.clearColor(behind[0], behind[1], behind[2], behind[3]);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    for (const view of pose.views) {
      const { x, y, width, height } = layer.getViewport(view);
      gl.viewport(x, y, width, height);
      const at = view.transform.position;
      viewer.painter.draw({ projection: view.projectionMatrix, view: multiply(view.transform.inverse.matrix, this.place), eye: moved(this.back, [at.x, at.y, at.z]) });
    }
    const spent = performance.now() - begun;
    const shows = frame.predictedDisplayTime;
    this.pace.frame(now, typeof shows === "number" ? shows - begun : spent + 1000 / (this.session.frameRate || 72), this.session.frameRate);
    if (begun - this.toldAt > TOLD_MS) this.tell();
  }

  tell() {
    this.toldAt = performance.now();
    const mode = this.mode === "immersive-vr" ? "vr" : "ar";
    const body = { device: deviceOf(), mode, ...this.pace.told(), ...(this.call ? { call: this.call } : {}) };
    // Figures are a kindness to who runs the server; nobody waits for them.
    api("PUT", `vr/sessions/${this.name}`, { body }).catch(() => undefined);
  }

  over() {
    if (this.done) return;
    this.done = true;
    this.viewer.elsewhere = null;
    if (this.pace.frames) this.tell();
  }
}

/** Where the figure stands: its face at the height of the person's eyes, in front of them. @param {Viewer} viewer */
function placed(viewer) {
  const { stature } = viewer;
  if (!stature) return compose([0, 0, -AWAY], about([0, 1, 0], 0), [1, 1, 1]);
  const tall = stature.bust ? stature.tall : (stature.most[1] - stature.least[1]) * 0.8;
  const by = tall < TALL[0] ? TALL[0] * 2 / tall : tall > TALL[1] ? 0.26 / tall : 1;
  const eyes = stature.bust ? stature.head[1] + stature.tall * 0.42 : (stature.least[1] + stature.most[1]) / 2;
  return compose([-stature.head[0] * by, -eyes * by, -AWAY - stature.head[2] * by], [0, 0, 0, 1], [by, by, by]);
}
