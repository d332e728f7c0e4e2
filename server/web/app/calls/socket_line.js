/**
 * A call over the socket itself, for networks that let no WebRTC through: sound in binary frames.
 *
 * It asks more of the network than WebRTC does, so it is tried last. There is no picture.
 */
import { ask, binary } from "../live.js";
import { decode, encode, fromPcm16, toPcm16 } from "./frames.js";
import { audio } from "./level.js";
import { mouth } from "./mouth.js";

const RATE = 16_000;
const SOUND = 1;

export class SocketLine {
  /** @param {import("./webrtc_line.js").Wanted} wanted */
  constructor(wanted) {
    this.wanted = wanted;
    this.stream = 0;
    this.seq = 0;
    this.closed = false;
    this.call = "";
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {(() => void) | null} */
    this.deaf = null;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.watch = undefined;
    this.nearAt = 0;
  }

  async open() {
    const { room, kind, call, ears } = this.wanted;
    // Everything below is at the rate of the wire; the browser turns it into the speaker's.
    const context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
    this.context = context;
    await context.audioWorklet.addModule(new URL("./sound_worklet.js", import.meta.url));
    const ack = /** @type {any} */ (await ask({ type: "call.start", room, kind, transport: "socket", codec: "pcm16", sample_rate: RATE, ...(call ? { call } : {}) }));
    if (this.closed) return;
    this.stream = ack.stream ?? 0;
    this.call = ack.call ?? "";
    ears.answered(this.call);
    this.gather = new AudioWorkletNode(context, "gather", { numberOfOutputs: 0 });
    this.gather.port.onmessage = ({ data }) => this.say(data);
    this.plug(this.wanted.microphone);
    this.out = new AudioWorkletNode(context, "play", { numberOfInputs: 0, outputChannelCount: [1] });
    const heard = context.createMediaStreamDestination();
    this.out.connect(heard);
    this.out.port.onmessage = ({ data }) => mouth.keeps(data.waiting * 1000 / RATE);
    this.deaf = binary((bytes) => this.hear(bytes));
    if (bytesLink() === null) throw new Error("no socket");
    ears.sound(heard.stream);
    ears.flowing();
    this.watch = setInterval(() => { if (bytesLink() === null) this.lose(); }, 1000);
    void audio();
  }

  /** @param {MediaStreamTrack} track */
  plug(track) {
    this.source?.disconnect();
    this.source = /** @type {AudioContext} */ (this.context).createMediaStreamSource(new MediaStream([track]));
    this.source.connect(/** @type {AudioNode} */ (this.gather));
  }

  /** @param {Float32Array} sound 20 ms */
  say(sound) {
    if (this.closed) return;
    const timestampUs = this.seq * 20_000;
    binary.send(encode({ kind: SOUND, flags: 0, stream: this.stream, seq: this.seq, timestampUs, body: toPcm16(sound) }));
    this.seq = (this.seq + 1) >>> 0;
  }

  /** @param {ArrayBuffer} bytes */
  hear(bytes) {
    const frame = decode(bytes);
    if (!frame || frame.stream !== this.stream) return;
    if (frame.kind !== SOUND) return;
    this.out?.port.postMessage(fromPcm16(frame.body));
  }

  lose() {
    if (this.closed) return;
    this.close();
    this.wanted.ears.lost(false);
  }

  /** No picture over the socket. @param {MediaStreamTrack | null} _track */
  async show(_track) {}

  get canShow() {
    return false;
  }

  /** @param {MediaStreamTrack} track */
  async speakWith(track) {
    this.plug(track);
  }

  async reading() {
    return null;
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.watch);
    this.deaf?.();
    this.source?.disconnect();
    void this.context?.close();
  }

  async hangUp() {
    this.close();
    await ask({ type: "call.end", room: this.wanted.room, ...(this.call ? { call: this.call } : {}) });
    return true;
  }
}

/** The socket while it is there. */
function bytesLink() {
  return binary.ready() ? binary : null;
}
