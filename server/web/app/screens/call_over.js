/** After a call, or instead of one: how it ended, how long it was, what it cost, and what to do next. */
import { agree } from "../calls/consent.js";
import { dismiss } from "../calls/calling.js";
import { ending, refusal } from "../calls/refusals.js";
import { clock } from "../calls/told.js";
import { credits } from "../format.js";
import { callOf } from "../live.js";
import { Avatar, drawing } from "../parts.js";
import { go } from "../router.js";
import { html, icon, useEffect, useRef, useState } from "../ui.js";
import { ReceiptDialog } from "./dialogs.js";

/** @param {{ own: import("../calls/phases.js").Own, face: import("../../types.d.ts").Member | undefined }} props */
export function CallOver({ own, face }) {
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  const [receipt, setReceipt] = useState(false);
  const [fault, setFault] = useState("");
  useEffect(() => { heading.current?.focus(); }, []);
  const told = callOf(own.room);
  const ended = told?.ended && told.call === own.call ? told.ended : null;
  const words = own.fault && own.reason !== "hung_up" ? refusal(own.fault, face?.name) : ending(ended?.reason === "hung_up" ? own.reason : ended?.reason ?? own.reason);
  const chat = () => { dismiss(); go(`/chats/${own.room}`); };
  const needs = own.fault?.code === "consent_needed" ? own.fault.details?.purposes ?? ["voice"] : null;
  const accept = () => { agree(needs).then(dismiss, (error) => setFault(error.message)); };
  return html`<div class="call-over">
    <${Avatar} name=${face?.name ?? ""} src=${face?.portrait ? drawing(face.portrait) : null} size="s96" />
    <h2 ref=${heading} tabindex="-1">${words.title}</h2>
    ${words.text ? html`<p>${words.text}</p>` : null}
    ${ended && (ended.seconds > 0 || ended.cost > 0) ? html`<dl class="call-facts num">
      <div><dt>${icon("clock", "s")} Time</dt><dd data-call-time>${clock(ended.seconds)}</dd></div>
      <div><dt><span class="coin" aria-hidden="true"></span> Cost</dt><dd data-call-paid>${ended.cost ? `${credits(ended.cost)} credits` : "Nothing"}</dd></div></dl>` : null}
    ${fault ? html`<p class="bad-line" role="alert">${fault}</p>` : null}
    <div class="acts">
      ${needs ? html`<button type="button" class="btn p big" onClick=${accept}>I agree</button>` : null}
      ${words.act && "again" in words.act ? html`<button type="button" class="btn p big" onClick=${dismiss}>${words.act.label}</button>` : null}
      ${words.act && "href" in words.act && !needs ? html`<a class="btn p big" href=${words.act.href} onClick=${dismiss}>${words.act.label}</a>` : null}
      <button type="button" class="btn big" onClick=${chat}>Back to the chat</button>
      ${ended?.receipt ? html`<button type="button" class="link" onClick=${() => setReceipt(true)}>Receipt</button>` : null}
    </div>
    ${receipt && ended?.receipt ? html`<${ReceiptDialog} id=${ended.receipt} onClose=${() => setReceipt(false)} />` : null}
  </div>`;
}
