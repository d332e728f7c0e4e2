/**
 * The messages of a conversation, and how they scroll: the end is followed while one is near it,
 * older pages come in above without a jump, and only a window of a long talk is mounted.
 */
import { markRead } from "../actions.js";
import { several } from "../company.js";
import { day, daysBetween } from "../format.js";
import { failureOf, logOf, me as self, notesOf, outbox, readOlder, replying, roomOf } from "../live.js";
import { readBy } from "../store.js";
import { Fragment, html, icon, useEffect, useLayoutEffect, useRef, useState } from "../ui.js";
import { Bubble, Failed, Notice, Unsent, Writing } from "./bubble.js";

/** @typedef {import("../../types.d.ts").Message} Message */

const NEAR_PIXELS = 80;
const TOP_PIXELS = 600;
const WINDOW = 150;
const JOINED_MS = 300_000;

/** @param {{ id: string, me: string, name: string, hands: import("./bubble.js").Hands }} props */
export function Log({ id, me, name, hands }) {
  const room = roomOf(id);
  const log = logOf(id);
  const busy = Boolean(replying(id));
  const [mounted, setMounted] = useState(WINDOW);
  const items = log?.items ?? [];
  const shown = items.slice(-mounted);
  const unsent = outbox.value.filter((one) => one.room === id && (one.kind === "send" || one.kind === "edit"));
  const { box, list, away, fresh, toEnd } = useFollowing(id, shown, unsent.length, () => {
    if (items.length > mounted) setMounted(mounted + WINDOW);
    else readOlder(id).catch(() => undefined);
  });
  const since = useDivider(id);
  useEffect(() => {
    const look = () => { if (!document.hidden && !away) markRead(id); };
    look();
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [id, away, items.at(-1)?.id, room?.n]);
  const failure = failureOf(id);
  const replied = items.findLast((one) => one.sender.id !== me)?.n ?? 0;
  const others = room?.members.filter((one) => one.id !== me).map((one) => one.id) ?? [];
  const seen = room ? Math.max(replied, ...others.map((one) => readBy(room, one))) : replied;
  return html`<div class="log-frame">
    <div class="log" ref=${box} role="log" aria-live="off" aria-label="Messages" aria-busy=${busy ? "true" : "false"} tabindex="0">
      <ul class="list-of-messages" ref=${list}>
        ${log && !log.more && shown.length === items.length ? html`<li class="notice disclosure"><p>${disclosure(id) || `${name} is an AI companion, not a person.`}</p></li>` : null}
        ${log?.more ? html`<li class="older" aria-hidden="true"><i class="spin"></i></li>` : null}
        ${!log ? html`<li class="bone bubble-bone"></li><li class="bone bubble-bone me"></li><li class="bone bubble-bone"></li>` : null}
        ${shown.map((message, i) => html`<${Entry} key=${message.id} id=${id} me=${me} message=${message} before=${shown[i - 1]} newest=${message === items.at(-1)} divider=${since !== null && firstUnread(shown, i, since, me)} read=${message.n <= seen} named=${several(room)} busy=${busy} hands=${hands} />`)}
        ${(notesOf(id) ?? []).filter((one) => one.kind !== "disclosure" && !shown.some((message) => message.id === one.after)).map((note) => html`<${Notice} key=${note.id} note=${note} />`)}
        <${Writing} room=${id} name=${name} />
        ${failure && !busy ? html`<${Failed} room=${id} failure=${failure} name=${name} />` : null}
        ${unsent.map((one) => html`<${Unsent} key=${one.key} pending=${one} />`)}
      </ul>
    </div>
    ${away ? html`<button type="button" class="to-end" onClick=${toEnd}>${icon("down", "s")}${fresh ? "New messages" : "To the end"}</button>` : null}
  </div>`;
}

/**
 * @param {{ id: string, me: string, message: Message, before: Message | undefined, newest: boolean, divider: boolean, read: boolean, named: boolean, busy: boolean, hands: import("./bubble.js").Hands }} props
 */
function Entry({ id, me, message, before, newest, divider, read, named, busy, hands }) {
  const another = !before || daysBetween(before.at, message.at) !== 0;
  const joined = Boolean(before) && !another && !divider && before?.sender.id === message.sender.id && message.at - before.at < JOINED_MS;
  const notes = (notesOf(id) ?? []).filter((one) => one.after === message.id && one.kind !== "disclosure");
  return html`<${Fragment}>
    ${another ? html`<li class="day"><time dateTime=${new Date(message.at).toISOString().slice(0, 10)}>${day(message.at)}</time></li>` : null}
    ${divider ? html`<li class="unread" role="separator" aria-label="New messages"><span>New</span></li>` : null}
    <${Bubble} message=${message} me=${me} joined=${joined} newest=${newest} read=${read} named=${named && !joined} busy=${busy} hands=${hands} />
    ${notes.map((note) => html`<${Notice} key=${note.id} note=${note} />`)}
  </${Fragment}>`;
}

/** That this is an AI, in the server's own words. @param {string} id */
function disclosure(id) {
  return [...(notesOf(id) ?? []), ...(notesOf("") ?? [])].find((one) => one.kind === "disclosure")?.text;
}

/** @param {Message[]} shown @param {number} i @param {number} since @param {string} me */
function firstUnread(shown, i, since, me) {
  const first = shown.findIndex((one) => one.n > since && one.sender.id !== me);
  return first === i && i > 0;
}

/** The number after which messages were new when the room was opened; it stays until one leaves.
 * @param {string} id @returns {number | null} */
function useDivider(id) {
  const room = roomOf(id);
  const kept = useRef(/** @type {number | null | undefined} */ (undefined));
  const own = room?.members.find((one) => one.id === self.value);
  if (kept.current === undefined && room && own) kept.current = room.unread > 0 ? own.read_n : null;
  return kept.current ?? null;
}

/**
 * @param {string} id
 * @param {Message[]} shown
 * @param {number} unsent
 * @param {() => void} older
 */
function useFollowing(id, shown, unsent, older) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const list = useRef(/** @type {HTMLUListElement | null} */ (null));
  const following = useRef(true);
  const [away, setAway] = useState(false);
  const [fresh, setFresh] = useState(false);
  const top = useRef({ id: "", at: 0 });
  const more = useRef(older);
  more.current = older;
  const toEnd = () => {
    following.current = true;
    setAway(false);
    setFresh(false);
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  };
  useLayoutEffect(() => {
    const view = box.current;
    const inner = list.current;
    if (!view || !inner) return undefined;
    let height = view.clientHeight;
    const grown = new ResizeObserver(() => {
      if (following.current) view.scrollTop = view.scrollHeight;
      else if (view.clientHeight !== height) view.scrollTop += height - view.clientHeight;
      height = view.clientHeight;
    });
    grown.observe(inner);
    grown.observe(view);
    let last = view.scrollTop;
    const scrolled = () => {
      const left = view.scrollHeight - view.scrollTop - view.clientHeight;
      if (left < NEAR_PIXELS) following.current = true;
      else if (view.scrollTop < last - 1) following.current = false; // only a person scrolls up
      last = view.scrollTop;
      setAway(!following.current);
      if (following.current) setFresh(false);
      if (view.scrollTop < TOP_PIXELS) more.current();
    };
    view.addEventListener("scroll", scrolled, { passive: true });
    return () => { grown.disconnect(); view.removeEventListener("scroll", scrolled); };
  }, [id]);
  // What came in above must not move what is being read.
  useLayoutEffect(() => {
    const view = box.current;
    const inner = list.current;
    if (!view || !inner) return;
    const kept = top.current.id ? inner.querySelector(`[data-id="${CSS.escape(top.current.id)}"]`) : null;
    if (kept instanceof HTMLElement && !following.current && shown[0]?.id !== top.current.id) view.scrollTop += kept.offsetTop - top.current.at;
    const first = inner.querySelector("[data-id]");
    top.current = { id: first?.getAttribute("data-id") ?? "", at: first instanceof HTMLElement ? first.offsetTop : 0 };
    if (following.current) view.scrollTop = view.scrollHeight;
  }, [shown[0]?.id, shown.length]);
  useLayoutEffect(() => { if (unsent) toEnd(); }, [unsent]);
  useEffect(() => { if (!following.current) setFresh(true); }, [shown.at(-1)?.id]);
  return { box, list, away, fresh, toEnd };
}
