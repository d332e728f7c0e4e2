/** Settings: who one is, how the app looks, where one is signed in, keys, one's data, and the way out. */
import { api } from "../api.js";
import { letMove, moving } from "../face.js";
import { date, time } from "../format.js";
import { leave } from "../live.js";
import { Dialog, Fault, Field, useLoaded } from "../parts.js";
import { LANGUAGES, zones } from "../places.js";
import { go } from "../router.js";
import { rename } from "../session.js";
import { Shell } from "../shell.js";
import { toast } from "../toast.js";
import { html, useEffect, useState } from "../ui.js";
import { Recordings } from "./recordings.js";
import { Choice } from "./sign.js";

export function Settings() {
  useEffect(() => { document.title = "Settings · Kindred"; }, []);
  return html`<${Shell}><main class="page settings" id="main" tabindex="-1">
    <header class="head"><h1>Settings</h1></header>
    <div class="columns"><div><${Profile} /><${Look} /><${Password} /></div><div><${SignIns} /><${Keys} /><${Sound} /><${Recordings} /><${Data} /></div></div>
    <footer class="legal"><a href="/terms">Terms</a><a href="/privacy">Privacy</a><a href="/safety">Safety</a></footer>
  </main></${Shell}>`;
}

/** Run something, say what came of it. @param {() => Promise<unknown>} act @param {string} [done] */
async function attempt(act, done) {
  try {
    await act();
    if (done) toast(done);
    return true;
  } catch (error) {
    toast(/** @type {Error} */ (error).message);
    return false;
  }
}

function Profile() {
  const { value, fault, reload, set } = useLoaded(() => api("GET", "users/profile"), []);
  const [busy, setBusy] = useState(false);
  /** @param {Event} event */
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    setBusy(true);
    await attempt(async () => {
      const next = await api("PATCH", "users/profile", { body: { display_name: String(form.get("display_name")).trim(), language: form.get("language"), timezone: form.get("timezone") } });
      set(next);
      rename(next.user);
    }, "Saved.");
    setBusy(false);
  };
  return html`<section class="card"><h2>Profile</h2>
    ${fault ? html`<${Fault} text=${fault} act=${reload} />` : null}
    ${value ? html`<form class="stack" onSubmit=${submit}>
      <${Field} label="What companions call you" name="display_name" required maxlength="60" value=${value.user.display_name} autocomplete="nickname" />
      <div class="pair"><${Choice} label="Language" name="language" options=${LANGUAGES()} chosen=${value.user.language} /><${Choice} label="Time zone" name="timezone" options=${zones()} chosen=${value.user.timezone} /></div>
      <dl class="facts"><dt>Username</dt><dd>${value.user.username}</dd><dt>E-mail</dt><dd>${value.email}</dd></dl>
      <button class="btn p" disabled=${busy}>Save</button></form>` : fault ? null : html`<div class="bone receipt-bone" aria-busy="true"></div>`}
  </section>`;
}

const THEMES = [["", "System"], ["light", "Light"], ["dark", "Dark"]];

function Look() {
  const [theme, setTheme] = useState(localStorage.getItem("kindred.theme") ?? "");
  /** @param {string} next */
  const choose = (next) => {
    setTheme(next);
    if (next) {
      localStorage.setItem("kindred.theme", next);
      document.documentElement.dataset.theme = next;
    } else {
      localStorage.removeItem("kindred.theme");
      delete document.documentElement.dataset.theme;
    }
  };
  return html`<section class="card"><h2>Look</h2><div class="seg" role="group" aria-label="Theme">
    ${THEMES.map(([value, label]) => html`<button key=${value} type="button" aria-pressed=${theme === value ? "true" : "false"} onClick=${() => choose(value)}>${label}</button>`)}</div>
    <label class="switch"><span>Faces move<small class="soft small"> (never where your device asks for less motion)</small></span><input type="checkbox" checked=${moving.value} onChange=${(/** @type {{ currentTarget: HTMLInputElement }} */ event) => letMove(event.currentTarget.checked)} /></label></section>`;
}

function Password() {
  const [busy, setBusy] = useState(false);
  /** @param {Event} event */
  const submit = async (event) => {
    event.preventDefault();
    const element = /** @type {HTMLFormElement} */ (event.currentTarget);
    const form = new FormData(element);
    setBusy(true);
    const good = await attempt(() => api("POST", "users/password", { body: { password: form.get("password"), new_password: form.get("new_password") } }), "Your password is changed; other sign-ins have ended.");
    if (good) element.reset();
    setBusy(false);
  };
  return html`<section class="card"><h2>Password</h2><form class="stack" onSubmit=${submit}>
    <${Field} label="Present password" name="password" type="password" required autocomplete="current-password" />
    <${Field} label="New password" name="new_password" type="password" required minlength="8" maxlength="256" autocomplete="new-password" />
    <button class="btn" disabled=${busy}>Change password</button></form></section>`;
}

function SignIns() {
  const { value, fault, reload } = useLoaded(() => api("GET", "auth/sessions"), []);
  /** @param {string} id */
  const end = (id) => attempt(() => api("DELETE", `auth/sessions/${id}`), "That sign-in has ended.").then(reload);
  const out = async () => {
    await attempt(() => api("POST", "auth/logout"));
    await leave();
    go("/log-in", { replace: true });
  };
  return html`<section class="card"><h2>Where you are signed in</h2>
    ${fault ? html`<${Fault} text=${fault} act=${reload} />` : null}
    <ul class="entries">${(value?.items ?? []).map((/** @type {any} */ one) => html`<li key=${one.id}><div><span><b>${one.device || "A device"}</b><small>${one.current ? "This one" : `Used ${date(one.used_at)}, ${time(one.used_at)}`}${one.address ? ` · ${one.address}` : ""}</small></span>
      ${one.current ? html`<span class="badge">Now</span>` : html`<button type="button" class="link bad" onClick=${() => end(one.id)}>End</button>`}</div></li>`)}</ul>
    <button type="button" class="btn line wide" onClick=${out}>Log out</button></section>`;
}

const SCOPES = [["chat", "Chat: read and write conversations"], ["wallet", "Wallet: see balance and receipts"], ["account", "Account: see the profile and sign-ins"]];

function Keys() {
  const { value, fault, reload } = useLoaded(() => api("GET", "api-keys"), []);
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState("");
  /** @param {Event} event */
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    await attempt(async () => {
      const key = await api("POST", "api-keys", { body: { name: String(form.get("name")).trim(), scopes: form.getAll("scope") } });
      setMade(key.key);
      setMaking(false);
      reload();
    });
  };
  /** @param {string} id */
  const end = (id) => attempt(() => api("DELETE", `api-keys/${id}`), "The key no longer works.").then(reload);
  return html`<section class="card"><h2>API keys</h2><p class="soft small">For programs that speak with companions in your name, and with your credits. The OpenAI client works with the address ${location.origin}/v1.</p>
    ${fault ? html`<${Fault} text=${fault} act=${reload} />` : null}
    <ul class="entries">${(value?.items ?? []).map((/** @type {any} */ one) => html`<li key=${one.id}><div><span><b>${one.name}</b><small>${one.scopes.join(", ")} · made ${date(one.created_at)}${one.used_at ? ` · used ${date(one.used_at)}` : " · not used yet"}</small></span><button type="button" class="link bad" onClick=${() => end(one.id)}>End</button></div></li>`)}</ul>
    <button type="button" class="btn line wide" onClick=${() => setMaking(true)}>New key</button>
    ${making ? html`<${Dialog} title="New API key" onClose=${() => setMaking(false)}><form class="stack" onSubmit=${submit}>
      <${Field} label="Name" name="name" required maxlength="60" placeholder="My script" />
      <fieldset class="stack"><legend class="label">It may</legend>${SCOPES.map(([scope, label], i) => html`<label class="check" key=${scope}><input type="checkbox" name="scope" value=${scope} defaultChecked=${i === 0} /><span>${label}</span></label>`)}</fieldset>
      <div class="acts"><button type="button" class="btn line" onClick=${() => setMaking(false)}>Cancel</button><button class="btn p">Make key</button></div></form></${Dialog}>` : null}
    ${made ? html`<${Dialog} title="Your new key" onClose=${() => setMade("")}><p>It is shown this once. Keep it where only you can read it.</p><pre tabindex="0" class="secret-key">${made}</pre>
      <div class="acts"><button type="button" class="btn" onClick=${() => navigator.clipboard?.writeText(made).then(() => toast("Copied."), () => toast("The browser does not allow copying."))}>Copy</button><button type="button" class="btn p" onClick=${() => setMade("")}>Done</button></div></${Dialog}>` : null}
  </section>`;
}

/** What one said and was kept: notes have a page of their own. */
function Sound() {
  return html`<section class="card"><h2>Voice notes</h2><p class="soft small">Hear them, delete them, and see what is kept for how long.</p>
    <a class="btn line wide" href="/settings/voice-notes">Your voice notes</a></section>`;
}

function Data() {
  const [closing, setClosing] = useState(false);
  const [fault, setFault] = useState("");
  const take = () => attempt(async () => {
    const all = await api("GET", "privacy/export");
    const address = URL.createObjectURL(new Blob([JSON.stringify(all, null, 2)], { type: "application/json" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = "kindred-export.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }, "Everything we keep about you is in the file.");
  /** @param {Event} event */
  const close = async (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    setFault("");
    try {
      await api("DELETE", "users/account", { body: { password: form.get("password"), immediate: form.has("immediate") } });
    } catch (error) {
      setFault(/** @type {Error} */ (error).message); // in the window: what is behind it is dimmed
      return;
    }
    toast("Your account is closed.");
    await leave();
    go("/welcome", { replace: true });
  };
  return html`<section class="card"><h2>Your data</h2>
    <div class="stack"><button type="button" class="btn line wide" onClick=${take}>Download everything</button>
    <button type="button" class="btn danger wide" onClick=${() => setClosing(true)}>Close account</button></div>
    ${closing ? html`<${Dialog} title="Close your account" onClose=${() => setClosing(false)}><form class="stack" onSubmit=${close}>
      <p>Your conversations and what was remembered go with it. Unless you choose otherwise you can change your mind for a while by logging in again.</p>
      <${Field} label="Password" name="password" type="password" required autocomplete="current-password" />
      <label class="check"><input type="checkbox" name="immediate" /><span>Erase everything at once; there is no way back.</span></label>
      ${fault ? html`<p class="bad-line" role="alert">${fault}</p>` : null}
      <div class="acts"><button type="button" class="btn line" onClick=${() => setClosing(false)}>Keep it</button><button class="btn danger p">Close account</button></div></form></${Dialog}>` : null}
  </section>`;
}
