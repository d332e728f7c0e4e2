/**
 * What a face does by itself: blinks, glances, breath and the slow drift of the head.
 * Pure: time is told in seconds, chance comes from a seed, and nothing is drawn here.
 */

const CLOSING = 0.085;
const HELD = 0.045;
const OPENING = 0.17;
const BLINK = CLOSING + HELD + OPENING;
const TURN = Math.PI * 2;

/** A source of chance that a name always begins alike. @param {string} seed @returns {() => number} */
export function chanceOf(seed) {
  let state = 2166136261;
  for (let i = 0; i < seed.length; i++) state = Math.imul(state ^ seed.charCodeAt(i), 16777619);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let one = Math.imul(state ^ (state >>> 15), 1 | state);
    one = (one + Math.imul(one ^ (one >>> 7), 61 | one)) ^ one;
    return ((one ^ (one >>> 14)) >>> 0) / 4294967296;
  };
}

/** @param {number} part */
const ease = (part) => part * part * (3 - 2 * part);

/** How far the lids are down, so long after a blink began. @param {number} since */
export function lid(since) {
  if (since < 0 || since >= BLINK) return 0;
  if (since < CLOSING) return ease(since / CLOSING);
  return since < CLOSING + HELD ? 1 : 1 - ease((since - CLOSING - HELD) / OPENING);
}

/** @typedef {{ lid: number, look: string, yaw: number, pitch: number, roll: number, breath: number }} Idle */

export class Life {
  /** @param {string} seed */
  constructor(seed) {
    const chance = chanceOf(seed);
    this.chance = chance;
    this.began = -9;
    this.next = 0.6 + chance() * 3;
    this.look = "";
    this.until = 0;
    this.breathing = 0.22 + chance() * 0.05;
    this.phase = chance();
    /** @param {number} degrees */
    const waves = (degrees) => [[0.6, 0.05, 0.09], [0.45, 0.13, 0.2], [0.22, 0.3, 0.45]].map(([share, low, high]) => [degrees * share, low + chance() * (high - low), chance() * TURN]);
    this.axes = [waves(1.7), waves(1.0), waves(1.3)];
  }

  /** @param {number} now seconds @param {boolean} speaking @returns {Idle} */
  at(now, speaking) {
    if (now >= this.next && now - this.began >= BLINK) {
      this.began = now;
      this.next = now + BLINK + (this.chance() < 0.12 ? 0.04 : 1.4 + this.chance() * 4.2);
    }
    if (now >= this.until) this.#glance(now, speaking);
    const [yaw, pitch, roll] = this.axes.map((waves) => waves.reduce((sum, [degrees, hertz, phase]) => sum + degrees * Math.sin(TURN * hertz * now + phase), 0));
    const part = (now * this.breathing + this.phase) % 1;
    return { lid: lid(now - this.began), look: this.look, yaw, pitch, roll, breath: ease(part < 0.4 ? part / 0.4 : Math.max(0, 1 - (part - 0.4) / 0.5)) };
  }

  /** Mostly at you; now and then aside, and people blink with that. @param {number} now @param {boolean} speaking */
  #glance(now, speaking) {
    const away = !this.look && this.chance() < (speaking ? 0.3 : 0.4);
    const before = this.look;
    const places = speaking ? ["left", "right", "up", "brows"] : ["left", "right", "down", "left", "right"];
    this.look = away ? places[Math.floor(this.chance() * places.length)] : "";
    this.until = now + (this.look ? 0.5 + this.chance() * 0.9 : 1.1 + this.chance() * 2.6);
    if (before !== this.look && this.chance() < 0.35) this.next = Math.min(this.next, now + 0.03);
  }
}
