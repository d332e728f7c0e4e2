/**
 * The life of a face at rest: blinks, breath, small movements of head and eyes. Pure; time and
 * chance are handed in, so that a test can have a whole minute in a moment.
 */

/** @typedef {{ blink: number, breath: number, pitch: number, yaw: number, roll: number, eyePitch: number, eyeYaw: number }} Idle angles in radians */

const BLINK_MS = 190;
const SHUT_AT = 0.36; // of a blink: closing is faster than opening

export class IdleLife {
  /** @param {() => number} chance 0..1 */
  constructor(chance = Math.random) {
    this.chance = chance;
    this.phase = chance() * 1000;
    this.blinkAt = 900 + 2000 * chance();
    this.twice = false;
    this.lookAt = 1500;
    this.gaze = [0, 0];
    this.wanted = [0, 0];
    this.last = 0;
  }

  /** @param {number} now milliseconds since the beginning @param {boolean} speaking @returns {Idle} */
  at(now, speaking) {
    const step = Math.min(100, Math.max(0, now - this.last));
    this.last = now;
    if (now >= this.lookAt) this.glance(now, speaking);
    // Eyes jump; they do not drift.
    const quick = 1 - Math.exp(-step / 22);
    this.gaze = this.gaze.map((one, i) => one + (this.wanted[i] - one) * quick);
    const t = now / 1000 + this.phase;
    const lively = speaking ? 1.5 : 1;
    return {
      blink: this.blink(now),
      breath: 0.5 - 0.5 * Math.cos(2 * Math.PI * 0.24 * t),
      pitch: lively * (0.018 * wave(t, 0.11) + 0.012 * wave(t + 40, speaking ? 0.7 : 0.19)),
      yaw: lively * (0.035 * wave(t + 11, 0.07) + 0.012 * wave(t + 70, 0.21)),
      roll: lively * 0.018 * wave(t + 23, 0.09),
      eyePitch: this.gaze[0], eyeYaw: this.gaze[1],
    };
  }

  /** @param {number} now */
  blink(now) {
    const into = (now - this.blinkAt) / BLINK_MS;
    if (into < 0) return 0;
    if (into >= 1) {
      this.twice = !this.twice && this.chance() < 0.14;
      this.blinkAt = now + (this.twice ? 110 : 1600 + 4200 * this.chance() ** 1.4);
      return 0;
    }
    return into < SHUT_AT ? eased(into / SHUT_AT) : 1 - eased((into - SHUT_AT) / (1 - SHUT_AT));
  }

  /** Look somewhere near, or back at the person; often with a blink. @param {number} now @param {boolean} speaking */
  glance(now, speaking) {
    const away = this.chance() < (speaking ? 0.5 : 0.35);
    const wide = away ? 0.16 : 0.03;
    this.wanted = [wide * 0.6 * (this.chance() - 0.5), wide * (this.chance() - 0.5)];
    this.lookAt = now + (away ? 350 + 900 * this.chance() : 900 + 2600 * this.chance());
    if (away && this.chance() < 0.3 && this.blinkAt > now + 400) this.blinkAt = now;
  }
}

/** A slow wave that does not repeat soon. @param {number} t seconds @param {number} hertz */
function wave(t, hertz) {
  return 0.6 * Math.sin(2 * Math.PI * hertz * t) + 0.4 * Math.sin(2 * Math.PI * hertz * 1.618 * t + 1.3);
}

/** @param {number} x 0..1 */
const eased = (x) => x * x * (3 - 2 * x);
