/**
 * The socket: one session that outlives its connections.
 *
 * Frames with `seq` reach the app exactly once and in order. When the connection is lost it is
 * opened again and the session resumed after the last number; where that is impossible the app
 * is told to read history again. What was asked and not yet answered is asked again under the
 * same key, so nothing happens twice.
 */

/** @typedef {import("../types.d.ts").ServerFrame} ServerFrame */
/** @typedef {import("../types.d.ts").Ack} Ack */
/** @typedef {"offline" | "connecting" | "ready" | "ended"} LinkState */
/** @typedef {{ code: string, message: string, retryable: boolean, retry_after_ms: number | null, details?: Record<string, unknown> }} Refusal */
/**
 * @typedef {object} SocketOptions
 * @property {string} url
 * @property {string} device
 * @property {(fresh: boolean) => Promise<string>} token
 * @property {(frame: ServerFrame) => void} frame a numbered or ephemeral event
 * @property {(bytes: ArrayBuffer) => void} [bytes] a binary frame: sound of a call
 * @property {(kind: "ready" | "resumed" | "resync", frame: any) => void} entered
 * @property {(state: LinkState) => void} state
 * @property {(code: number, reason: string) => void} ended the server asked us not to come back
 * @property {new (url: string, protocol: string) => WebSocket} [WebSocket]
 * @property {() => number} [random]
 */

const PONG_MS = 10_000;
const WAIT_MS = 20_000;
const BACKOFF_MS = 15_000;
const BEHIND_BYTES = 64_000;

/** A command that was refused, or whose answer got lost (`code` is "lost"). */
export class Refused extends Error {
  /** @param {Refusal} refusal */
  constructor(refusal) {
    super(refusal.message);
    this.code = refusal.code;
    this.retryable = refusal.retryable;
    this.retryAfterMs = refusal.retry_after_ms ?? 0;
    this.details = refusal.details ?? {};
  }
}

export class Socket {
  /** @param {SocketOptions} options */
  constructor(options) {
    this.options = options;
    this.seq = 0;
    this.session = "";
    this.epoch = "";
    /** @type {LinkState} */
    this.status = "offline";
    this.heartbeatMs = 25_000;
    this.attempt = 0;
    this.counter = 0;
    this.stopped = true;
    this.fresh = false;
    /** @type {WebSocket | null} */
    this.ws = null;
    /** @type {Map<string, { resolve: (ack: Ack) => void, reject: (error: Refused) => void, timer: ReturnType<typeof setTimeout> }>} */
    this.waiting = new Map();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.beat = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.pong = undefined;
  }

  start() {
    if (!this.stopped) return;
    this.stopped = false;
    this.attempt = 0;
    void this.open();
  }

  /** Leave for good. */
  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.drop(1000);
    this.become("offline");
  }

  /** Come back now instead of at the next try (the network returned, the tab is shown). */
  hurry() {
    if (this.stopped || this.status === "ready") return;
    this.attempt = 0; // one under way may still fail for want of the network: the next comes soon
    if (this.ws) return;
    clearTimeout(this.timer);
    void this.open();
  }

  /** The network is gone: do not wait for the heartbeat to notice. */
  lose() {
    if (this.stopped) return;
    this.drop(4010);
    this.again();
  }

  /** The connection seems dead or not? Ask at once. */
  probe() {
    if (this.status === "ready") this.ping();
    else this.hurry();
  }

  /**
   * Send a command and wait for its ack.
   * @param {Record<string, unknown>} command without an id
   * @returns {Promise<Ack>}
   */
  command(command) {
    if (this.status !== "ready" || !this.ws) return Promise.reject(new Refused(LOST));
    const id = String(++this.counter);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        reject(new Refused(LOST));
        this.probe();
      }, WAIT_MS);
      this.waiting.set(id, { resolve, reject, timer });
      this.send({ ...command, id });
    });
  }

  /** Send something that needs no answer. @param {Record<string, unknown>} command */
  tell(command) {
    if (this.status === "ready") this.send(command);
  }

  /** @param {Record<string, unknown>} frame */
  send(frame) {
    if (this.ws?.readyState === 1) this.ws.send(JSON.stringify(frame));
  }

  /** Sound, which is worth nothing late: what the network does not take is dropped. @param {ArrayBuffer} bytes */
  sendBytes(bytes) {
    if (this.ws?.readyState === 1 && this.ws.bufferedAmount < BEHIND_BYTES) this.ws.send(bytes);
  }

  // --- one connection

  async open() {
    this.become("connecting");
    let token;
    try {
      token = await this.options.token(this.fresh);
    } catch (error) {
      const status = /** @type {{ status?: number }} */ (error).status;
      if (status === 401 || status === 403) {
        this.stopped = true;
        this.options.ended(4504, "signed out");
      } else this.again();
      return;
    }
    if (this.stopped || this.ws) return;
    this.fresh = false;
    const Make = this.options.WebSocket ?? globalThis.WebSocket;
    const ws = new Make(this.options.url, "kindred.v1.json");
    this.ws = ws;
    ws.binaryType = "arraybuffer";
    this.heard();
    this.pong = setTimeout(() => this.lose(), WAIT_MS);
    ws.onmessage = (event) => {
      if (this.ws !== ws) return;
      if (typeof event.data === "string") this.receive(JSON.parse(event.data), token);
      else this.options.bytes?.(event.data);
    };
    ws.onclose = (event) => { if (this.ws === ws) this.closed(event.code, event.reason); };
  }

  /**
   * @param {ServerFrame} frame
   * @param {string} token
   */
  receive(frame, token) {
    switch (frame.type) {
      case "hello":
        this.heartbeatMs = frame.heartbeat_ms;
        this.send(this.session
          ? { type: "resume", id: "in", token, device: this.options.device, session: this.session, epoch: this.epoch, seq: this.seq }
          : { type: "auth", id: "in", token, device: this.options.device });
        return;
      case "ready":
      case "resumed":
      case "resync":
        this.enter(frame);
        return;
      case "ack":
        this.answer(frame.id, (one) => one.resolve(frame));
        return;
      case "error":
        if (frame.id === "in") this.refused(frame);
        else if (frame.id) this.answer(frame.id, (one) => one.reject(new Refused(frame)));
        return;
      case "pong":
        this.heard();
        return;
      default:
        this.event(frame);
    }
  }

  heard() {
    clearTimeout(this.pong);
    this.pong = undefined;
  }

  /** @param {any} frame */
  enter(frame) {
    this.heard();
    this.session = frame.session;
    this.epoch = frame.epoch;
    if (frame.type !== "resumed") this.seq = frame.seq;
    this.attempt = 0;
    this.become("ready");
    this.schedule();
    this.options.entered(frame.type, frame);
  }

  /** @param {any} frame */
  event(frame) {
    if (typeof frame.seq === "number") {
      if (frame.seq <= this.seq) return; // shown already
      if (frame.seq > this.seq + 1) {
        // A gap cannot be; if it is, resuming closes it.
        this.lose();
        return;
      }
      this.seq = frame.seq;
    }
    if (frame.type === "auth.expiring") void this.renew();
    else if (frame.type === "reconnect") this.comeBack(frame.jitter_ms);
    else this.options.frame(frame);
  }

  async renew() {
    try {
      const token = await this.options.token(true);
      await this.command({ type: "auth.refresh", token });
    } catch {
      // The socket will close with 4011, and the way back asks for a token again.
    }
  }

  /** @param {number} jitterMs */
  comeBack(jitterMs) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.drop(1000);
      void this.open();
    }, this.chance() * jitterMs);
  }

  ping() {
    this.send({ type: "ping", seq: this.seq });
    this.pong ??= setTimeout(() => this.lose(), PONG_MS); // counted from the first unanswered ping
  }

  schedule() {
    clearTimeout(this.beat);
    this.beat = setTimeout(() => {
      if (this.status !== "ready") return;
      this.ping();
      this.schedule();
    }, this.heartbeatMs * 0.8);
  }

  /** @param {any} error */
  refused(error) {
    // Signing in was refused. Once with a fresh token; after that it is final.
    if (error.code === "too_many_sockets" || error.retryable) {
      this.drop(1000);
      this.again();
    } else if (!this.fresh && this.attempt < 2) {
      this.fresh = true;
      this.drop(1000);
      this.again();
    } else this.end(4501, error.message);
  }

  /** @param {number} code @param {string} reason */
  closed(code, reason) {
    this.ws = null;
    this.lost();
    if (this.stopped) return;
    if (code === 4011 || code === 4501) this.fresh = true;
    const final = code >= 4500 && code !== 4501 && code !== 4529;
    if (final || (code === 4501 && this.attempt > 2)) this.end(code, reason);
    else this.again(code === 4529 ? BACKOFF_MS : 0);
  }

  /** @param {number} code @param {string} reason */
  end(code, reason) {
    this.stopped = true;
    this.drop(1000);
    this.become("ended");
    this.options.ended(code, reason);
  }

  /** Try again after a random wait that grows. @param {number} [leastMs] */
  again(leastMs = 0) {
    if (this.stopped) return;
    this.become("offline");
    const most = Math.min(BACKOFF_MS, 400 * 2 ** this.attempt);
    this.attempt += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { void this.open(); }, leastMs + (0.3 + 0.7 * this.chance()) * most);
  }

  /** Let go of the connection without hearing its end. @param {number} code */
  drop(code) {
    const ws = this.ws;
    this.ws = null;
    this.lost();
    if (ws) {
      ws.onmessage = ws.onclose = null;
      ws.close(code === 1000 ? 1000 : undefined);
    }
  }

  /** Nobody will answer what was asked on this connection. */
  lost() {
    clearTimeout(this.beat);
    this.heard();
    for (const one of this.waiting.values()) {
      clearTimeout(one.timer);
      one.reject(new Refused(LOST));
    }
    this.waiting.clear();
  }

  /**
   * @param {string} id
   * @param {(one: { resolve: (ack: Ack) => void, reject: (error: Refused) => void }) => void} give
   */
  answer(id, give) {
    const one = this.waiting.get(id);
    if (!one) return;
    this.waiting.delete(id);
    clearTimeout(one.timer);
    give(one);
  }

  /** @param {LinkState} state */
  become(state) {
    if (this.status === state) return;
    this.status = state;
    this.options.state(state);
  }

  chance() {
    return (this.options.random ?? Math.random)();
  }
}

/** @type {Refusal} */
const LOST = { code: "lost", message: "The connection was lost.", retryable: true, retry_after_ms: null };
