/**
 * One WebRTC connection of a call: the browser offers, once, by HTTP (as WHIP); the server answers.
 *
 * A line is never mended. When it is lost the shell opens another for the same call.
 */
import { Problem, token, UNREACHABLE } from "../session.js";
import { read } from "./quality.js";

const GATHER_MS = 600;
const CONNECT_MS = 9_000;
const PATIENCE_MS = 2_500;

/** @typedef {{ answered: (call: string) => void, flowing: () => void, lost: (silent: boolean, nowhere?: boolean) => void, left: () => void, sound: (stream: MediaStream) => void, picture: (stream: MediaStream | null) => void, told: (event: any) => void }} Ears */
/** @typedef {{ room: string, kind: string, call: string, microphone: MediaStreamTrack, shows: boolean, ears: Ears }} Wanted */
// `shows`: a camera may be shown later in this call; none is sent before the server was told.

/** TURN and STUN servers, as the last answer named them; the next connection uses them from its start. @type {RTCIceServer[]} */
let iceServers = [];

/** While devices are being checked: learn of relays. The server takes it as a sign to get its models ready. */
export async function prepare() {
  const answer = await ask("/api/v1/ice-servers", { method: "GET" }).catch(() => null);
  const told = answer?.ok ? await answer.json().catch(() => null) : null;
  if (told?.ice_servers?.length) iceServers = told.ice_servers;
}

export class WebRtcLine {
  /** @param {Wanted} wanted */
  constructor(wanted) {
    this.wanted = wanted;
    this.location = "";
    this.etag = "";
    this.heard = false;
    this.closed = false;
    /** @type {RTCIceCandidate[]} */
    this.late = [];
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.pc = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.channel = this.pc.createDataChannel("events");
  }

  /** Offer, and hear the answer. Throws Problem when the server refuses. */
  async open() {
    const { pc, wanted } = this;
    pc.addTransceiver(wanted.microphone, { direction: "sendrecv" });
    this.video = wanted.kind === "video" ? pc.addTransceiver("video", { direction: wanted.shows ? "sendrecv" : "recvonly" }) : null;
    pc.ontrack = (event) => this.arrived(event);
    pc.onconnectionstatechange = () => this.changed();
    pc.onicecandidate = (event) => { if (event.candidate) this.candidate(event.candidate); };
    this.channel.onmessage = (event) => this.told(event.data);
    // The far end says goodbye in order: the call ended, or goes on on another device.
    this.channel.onclose = () => { if (!this.closed && pc.connectionState === "connected") this.wanted.ears.left(); };
    await pc.setLocalDescription(await pc.createOffer());
    await gathered(pc);
    if (alone(pc)) {
      this.lose(true);
      return;
    }
    const answer = await this.post(pc.localDescription?.sdp ?? "");
    if (this.closed) {
      await this.hangUp();
      return;
    }
    await pc.setRemoteDescription({ type: "answer", sdp: answer });
    wanted.ears.answered(this.location.split("/").at(-1) ?? "");
    // On one machine the sound may flow before the answer is quite taken in.
    clearTimeout(this.timer);
    if (!this.heard) this.timer = setTimeout(() => this.lose(), CONNECT_MS);
    void this.trickle();
  }

  /** @param {string} sdp */
  async post(sdp) {
    const { room, kind, call } = this.wanted;
    const query = new URLSearchParams(call ? { call, room, kind } : { room, kind });
    const answer = await ask(`/v1/calls?${query}`, { method: "POST", headers: { "content-type": "application/sdp" }, body: sdp });
    const text = await answer.text();
    if (!answer.ok) throw problemOf(answer.status, text);
    this.location = new URL(answer.headers.get("location") ?? "", location.origin).pathname;
    this.etag = answer.headers.get("etag") ?? "";
    const servers = serversOf(answer.headers.get("link") ?? "");
    if (servers.length) {
      iceServers = servers;
      try { this.pc.setConfiguration({ ...this.pc.getConfiguration(), iceServers }); } catch { /* the next connection has them */ }
    }
    return text;
  }

  /** @param {RTCIceCandidate} candidate found after the offer left */
  candidate(candidate) {
    if (this.pc.localDescription?.sdp.includes(candidate.candidate.replace(/^candidate:/, "a=candidate:"))) return;
    this.late.push(candidate);
    if (this.location) void this.trickle();
  }

  /** Send what was found since the offer. Losing one is no harm: there are others. */
  async trickle() {
    const candidates = this.late.splice(0);
    const sdp = this.pc.localDescription?.sdp ?? "";
    if (!candidates.length || this.closed) return;
    const line = (/** @type {RegExp} */ found) => sdp.match(found)?.[0] ?? "";
    const body = [line(/^a=ice-ufrag:.*$/m), line(/^a=ice-pwd:.*$/m), line(/^m=audio.*$/m), "a=mid:0", ...candidates.map((one) => `a=${one.candidate}`), ""].join("\r\n").replace(/\r+/g, "\r");
    /** @type {Record<string, string>} */
    const headers = { "content-type": "application/trickle-ice-sdpfrag" };
    if (this.etag) headers["if-match"] = this.etag;
    await ask(this.location, { method: "PATCH", headers, body }).catch(() => undefined);
  }

  /** @param {RTCTrackEvent} event */
  arrived(event) {
    const stream = event.streams[0] ?? new MediaStream([event.track]);
    if (event.track.kind === "audio") {
      this.wanted.ears.sound(new MediaStream([event.track]));
      return;
    }
    // A picture counts from its first frame on; until then the portrait stands there.
    const shown = () => this.wanted.ears.picture(new MediaStream([event.track]));
    if (!event.track.muted) shown();
    event.track.onunmute = shown;
    event.track.onmute = () => this.wanted.ears.picture(null);
    event.track.onended = () => this.wanted.ears.picture(null);
    void stream;
  }

  changed() {
    if (this.closed) return;
    const state = this.pc.connectionState;
    clearTimeout(this.timer);
    if (state === "connected") {
      this.heard = true;
      this.wanted.ears.flowing();
    } else if (state === "failed" || state === "closed") this.lose();
    else if (state === "disconnected") this.timer = setTimeout(() => this.lose(), PATIENCE_MS); // often it comes back by itself
    else this.timer = setTimeout(() => this.lose(), CONNECT_MS);
  }

  /** @param {boolean} [nowhere] no connection of this kind can be had here */
  lose(nowhere = false) {
    if (this.closed) return;
    this.close();
    this.wanted.ears.lost(!this.heard, nowhere);
  }

  /** @param {string} data */
  told(data) {
    try {
      const event = JSON.parse(data);
      if (event && typeof event === "object") this.wanted.ears.told(event);
    } catch { /* no message of ours */ }
  }

  /** @param {MediaStreamTrack | null} track */
  async show(track) {
    if (!this.video) return;
    await this.video.sender.replaceTrack(track);
  }

  /** @param {MediaStreamTrack} track */
  async speakWith(track) {
    await this.pc.getSenders().find((one) => one.track?.kind === "audio")?.replaceTrack(track);
  }

  /** Whether the server takes pictures of ours on this connection. */
  get canShow() {
    return this.video?.currentDirection?.startsWith("send") ?? false;
  }

  /** @returns {Promise<import("./quality.js").Reading | null>} */
  async reading() {
    if (this.closed) return null;
    const report = await this.pc.getStats();
    return read(report.values(), performance.now());
  }

  /** Let go of this connection; the call itself goes on. */
  close() {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.timer);
    this.pc.close();
  }

  /** End the call. @returns {Promise<boolean>} whether the server heard it */
  async hangUp() {
    this.close();
    if (!this.location) return false;
    const answer = await ask(this.location, { method: "DELETE", keepalive: true }).catch(() => null);
    return answer !== null && (answer.ok || answer.status === 404);
  }
}

/** Until all candidates are known, or long enough. @param {RTCPeerConnection} pc @returns {Promise<void>} */
function gathered(pc) {
  if (pc.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((done) => {
    const timer = setTimeout(done, GATHER_MS);
    pc.addEventListener("icegatheringstatechange", () => {
      if (pc.iceGatheringState === "complete") { clearTimeout(timer); done(); }
    });
  });
}

/**
 * A device without any network finds no address of its own, not even for a server on itself.
 * @param {RTCPeerConnection} pc
 */
function alone(pc) {
  return !navigator.onLine && !pc.localDescription?.sdp.includes("a=candidate");
}

/** @param {string} path @param {RequestInit & { headers?: Record<string, string> }} options */
async function ask(path, options) {
  const once = async (/** @type {boolean} */ anew) => fetch(path, { ...options, headers: { ...options.headers, authorization: `Bearer ${await token(anew)}` } });
  try {
    const answer = await once(false);
    return answer.status === 401 ? await once(true) : answer;
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(UNREACHABLE);
  }
}

/** @param {number} status @param {string} text */
function problemOf(status, text) {
  try {
    const body = JSON.parse(text);
    return new Problem({ ...(body.error ?? body), status });
  } catch {
    return new Problem({ status, code: status >= 500 ? "unavailable" : "bad_request", detail: "The server's answer was not understood." });
  }
}

/** ICE servers of Link headers, as RFC 9725 writes them. @param {string} header @returns {RTCIceServer[]} */
export function serversOf(header) {
  /** @type {RTCIceServer[]} */
  const servers = [];
  for (const one of header.split(/,\s*(?=<)/)) {
    const url = one.match(/<((?:stun|turns?):[^>]+)>/)?.[1];
    if (!url || !/rel="?ice-server"?/.test(one)) continue;
    const field = (/** @type {string} */ name) => one.match(new RegExp(`${name}="([^"]*)"`))?.[1];
    servers.push(url.startsWith("stun") ? { urls: url } : { urls: url, username: field("username"), credential: field("credential") });
  }
  return servers;
}
