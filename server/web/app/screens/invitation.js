/** Where an invitation's link leads: whose room it is, who is in it and who pays, before one comes in. */
import { accept } from "../actions.js";
import { api } from "../api.js";
import { date } from "../format.js";
import { Fault, useLoaded } from "../parts.js";
import { go, path } from "../router.js";
import { Shell } from "../shell.js";
import { html, Mark, useEffect, useState } from "../ui.js";

/** @typedef {{ id: string, title: string, owner: string, people: number, companions: string[], payer: "sender" | "owner", shares_history: boolean, expires_at: number }} Preview */

const THEN = "kindred.then";

/** For whoever is not signed in yet; they come back here afterwards. */
export function Invited() {
  useEffect(() => { sessionStorage.setItem(THEN, path.peek()); }, []);
  return html`<div class="sign"><main class="sheet" id="main">
    <${Mark} size=${48} />
    <h1>You are invited</h1>
    <p class="soft">Somebody would like you to join a conversation with AI companions. Log in or create an account, and you will be shown whose it is.</p>
    <a class="btn p big wide" href="/log-in">Log in</a>
    <a class="btn line wide" href="/sign-up">Create an account</a>
  </main></div>`;
}

/** @param {{ code: string }} props */
export function Invitation({ code }) {
  /** @type {{ value: Preview | null, fault: string, reload: () => void }} */
  const { value, fault, reload } = useLoaded(() => api("GET", `invitations/${encodeURIComponent(code)}`), [code]);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState("");
  useEffect(() => { sessionStorage.removeItem(THEN); document.title = "Invitation · Kindred"; }, []);
  const enter = async () => {
    setBusy(true);
    try {
      go(`/chats/${await accept(code)}`, { replace: true });
    } catch (error) {
      setRefused(/** @type {Error} */ (error).message);
      setBusy(false);
    }
  };
  return html`<${Shell}><main class="page" id="main" tabindex="-1">
    ${fault ? html`<${Fault} text=${fault} act=${reload} />` : null}
    ${value ? html`<div class="sheet">
      <h1>${value.title}</h1>
      <p class="soft">${value.owner} invites you to this conversation.</p>
      <dl class="facts">
        <dt>People</dt><dd>${value.people}</dd>
        <dt>Companions, all AI</dt><dd>${value.companions.join(", ")}</dd>
        <dt>Who pays</dt><dd>${value.payer === "sender" ? "Whoever writes pays for the answer" : `${value.owner} pays for all answers`}</dd>
        <dt>What was said before</dt><dd>${value.shares_history ? "You can read it" : "Stays with those who were there"}</dd>
        <dt>Open until</dt><dd>${date(value.expires_at)}</dd>
      </dl>
      ${refused ? html`<p class="bad-line" role="alert">${refused}</p>` : null}
      <button type="button" class="btn p big wide" disabled=${busy} onClick=${enter}>Come in</button>
      <a class="btn line wide" href="/chats">Not now</a>
    </div>` : null}
  </main></${Shell}>`;
}
