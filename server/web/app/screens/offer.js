/** What it takes to make a companion of one's own, told to whoever's plan has no room (left) for one. */
import { money } from "../format.js";
import { meta, readMeta } from "../live.js";
import { person } from "../session.js";
import { html, icon, useEffect } from "../ui.js";

/** @typedef {{ items: unknown[], most: number | null }} Own */
/** @typedef {{ title: string, price_cents: number, custom_companions: number | null }} Plan */

/** Whether a person's plan has room for one more. @param {Own} own */
export function room(own) {
  return own.most === null || own.items.length < own.most;
}

/** Plans with room for more than these, the cheapest first. @param {Record<string, Plan>} plans @param {number} most */
export function larger(plans, most) {
  return Object.values(plans).filter((one) => one.custom_companions === null || one.custom_companions > most).sort((a, b) => a.price_cents - b.price_cents);
}

/** @param {Plan} plan @param {string} currency */
function inWords({ title, price_cents: cents, custom_companions: most }, currency) {
  return `${title} has room for ${most === null ? "as many as you like" : most}, ${cents ? `for ${money(cents, currency)} a month` : "free of charge"}`;
}

/** Nothing where no plan of this server has room, unless it was asked for. @param {{ own: Own, asked?: boolean }} props */
export function MakeOffer({ own, asked = false }) {
  useEffect(() => { void readMeta(); }, []);
  const about = meta.value;
  const most = own.most ?? 0;
  if (!about || room(own)) return null;
  const plans = larger(about.plans, most);
  const mine = about.plans[person.value?.plan ?? ""]?.title ?? "Your plan";
  if (!plans.length && !most) return asked ? html`<p class="note" data-offer>${icon("info")}No plan of this server has room for companions of one's own.</p>` : null;
  return html`<section class="make-offer card" data-offer aria-label="Make your own">
    <span class="round" aria-hidden="true">${icon("edit")}</span>
    <div><h2>Make your own</h2>
      <p>Give somebody a face, a voice and a story that you think of. ${most ? `You have made ${own.items.length}, and ${mine} has room for ${most}: take one away to make another.` : `${mine}, your plan, has no room for that.`} ${plans.map((one) => inWords(one, about.currency)).join("; ")}${plans.length ? "." : ""}</p>
      <p class="soft small">Paying is not set up on this server yet; its operator can change your plan. Making companions is for adults.</p></div>
    ${plans.length ? html`<a class="btn line" href="/wallet">See plans</a>` : null}
  </section>`;
}
