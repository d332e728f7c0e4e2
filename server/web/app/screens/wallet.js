/** Credits: what is left and until when, what was spent on what, ceilings, and the plans. */
import { api } from "../api.js";
import { credits, date, money, time, until } from "../format.js";
import { meta, readMeta, readWallet, rooms, spendable, wallet } from "../live.js";
import { Fault, useLoaded } from "../parts.js";
import { person } from "../session.js";
import { Shell } from "../shell.js";
import { toast } from "../toast.js";
import { html, icon, useEffect, useState } from "../ui.js";
import { ReceiptDialog } from "./dialogs.js";

/** @typedef {import("../../types.d.ts").Lot} Lot */
/** @typedef {{ id: string, kind: string, amount_microcredits: number, balance_microcredits: number, at: number, reference: string, details: Record<string, any> }} Transaction */

const MICRO = 1_000_000;
const LOTS = /** @type {Record<string, string>} */ ({ daily: "Daily allowance", subscription: "From your plan", bonus: "Gift", purchased: "Bought" });
const KINDS = /** @type {Record<string, string>} */ ({ grant: "Credits received", capture: "Reply", spend: "Reply", charge: "Reply", expire: "Lapsed", lapse: "Lapsed", expiry: "Lapsed", refund: "Given back", purchase: "Bought" });
const PERIODS = /** @type {Record<string, string>} */ ({ day: "a day", week: "a week", month: "a month", never: "once" });

export function Wallet() {
  useEffect(() => {
    void readMeta();
    readWallet().catch(() => undefined);
    document.title = "Wallet · Kindred";
  }, []);
  const [receipt, setReceipt] = useState("");
  return html`<${Shell}><main class="page wallet" id="main" tabindex="-1">
    <header class="head"><h1>Wallet</h1></header>
    <div class="columns">
      <div><${Left} /><${Ceilings} /></div>
      <div><${Account} onReceipt=${setReceipt} /><${Plans} /></div>
    </div>
    ${receipt ? html`<${ReceiptDialog} id=${receipt} onClose=${() => setReceipt("")} />` : null}
  </main></${Shell}>`;
}

function Left() {
  const now = wallet.value;
  const left = spendable.value;
  if (!now || left === null) return html`<section class="card"><div class="bone receipt-bone" aria-busy="true"></div></section>`;
  return html`<section class="card left"><h2>You have</h2>
    <p class="total num"><span class="coin" aria-hidden="true"></span><b data-balance>${credits(left)}</b> credits</p>
    ${now.held_microcredits ? html`<p class="soft small">${credits(now.held_microcredits)} more are set aside for a reply under way; what it does not use comes back.</p>` : null}
    <ul class="lots">${now.lots.map((lot, i) => html`<li key=${i}><span><b>${LOTS[lot.kind] ?? lot.kind}</b><small>${lot.expires_at ? `Lapses ${until(lot.expires_at)}, ${date(lot.expires_at)} at ${time(lot.expires_at)}` : "Does not lapse"}</small></span><span class="num">${credits(lot.remaining_microcredits)}</span></li>`)}</ul>
    ${now.lots.length ? null : html`<p class="soft">Nothing left for now. ${allowance()}</p>`}
    <p class="soft small">What lapses first is used first.</p>
  </section>`;
}

function allowance() {
  const plan = meta.value?.plans?.[person.value?.plan ?? ""];
  return plan?.allowance_microcredits ? `Your plan brings ${credits(plan.allowance_microcredits)} credits ${PERIODS[plan.allowance_period] ?? ""}, at your midnight.` : "";
}

/** @param {{ onReceipt: (id: string) => void }} props */
function Account({ onReceipt }) {
  const [items, setItems] = useState(/** @type {Transaction[]} */ ([]));
  const [next, setNext] = useState(/** @type {string | null} */ (null));
  const { value, fault, reload } = useLoaded(async () => {
    const page = await api("GET", "wallet/transactions?limit=20");
    setItems(page.items);
    setNext(page.has_more ? page.cursor : null);
    return page;
  }, [wallet.value?.available_microcredits]);
  const more = async () => {
    const page = await api("GET", `wallet/transactions?limit=20&cursor=${next}`);
    setItems([...items, ...page.items]);
    setNext(page.has_more ? page.cursor : null);
  };
  return html`<section class="card"><h2>Account</h2>
    ${fault ? html`<${Fault} text=${fault} act=${reload} />` : null}
    ${value ? html`<ul class="entries">${items.map((one) => html`<${Entry} key=${one.id} one=${one} onReceipt=${onReceipt} />`)}</ul>` : fault ? null : html`<div class="bone receipt-bone" aria-busy="true"></div>`}
    ${next ? html`<p class="center"><button type="button" class="btn line" onClick=${more}>Show more</button></p>` : null}
  </section>`;
}

/** @param {{ one: Transaction, onReceipt: (id: string) => void }} props */
function Entry({ one, onReceipt }) {
  const receipt = /^rc_/.test(one.details?.receipt ?? "") ? one.details.receipt : /^rc_/.test(one.reference) ? one.reference : "";
  const name = one.kind === "grant" && one.details?.origin === "allowance" ? "Allowance" : KINDS[one.kind] ?? one.kind;
  const inner = html`<span><b>${name}</b><small>${date(one.at)}, ${time(one.at)}</small></span>
    <span class="end num"><b class=${one.amount_microcredits > 0 ? "plus" : ""}>${one.amount_microcredits > 0 ? "+" : ""}${credits(one.amount_microcredits).replace("-", "−")}</b><small>left ${credits(one.balance_microcredits)}</small></span>`;
  return html`<li>${receipt ? html`<button type="button" onClick=${() => onReceipt(receipt)} aria-label=${`Receipt of ${time(one.at)}`}>${inner}${icon("right", "s")}</button>` : html`<div>${inner}</div>`}</li>`;
}

/** The most one wants to spend: a day, and in one chat. */
function Ceilings() {
  const { value, fault, reload, set } = useLoaded(() => api("GET", "wallet/ceilings"), []);
  const [busy, setBusy] = useState(false);
  /** @param {Event} event */
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    /** @type {{ day_microcredits: number | null, rooms: Record<string, number> }} */
    const next = { day_microcredits: micro(form.get("day")), rooms: { ...value.rooms } };
    const room = String(form.get("room") ?? "");
    const most = micro(form.get("most"));
    if (room && most !== null) next.rooms[room] = most;
    await put(next);
  };
  /** @param {unknown} next */
  const put = async (next) => {
    setBusy(true);
    try {
      set(await api("PUT", "wallet/ceilings", { body: next }));
      toast("Your ceilings are set.");
    } catch (error) {
      toast(/** @type {Error} */ (error).message);
    } finally {
      setBusy(false);
    }
  };
  /** @param {string} room */
  const lift = (room) => put({ ...value, rooms: Object.fromEntries(Object.entries(value.rooms).filter(([id]) => id !== room)) });
  const known = rooms.value;
  return html`<section class="card"><h2>Ceilings</h2><p class="soft small">The most you want to spend. A reply that could go beyond is refused before it starts.</p>
    ${fault ? html`<${Fault} text=${fault} act=${reload} />` : null}
    ${value ? html`<form class="stack" onSubmit=${submit}>
      <div class="field"><label for="ceiling-day">A day, in credits</label><input id="ceiling-day" class="input num" name="day" type="number" min="0" step="any" inputmode="decimal" placeholder="No ceiling" key=${value.day_microcredits} defaultValue=${value.day_microcredits === null ? "" : value.day_microcredits / MICRO} /></div>
      ${Object.keys(value.rooms).length ? html`<ul class="entries">${Object.entries(value.rooms).map(([room, most]) => html`<li key=${room}><div><span><b>${known.find((one) => one.id === room)?.title ?? "A chat"}</b><small>At most ${credits(Number(most))} credits</small></span><button type="button" class="link" onClick=${() => lift(room)}>Lift</button></div></li>`)}</ul>` : null}
      ${known.length ? html`<div class="pair"><div class="field"><label for="ceiling-room">In one chat</label><select id="ceiling-room" class="input" name="room"><option value="">Choose</option>${known.map((room) => html`<option key=${room.id} value=${room.id}>${room.title}</option>`)}</select></div>
        <div class="field"><label for="ceiling-most">Credits</label><input id="ceiling-most" class="input num" name="most" type="number" min="0" step="any" inputmode="decimal" /></div></div>` : null}
      <button class="btn" disabled=${busy}>Set ceilings</button></form>` : null}
  </section>`;
}

/** @param {unknown} text */
function micro(text) {
  const said = String(text ?? "").trim();
  return said === "" ? null : Math.round(Number(said) * MICRO);
}

function Plans() {
  const about = meta.value;
  if (!about) return null;
  const mine = person.value?.plan;
  return html`<section class="card"><h2>Plans</h2><ul class="plans">${Object.entries(about.plans).map(([name, plan]) => html`<li key=${name} class=${name === mine ? "mine" : ""}>
      <span><b>${plan.title}</b>${name === mine ? html`<span class="badge">Yours</span>` : null}
        <small>${credits(plan.allowance_microcredits)} credits ${PERIODS[plan.allowance_period] ?? ""}${plan.discount_percent ? ` · replies ${plan.discount_percent} % cheaper` : ""} · ${plan.requests_per_minute} replies a minute</small></span>
      <span class="num price">${plan.price_cents ? html`${money(plan.price_cents, about.currency)}<small> a month</small>` : "Free"}</span></li>`)}</ul>
    <p class="soft small">Paying is not set up on this server yet; its operator can change your plan.</p>
    <p class="soft small">Prices: ${credits(about.prices.input_microcredits_per_1k)} credits for 1,000 tokens read and ${credits(about.prices.output_microcredits_per_1k)} for 1,000 written${about.prices.minimum_microcredits ? `, ${credits(about.prices.minimum_microcredits)} at the least` : ""}. A token is about three quarters of a word.</p></section>`;
}
