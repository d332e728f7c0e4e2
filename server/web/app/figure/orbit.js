/** The eye that looks at a figure: turned by a finger or the mouse, nearer by wheel, pinch or keys. */
import { lookAt, within } from "./maths.js";

/** @typedef {import("./maths.js").Vec3} Vec3 */

const TURN_MOST = 1.9;
const TILT_MOST = 0.75;
const SPEED = 0.0062;

export class Orbit {
  constructor() {
    this.yaw = this.tilt = 0;
    this.zoom = 1;
    this.wanted = { yaw: 0, tilt: 0, zoom: 1 };
    /** @type {Vec3} */
    this.middle = [0, 1.5, 0];
    this.distance = 1;
    /** @type {Map<number, { x: number, y: number }>} */
    this.fingers = new Map();
  }

  /** Stand so that a height around a point fills the picture. @param {Vec3} middle @param {number} distance */
  frame(middle, distance) {
    this.middle = middle;
    this.distance = distance;
  }

  /** Back to the front. */
  rest() {
    this.wanted = { yaw: 0, tilt: 0, zoom: 1 };
  }

  /** @param {number} step milliseconds */
  settle(step) {
    const by = 1 - Math.exp(-step / 70);
    this.yaw += (this.wanted.yaw - this.yaw) * by;
    this.tilt += (this.wanted.tilt - this.tilt) * by;
    this.zoom += (this.wanted.zoom - this.zoom) * by;
  }

  /** @returns {Vec3} */
  eye() {
    const away = this.distance / this.zoom;
    const [x, y, z] = this.middle;
    return [x + away * Math.sin(this.yaw) * Math.cos(this.tilt), y + away * Math.sin(this.tilt), z + away * Math.cos(this.yaw) * Math.cos(this.tilt)];
  }

  view() {
    return lookAt(this.eye(), this.middle);
  }

  /** Listen to a canvas; the answer stops it. @param {HTMLElement} on */
  follow(on) {
    const away = new AbortController();
    const told = { signal: away.signal };
    on.addEventListener("pointerdown", (event) => {
      on.setPointerCapture(event.pointerId);
      this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    }, told);
    on.addEventListener("pointermove", (event) => this.moved(event), told);
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) on.addEventListener(end, (event) => { this.fingers.delete(/** @type {PointerEvent} */ (event).pointerId); }, told);
    on.addEventListener("wheel", (event) => { event.preventDefault(); this.nearer(Math.exp(-event.deltaY * 0.0012)); }, { ...told, passive: false });
    on.addEventListener("dblclick", () => this.rest(), told);
    on.addEventListener("keydown", (event) => this.key(event), told);
    return () => away.abort();
  }

  /** @param {PointerEvent} event */
  moved(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const others = [...this.fingers].filter(([id]) => id !== event.pointerId).map(([, one]) => one);
    if (others.length) {
      const far = (/** @type {{ x: number, y: number }} */ one) => Math.hypot(one.x - others[0].x, one.y - others[0].y) || 1;
      this.nearer(far({ x: event.clientX, y: event.clientY }) / far(before));
    } else this.turn((before.x - event.clientX) * SPEED, (event.clientY - before.y) * SPEED);
    this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }

  /** @param {number} yaw @param {number} tilt */
  turn(yaw, tilt) {
    this.wanted.yaw = within(this.wanted.yaw + yaw, -TURN_MOST, TURN_MOST);
    this.wanted.tilt = within(this.wanted.tilt + tilt, -TILT_MOST, TILT_MOST);
  }

  /** @param {number} by */
  nearer(by) {
    this.wanted.zoom = within(this.wanted.zoom * by, 0.35, 3.2);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const turns = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] })[event.key];
    if (turns) this.turn(...turns);
    else if (event.key === "+" || event.key === "=") this.nearer(1.15);
    else if (event.key === "-") this.nearer(1 / 1.15);
    else if (event.key === "Home") this.rest();
    else return;
    event.preventDefault();
  }
}
