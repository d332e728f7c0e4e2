/** The windows of a conversation: a reply's receipt, what the model sees, and a report. */
import { report } from "../actions.js";
import { api } from "../api.js";
import { credits, words } from "../format.js";
import { Dialog, Fault, useLoaded } from "../parts.js";
import { toast } from "../toast.js";
import { html, useState } from "../ui.js";

/** @typedef {import("../../types.d.ts").Message} Message */

const STATUS = /** @type {Record<string, string>} */ ({
  completed: "Complete", interrupted: "Stopped; only what arrived was charged", failed: "Failed; only what arrived was charged",
  out_of_credits: "Ended where the credits did", moderated: "Withheld, not charged",
});

/** @param {{ id: string, onClose: () => void }} props */
export function ReceiptDialog({ id, onClose }) {
  const { value, fault, reload } = useLoaded(() => api("GET", `wallet/receipts/${id}`), [id]);
  return html`<${Dialog} title="Receipt" onClose=${onClose}>
    ${fault ? html`<${Fault} text=${fault} act=${reload} />` : null}
    ${value ? html`<${Receipt} value=${value} />` : fault ? null : html`<div class="bone receipt-bone" aria-busy="true"></div>`}
  </${Dialog}>`;
}

/** @param {{ value: any }} props */
function Receipt({ value }) {
  const prompt = Object.entries(value.prompt ?? {});
  return html`
    <p class="total num"><span class="coin" aria-hidden="true"></span><b>${credits(value.cost_microcredits)}</b> credits</p>
    <p class="soft">${STATUS[value.status] ?? value.status}</p>
    ${value.lines.length ? html`<table class="plain"><thead><tr><th>For</th><th class="end">Amount</th><th class="end">Per 1,000</th><th class="end">Credits</th></tr></thead>
      <tbody>${value.lines.map((/** @type {any} */ line) => html`<tr key=${line.what}><td>${line.what}</td><td class="end">${line.quantity}</td><td class="end">${credits(line.unit_microcredits_per_1k)}</td><td class="end">${credits(line.microcredits)}</td></tr>`)}
      ${value.discount_percent ? html`<tr><td colspan="3">Your plan's discount</td><td class="end">−${value.discount_percent} %</td></tr>` : null}
      ${value.minimum_applied ? html`<tr><td colspan="4" class="soft">The smallest charge for a reply applies.</td></tr>` : null}</tbody>
      <tfoot><tr><th colspan="3">Charged</th><td class="end">${credits(value.cost_microcredits)}</td></tr></tfoot></table>` : null}
    <dl class="facts">
      <dt>Set aside before</dt><dd>${credits(value.held_microcredits)}</dd>
      <dt>Given back</dt><dd>${credits(value.released_microcredits)}</dd>
      <dt>Model</dt><dd>${value.model || "none"}</dd>
      <dt>First word after</dt><dd>${value.first_token_ms === null ? "–" : `${(value.first_token_ms / 1000).toFixed(2)} s`}</dd>
      <dt>Whole reply</dt><dd>${(value.total_ms / 1000).toFixed(2)} s</dd>
      <dt>Memories used</dt><dd>${value.memories.length}</dd>
    </dl>
    ${prompt.length ? html`<details><summary>What the model read</summary><dl class="facts">${prompt.map(([name, tokens]) => html`<dt key=${name}>${name.replaceAll("_", " ")}</dt><dd>${tokens} tokens</dd>`)}</dl></details>` : null}
    <p class="soft small">${new Date(value.at).toLocaleString()} · price book ${value.price_book} · ${value.id}</p>`;
}

/** @param {{ room: string, onClose: () => void }} props */
export function PromptDialog({ room, onClose }) {
  const { value, fault, reload } = useLoaded(() => api("GET", `rooms/${room}/prompt`), [room]);
  return html`<${Dialog} title="What the model sees" wide=${true} onClose=${onClose}>
    ${fault ? html`<${Fault} text=${fault} act=${reload} />` : null}
    ${value ? html`<p class="soft">${value.input_tokens} tokens for ${value.model}${value.dropped_messages ? `; ${value.dropped_messages} older messages do not fit` : ""}.</p>
      ${value.parts.map((/** @type {any} */ part, /** @type {number} */ i) => html`<details key=${i} class="part"><summary><b>${part.name.replaceAll("_", " ")}</b> <span class="soft num">${part.tokens} tokens</span></summary><pre tabindex="0">${part.text}</pre></details>`)}` : fault ? null : html`<div class="bone receipt-bone" aria-busy="true"></div>`}
  </${Dialog}>`;
}

const REASONS = [
  ["harmful", "It could hurt somebody"],
  ["sexual", "Sexual where it should not be"],
  ["harassment", "Insulting or threatening"],
  ["self_harm", "It encourages self-harm"],
  ["minor", "It involves a minor"],
  ["illegal", "It is against the law"],
  ["other", "Something else"],
];

/** @param {{ message: Message, onClose: () => void }} props */
export function ReportDialog({ message, onClose }) {
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  /** @param {Event} event */
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    setBusy(true);
    try {
      await report({ room: message.room, message: message.id, reason: String(form.get("reason")), note: String(form.get("note") ?? "") });
      onClose();
      toast("Thank you. A person will look at it.");
    } catch (error) {
      setFault(/** @type {Error} */ (error).message);
      setBusy(false);
    }
  };
  return html`<${Dialog} title="Report this message" onClose=${onClose}>
    <blockquote class="quoted">${words(message).slice(0, 240)}</blockquote>
    <form class="stack" onSubmit=${submit}>
      <fieldset class="stack"><legend class="label">What is wrong with it?</legend>
        ${REASONS.map(([value, label], i) => html`<label class="check" key=${value}><input type="radio" name="reason" value=${value} required defaultChecked=${i === 0} /><span>${label}</span></label>`)}</fieldset>
      <div class="field"><label for="report-note">Anything to add? <span class="soft">(optional)</span></label><textarea id="report-note" class="input" name="note" maxlength="2000"></textarea></div>
      <p class="soft small">A sealed copy of this message is kept for the reviewers.</p>
      ${fault ? html`<p class="bad-line" role="alert">${fault}</p>` : null}
      <div class="acts"><button type="button" class="btn line" onClick=${onClose}>Cancel</button><button class="btn p" disabled=${busy}>Send report</button></div>
    </form>
  </${Dialog}>`;
}
