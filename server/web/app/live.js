/**
 * The living state: socket, store, storage and outbox, tied together.
 *
 * Events are gathered and applied once a frame, so that a fast reply paints no more often than
 * the screen does. Screens read the signals below and call the actions in actions.js.
 */
import { api, deviceName } from "./api.js";
import * as disk from "./keep.js";
import { go } from "./router.js";
import { forget, person, token } from "./session.js";
import { Socket } from "./socket.js";
import { empty, reduce } from "./store.js";
import { words } from "./format.js";
import { toast } from "./toast.js";
import { batch, computed, effect, signal } from "./ui.js";

/** @typedef {import("./store.js").State} State */
/** @typedef {import("./store.js").LocalEvent} LocalEvent */
/** @typedef {import("../types.d.ts").ServerFrame} ServerFrame */
/** @typedef {import("../types.d.ts").Room} Room */
/** @typedef {import("./socket.js").LinkState} LinkState */

const PAGE = 50;
const HIDDEN_MS = 120;
const WRITE_MS = 400;

export const state = signal(empty(""));
/** Whether the server is there: "connecting" only counts as away after a moment. */
export const link = signal(/** @type {LinkState} */ ("offline"));
/** What a screen reader is told, once, when it is whole. */
export const announcement = signal("");
/** Why the server sent us away for good, in words. */
export const farewell = signal("");
/** @type {import("../vendor/signals.js").Signal<Record<string, any> | null>} */
export const meta = signal(null);

/** Who is signed in, as the store knows them. */
export const me = computed(() => state.value.me);
export const rooms = computed(() => Object.values(state.value.rooms).sort((a, b) => b.updated_at - a.updated_at));
export const roomsLoaded = computed(() => state.value.roomsLoaded);
export const wallet = computed(() => state.value.wallet);
export const outbox = computed(() => state.value.outbox);
export const low = computed(() => state.value.low);
export const broke = computed(() => state.value.broke);
export const demo = computed(() => state.value.demo || Boolean(meta.value?.demo_model));
export const unread = computed(() => rooms.value.reduce((sum, room) => sum + room.unread, 0));
/** What can be spent, less what replies under way have cost so far. */
export const spendable = computed(() => {
  const running = Object.values(state.value.replies).reduce((sum, reply) => sum + reply.cost, 0);
  return wallet.value === null ? null : Math.max(0, wallet.value.available_microcredits - running);
});

/** @template T @param {(now: State, room: string) => T} pick @returns {(room: string) => T} */
function perRoom(pick) {
  /** @type {Map<string, { readonly value: T }>} */
  const kept = new Map();
  return (room) => {
    let one = kept.get(room);
    if (!one) kept.set(room, (one = computed(() => pick(state.value, room))));
    return one.value;
  };
}
export const roomOf = perRoom((now, room) => now.rooms[room]);
export const logOf = perRoom((now, room) => now.logs[room]);
export const replyOf = perRoom((now, room) => now.replies[room]);
export const replying = perRoom((now, room) => now.replies[room]?.id ?? "");
export const stopping = perRoom((now, room) => now.replies[room]?.stopping ?? false);
export const begun = perRoom((now, room) => (now.replies[room]?.length ?? 0) > 0);
export const notesOf = perRoom((now, room) => now.notes[room]);
export const failureOf = perRoom((now, room) => now.failures[room]);
export const callOf = perRoom((now, room) => now.calls[room]);
export const typingIn = perRoom((now, room) => now.typing[room]);
/** Who answers in a room just now. */
export const answering = perRoom((now, room) => now.replies[room]?.companion ?? "");
export const present = computed(() => state.value.present);
export const invited = computed(() => state.value.invited);

/** @type {Socket | null} */
let socket = null;

// --- applying events

/** @type {(ServerFrame | LocalEvent)[]} */
let gathered = [];
let due = false;

/** Whoever draws a face in a call: told at once, for a mouth cannot wait for the next picture.
 * @type {Set<(frame: ServerFrame) => void>} */
export const drawers = new Set();
const OF_FACES = new Set(["call.viseme", "call.sounding", "call.expression"]);

/** @param {ServerFrame} frame */
function gather(frame) {
  if (OF_FACES.has(frame.type)) {
    for (const drawer of drawers) drawer(frame);
    return;
  }
  gathered.push(frame);
  if (due) return;
  due = true;
  if (document.hidden) setTimeout(settle, HIDDEN_MS);
  else requestAnimationFrame(settle);
}

function settle() {
  due = false;
  const events = gathered;
  gathered = [];
  if (!events.length) return;
  batch(() => {
    state.value = events.reduce(reduce, state.peek());
    for (const event of events) aside(/** @type {ServerFrame} */ (event));
  });
}

/** Apply something that happened here, after what the server told before it.
 * @param {LocalEvent} event */
export function happen(event) {
  settle();
  state.value = reduce(state.peek(), event);
}

/** Whoever wants to see the frames of watched rooms; they change nothing here.
 * @type {Set<(frame: import("../types.d.ts").WatchEntry | import("../types.d.ts").WatchEnded) => void>} */
export const watchers = new Set();

/** What an event asks for beyond the state. @param {ServerFrame} frame */
function aside(frame) {
  if (frame.type === "watch.entry" || frame.type === "watch.ended") {
    for (const watcher of watchers) watcher(frame);
    return;
  }
  if (frame.type === "message.created" || frame.type === "reply.done") {
    const message = frame.message;
    if (message) arrived.get(frame.room)?.push(message);
    if (frame.type === "message.created" && message && message.sender.id !== me.peek() && frame.room === state.peek().open) announcement.value = `${message.sender.name}: ${words(message)}`;
  }
  if (frame.type === "reply.done") {
    if (frame.room === state.peek().open && frame.text) {
      const name = frame.message?.sender.name ?? "";
      announcement.value = `${name}: ${frame.text}${frame.status === "interrupted" ? " (stopped)" : ""}`;
    }
  } else if (frame.type === "notice" && (frame.kind === "crisis" || frame.kind === "safety")) {
    announcement.value = frame.text;
  } else if (frame.type === "room.left") {
    if (frame.reason === "removed") toast("You are no longer in this room.");
    if (frame.room === state.peek().open) go("/chats", { replace: true });
  } else if (frame.type === "typing") expire(frame.room);
}

/** @type {Map<string, ReturnType<typeof setTimeout>>} */
const typingEnds = new Map();
/** Typing holds for six seconds. @param {string} room */
function expire(room) {
  clearTimeout(typingEnds.get(room));
  typingEnds.set(room, setTimeout(() => {
    const told = state.peek().typing[room];
    if (told) gather(/** @type {ServerFrame} */ ({ type: "typing", room, person: told.person, on: false }));
  }, 6000));
}

// --- reading

/** @type {Map<string, import("../types.d.ts").Message[]>} */
const arrived = new Map();
/** @type {Set<string>} */
const reading = new Set();

/** Read a room and the newest page of its branch. What arrives meanwhile is not lost.
 * @param {string} id */
export async function readRoom(id) {
  if (reading.has(id)) return;
  reading.add(id);
  arrived.set(id, []);
  try {
    const [room, page] = await Promise.all([api("GET", `rooms/${id}`), api("GET", `rooms/${id}/messages?limit=${PAGE}`)]);
    batch(() => {
      happen({ type: "local.room", room });
      happen({ type: "local.history", room: id, items: page.items, more: page.has_more, older: false });
      for (const message of arrived.get(id) ?? []) happen({ type: "local.place", room: id, message });
    });
  } finally {
    reading.delete(id);
    arrived.delete(id);
  }
}

/** Read the page before what is shown. @param {string} id */
export async function readOlder(id) {
  const log = state.peek().logs[id];
  const first = log?.items[0];
  if (!log?.more || !first || reading.has(id)) return;
  reading.add(id);
  try {
    const page = await api("GET", `rooms/${id}/messages?before=${first.n}&limit=${PAGE}`);
    happen({ type: "local.history", room: id, items: page.items, more: page.has_more, older: true });
  } finally {
    reading.delete(id);
  }
}

export async function readRooms() {
  const page = await api("GET", "rooms?limit=100");
  happen({ type: "local.rooms", rooms: page.items });
}

/** Invitations that name us. */
export async function readInvitations() {
  const page = await api("GET", "invitations");
  happen({ type: "local.invited", items: page.items.map((/** @type {any} */ one) => ({ id: one.id, title: one.title, by: one.owner })) });
}

export async function readWallet() {
  happen({ type: "local.wallet", wallet: await api("GET", "wallet/balance") });
}

/** The call one is in, wherever it was begun: told as if its events had just come. */
export async function readCall() {
  const now = (await api("GET", "calls/current")).call;
  for (const [room, told] of Object.entries(state.peek().calls)) {
    if (!told.ended && told.person === me.peek() && told.call !== now?.call) happen(/** @type {any} */ ({ type: "call.ended", room, call: told.call, reason: "connection_lost", seconds: told.seconds, cost_microcredits: told.cost }));
  }
  if (!now) return;
  happen(/** @type {any} */ ({ ...now, type: "call.started" }));
  happen(/** @type {any} */ ({ ...now, type: "call.updated" }));
}

export async function readMeta() {
  meta.value ??= await api("GET", "meta", { open: true }).catch(() => null);
}

/** Whatever went stale and is on screen is read again. */
async function refreshView() {
  await Promise.allSettled([readRooms(), readInvitations(), readCall(), state.peek().open ? readRoom(state.peek().open) : null]);
}

// --- the connection

/** @type {(() => void)[]} */
const onReady = [];
/** Call this whenever the connection is there (again). @param {() => void} act */
export function whenReady(act) {
  onReady.push(act);
}

/** @param {Record<string, unknown>} command */
export function ask(command) {
  return socket ? socket.command(command) : Promise.reject(new Error("signed out"));
}

/** @param {Record<string, unknown>} command */
export function tell(command) {
  socket?.tell(command);
}

/** Sound of a call over the socket: hear frames until the answer is called, send, look whether it is there.
 * @param {(bytes: ArrayBuffer) => void} hear */
export function binary(hear) {
  ears.add(hear);
  return () => ears.delete(hear);
}
/** @param {ArrayBuffer} bytes */
binary.send = (bytes) => socket?.sendBytes(bytes);
binary.ready = () => link.peek() === "ready";
/** @type {Set<(bytes: ArrayBuffer) => void>} */
const ears = new Set();

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new Socket({
    url: `${scheme}://${location.host}/v1/socket`,
    device: deviceName(),
    token,
    frame: gather,
    bytes: (bytes) => { for (const hear of ears) hear(bytes); },
    state: (now) => { link.value = now; },
    ended: (code, reason) => {
      if (code === 4504 || code === 4501) {
        farewell.value = reason === "signed out" ? "" : "This sign-in was ended. Log in again.";
        void leave();
      } else farewell.value = reason;
    },
    entered: (kind, frame) => {
      happen({ type: "local.connected" });
      if (frame.wallet) happen({ type: "local.wallet", wallet: frame.wallet });
      if (kind === "ready") {
        happen({ type: "local.demo", demo: frame.demo_model });
        for (const notice of frame.notices ?? []) gather(notice);
      }
      if (kind === "resync") happen({ type: "local.resync" });
      if (kind !== "resumed") void refreshView();
      for (const act of onReady) act();
    },
  });
  socket.start();
}

/** Begin for the signed-in person. Called once they are known, online or not. */
export async function begin() {
  const who = person.peek();
  if (!who || state.peek().me === who.id) return;
  state.value = empty(who.id);
  farewell.value = "";
  const opened = disk.openFor(who.id);
  void readMeta();
  connect();
  await opened;
  const kept = await disk.recall();
  if (state.peek().me === who.id) happen({ type: "local.cached", ...kept });
  if (link.peek() === "ready") for (const act of onReady) act();
}

/** Sign out here: tell the server if it can be told, and forget. */
export async function leave() {
  socket?.stop();
  socket = null;
  state.value = empty("");
  await disk.erase();
  forget();
}

// --- keeping a copy

/** @type {State} */
let written = state.peek();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let writing;

effect(() => {
  const now = state.value;
  if (now.me !== written.me) written = { ...empty(now.me) };
  if (!now.me) return;
  if (now.outbox !== written.outbox) {
    keepOutbox(written.outbox, now.outbox);
    written = { ...written, outbox: now.outbox };
  }
  writing ??= setTimeout(writeBehind, WRITE_MS);
});
addEventListener("pagehide", writeBehind);

/** @param {import("./store.js").Pending[]} before @param {import("./store.js").Pending[]} after */
function keepOutbox(before, after) {
  for (const one of after) if (!before.includes(one)) void disk.keepPending(one);
  const keys = new Set(after.map((one) => one.key));
  for (const one of before) if (!keys.has(one.key)) void disk.dropPending(one.key);
}

function writeBehind() {
  clearTimeout(writing);
  writing = undefined;
  const now = state.peek();
  if (!now.me || now.me !== written.me) return;
  for (const [id, room] of Object.entries(now.rooms)) if (written.rooms[id] !== room) void disk.keepRoom(room);
  for (const id of Object.keys(written.rooms)) if (!now.rooms[id]) void disk.dropRoom(id);
  for (const [id, log] of Object.entries(now.logs)) if (written.logs[id] !== log && log.loaded) void disk.keepLog(id, log);
  if (now.wallet && now.wallet !== written.wallet) void disk.keepWallet(now.wallet);
  written = { ...now };
}

// --- the world outside

// Stale while shown: read again (another branch was chosen elsewhere, or we were away too long).
effect(() => {
  const { open, logs } = state.value;
  if (open && link.value === "ready" && logs[open]?.stale) queueMicrotask(() => { readRoom(open).catch(() => undefined); });
});

addEventListener("online", () => socket?.hurry());
addEventListener("offline", () => socket?.lose());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) tell({ type: "presence", status: "away" });
  else {
    settle();
    tell({ type: "presence", status: "online" });
    socket?.probe();
  }
});

/** The last message of a room in one line. @param {Room} room */
export function summary(room) {
  const last = room.last_message;
  return last ? words(last).replace(/\s+/g, " ") : "";
}
