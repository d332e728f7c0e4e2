/** Who is in a room, and what one may do about it: invite, mute, send away, say who pays, leave. */
import { leaveRoom, newKey } from "../actions.js";
import { api } from "../api.js";
import { peopleOf } from "../company.js";
import { date } from "../format.js";
import { me, present } from "../live.js";
import { Avatar, Dialog, Fault, useLoaded } from "../parts.js";
import { go } from "../router.js";
import { toast } from "../toast.js";
import { html, icon, useState } from "../ui.js";

/** @typedef {import("../../types.d.ts").Room} Room */
/** @typedef {import("../../types.d.ts").Member} Member */
/** @typedef {{ id: string, code: string | null, person: string | null, uses_left: number, expires_at: number }} Open */

/** Do it; what went wrong is said. @param {() => Promise<unknown>} act @param {string} [done] */
async function attempt(act, done) {
  try {
    await act();
    if (done) toast(done);
  } catch (error) {
    toast(/** @type {Error} */ (error).message);
  }
}

/** @param {{ room: Room }} props */
export function Company({ room }) {
  const [inviting, setInviting] = useState(false);
  const [adding, setAdding] = useState(false);
  const own = room.members.find((one) => one.id === me.value);
  const owns = own?.role === "owner";
  const people = peopleOf(room, me.value);
  const shared = people.length > 1;
  const leave = () => attempt(async () => {
    await leaveRoom(room.id);
    go("/chats", { replace: true });
  }, "You left the room.");
  return html`<section class="company stack"><h3>${shared ? `${people.length} people, ${room.members.length - people.length} AI` : "In this room"}</h3>
    <ul class="members" aria-label="Members">${[...people, ...room.members.filter((one) => one.kind === "companion")].map((one) => html`<${Row} key=${one.id} room=${room} member=${one} owns=${owns} />`)}</ul>
    ${shared || owns ? html`<${Payer} room=${room} owns=${owns} />` : null}
    ${owns ? html`<button type="button" class="btn line wide" onClick=${() => setInviting(true)}>${icon("plus")}Invite people</button>
      <button type="button" class="btn line wide" onClick=${() => setAdding(true)}>${icon("spark")}Add a companion</button>` : null}
    ${shared ? html`<button type="button" class="btn line wide" onClick=${leave}>${icon("close")}Leave the room</button>` : null}
    ${inviting ? html`<${Inviting} room=${room} onClose=${() => setInviting(false)} />` : null}
    ${adding ? html`<${Adding} room=${room} onClose=${() => setAdding(false)} />` : null}
  </section>`;
}

const HERE = /** @type {Record<string, string>} */ ({ online: "here", away: "away" });

/** @param {{ room: Room, member: Member, owns: boolean }} props */
function Row({ room, member, owns }) {
  const self = member.id === me.value;
  const person = member.kind === "person";
  const how = self ? "online" : present.value[member.id] ?? "offline";
  const companions = room.members.filter((one) => one.kind === "companion").length;
  const about = [person ? "" : "AI", member.role === "owner" ? "owner" : "", member.muted ? "muted" : "", person && !self ? HERE[how] ?? "not here" : ""].filter(Boolean).join(" · ");
  const path = `rooms/${room.id}/members/${member.id}`;
  const mute = () => attempt(() => api("PATCH", path, { body: { muted: !member.muted } }));
  const remove = () => attempt(() => api("DELETE", path), `${member.name} is no longer in the room.`);
  return html`<li data-member=${member.kind} data-status=${person ? how : undefined}>
    <${Avatar} name=${member.name} src=${member.portrait} size="s32" />
    <span class="names"><b>${member.name}${self ? " (you)" : ""}</b><small>${person ? html`<i class=${`dot${how === "online" ? "" : " off"}`}></i>` : null}${about}</small></span>
    ${owns && !self ? html`<button type="button" class="link quiet" aria-label=${`${member.muted ? "Unmute" : "Mute"} ${member.name}`} onClick=${mute}>${member.muted ? "Unmute" : "Mute"}</button>` : null}
    ${owns && !self && (person || companions > 1) ? html`<button type="button" class="link quiet" aria-label=${`Remove ${member.name}`} onClick=${remove}>Remove</button>` : null}
  </li>`;
}

/** Who pays, and what newcomers may read: chosen by the owner, told to everybody. @param {{ room: Room, owns: boolean }} props */
function Payer({ room, owns }) {
  const payer = room.members.find((one) => one.id === room.payer);
  const said = room.payer === "sender" ? "Whoever writes pays for the answer." : room.payer === me.value ? "You pay for all answers here." : `${payer?.name ?? "The owner"} pays for all answers here.`;
  const before = room.shares_history ? "Newcomers can read what was said before." : "Newcomers cannot read what was said before.";
  if (!owns) return html`<p class="soft small" data-payer>${said} ${before}</p>`;
  /** @param {Record<string, unknown>} terms */
  const set = (terms) => attempt(() => api("PUT", `rooms/${room.id}/terms`, { body: terms }));
  /** @param {Event} event */
  const on = (event) => /** @type {HTMLInputElement} */ (event.currentTarget).checked;
  return html`<div class="stack" data-payer>
    <label class="check"><input type="checkbox" checked=${room.payer !== "sender"} onChange=${(/** @type {Event} */ e) => set({ payer: on(e) ? "owner" : "sender" })} /><span>I pay for all answers here</span></label>
    <label class="check"><input type="checkbox" checked=${room.shares_history} onChange=${(/** @type {Event} */ e) => set({ shares_history: on(e) })} /><span>Newcomers can read what was said before</span></label>
  </div>`;
}

/** Another companion for the room; with several, @ and a name say who answers.
 * @param {{ room: Room, onClose: () => void }} props */
function Adding({ room, onClose }) {
  const { value, fault, reload } = useLoaded(() => api("GET", "companions?limit=100"), []);
  const add = (/** @type {string} */ companion) => attempt(async () => {
    await api("POST", `rooms/${room.id}/companions`, { body: { companion }, key: newKey() });
    onClose();
  });
  /** @type {Member[]} */
  const others = (value?.items ?? []).filter((/** @type {Member} */ one) => !room.members.some((member) => member.id === one.id));
  return html`<${Dialog} title="Add a companion" onClose=${onClose}>
    <p class="soft">With several, write @ and a name to choose who answers. Each answer is paid for.</p>
    ${fault ? html`<${Fault} text=${fault} act=${reload} />` : null}
    <ul class="members">${others.map((one) => html`<li key=${one.id}><${Avatar} name=${one.name} src=${one.portrait} size="s32" /><span class="names"><b>${one.name}</b></span><button type="button" class="link" aria-label=${`Add ${one.name}`} onClick=${() => add(one.id)}>Add</button></li>`)}</ul>
  </${Dialog}>`;
}

/** @param {{ room: Room, onClose: () => void }} props */
function Inviting({ room, onClose }) {
  const [code, setCode] = useState("");
  /** @type {{ value: { items: Open[] } | null, reload: () => void, fault: string }} */
  const { value, reload } = useLoaded(() => api("GET", `rooms/${room.id}/invitations`), [room.id]);
  const link = `${location.origin}/invitations/${code}`;
  const make = () => attempt(async () => {
    const made = await api("POST", `rooms/${room.id}/invitations`, { body: { uses: 10, hours: 72 }, key: newKey() });
    setCode(made.code);
    reload();
  });
  const copy = () => attempt(() => navigator.clipboard.writeText(link), "Copied.");
  /** @param {Event} event */
  const byName = (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const username = String(new FormData(form).get("username")).trim();
    void attempt(async () => {
      await api("POST", `rooms/${room.id}/invitations`, { body: { username }, key: newKey() });
      form.reset();
      reload();
    }, `${username} is invited.`);
  };
  const withdraw = (/** @type {string} */ id) => attempt(async () => {
    await api("DELETE", `rooms/${room.id}/invitations/${id}`);
    setCode("");
    reload();
  });
  return html`<${Dialog} title="Invite people" onClose=${onClose}>
    <p class="soft">${room.shares_history ? "Whoever comes in can read what was said before." : "Whoever comes in sees what is said from then on, and nothing earlier."}</p>
    ${code
      ? html`<div class="field"><label for="invite-link">A link for ten people, for three days</label><div class="secret"><input id="invite-link" class="input" readonly value=${link} onFocus=${(/** @type {{ currentTarget: HTMLInputElement }} */ e) => e.currentTarget.select()} /><button type="button" onClick=${copy}>Copy</button></div></div>`
      : html`<button type="button" class="btn p wide" onClick=${make}>Make a link</button>`}
    <form class="stack" onSubmit=${byName}><div class="field"><label for="invite-name">Or somebody by their username</label><input id="invite-name" class="input" name="username" required maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false" /></div><button class="btn line">Invite</button></form>
    ${value?.items.length ? html`<h3>Open invitations</h3><ul class="members">${value.items.map((one) => html`<li key=${one.id}><span class="names"><b>${one.person ? "By name" : `A link, ${one.uses_left} left`}</b><small>until ${date(one.expires_at)}</small></span><button type="button" class="link quiet" onClick=${() => withdraw(one.id)}>Withdraw</button></li>`)}</ul>` : null}
  </${Dialog}>`;
}
