/** Sign up, log in, and a new password with a mailed code. */
import { api, deviceName, logIn, register } from "../api.js";
import { farewell, meta, readMeta } from "../live.js";
import { Field } from "../parts.js";
import { go } from "../router.js";
import { Problem } from "../session.js";
import { toast } from "../toast.js";
import { html, Mark, useEffect, useState } from "../ui.js";
import { COUNTRIES, guessCountry, guessLanguage, guessZone, LANGUAGES, zones } from "../places.js";

/** @typedef {import("../ui.js").Child} Child */

/** @param {{ title: string, lead?: string, children?: Child }} props */
function Page({ title, lead, children }) {
  return html`<main class="sign" id="main">
    <a class="brand" href="/welcome"><${Mark} size=${36} /><span>Kindred</span></a>
    <div class="sheet"><h1>${title}</h1>${lead ? html`<p class="soft">${lead}</p>` : null}${children}</div>
    <${Legal} />
  </main>`;
}

export function Legal() {
  return html`<footer class="legal"><a href="/terms">Terms</a><a href="/privacy">Privacy</a><a href="/safety">Safety</a></footer>`;
}

/** A form's faults by field, and whether it is on its way. */
function useForm() {
  const [faults, setFaults] = useState(/** @type {Record<string, string>} */ ({}));
  const [busy, setBusy] = useState(false);
  /** @param {Event} event @param {(form: FormData) => Promise<void>} act */
  const submit = async (event, act) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    setBusy(true);
    setFaults({});
    try {
      await act(form);
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem({ detail: String(error) });
      const field = problem.path.replace(/^\$\.?/, "");
      setFaults({ [field && form.has(field) ? field : "form"]: problem.message });
      const bad = document.querySelector(field ? `[name="${CSS.escape(field)}"]` : ".sheet [role=alert]");
      if (bad instanceof HTMLElement) bad.focus();
    } finally {
      setBusy(false);
    }
  };
  return { faults, busy, submit };
}

/** @param {{ text?: string }} props */
function Wrong({ text }) {
  return html`<p class="bad-line" role="alert" hidden=${!text}>${text}</p>`;
}

export function SignUp() {
  const { faults, busy, submit } = useForm();
  const least = meta.value?.minimum_age_years ?? 18;
  useEffect(() => { void readMeta(); }, []);
  const latest = new Date();
  latest.setFullYear(latest.getFullYear() - least);
  /** @param {FormData} form */
  const act = async (form) => {
    const read = (/** @type {string} */ name) => String(form.get(name) ?? "").trim();
    await register({
      email: read("email"), username: read("username"), password: String(form.get("password")), birth_date: read("birth_date"),
      country: read("country"), language: read("language"), timezone: read("timezone"),
      consents: ["terms", "privacy"].filter((one) => form.has(one)), device: deviceName(),
    });
    go("/discover", { replace: true });
  };
  return html`<${Page} title="Create your account" lead=${`For adults. You must be ${least} or older.`}>
    <form onSubmit=${(/** @type {Event} */ event) => submit(event, act)}>
      <${Field} label="E-mail" name="email" type="email" required autocomplete="email" maxlength="254" fault=${faults.email} help="Only for signing in and resetting your password." />
      <${Field} label="Username" name="username" required minlength="3" maxlength="32" pattern="[A-Za-z0-9][A-Za-z0-9_.\\-]{1,30}[A-Za-z0-9]" title="3 to 32 letters, digits, dots, dashes or underscores" autocomplete="username" autocapitalize="none" spellcheck="false" fault=${faults.username} help="Your companions will call you this; you can change the name they use later." />
      <${Field} label="Password" name="password" type="password" required minlength="8" maxlength="256" autocomplete="new-password" fault=${faults.password} help="8 characters or more." />
      <${Field} label="Date of birth" name="birth_date" type="date" required max=${latest.toISOString().slice(0, 10)} min="1900-01-01" autocomplete="bday" fault=${faults.birth_date} help="Checked once. It is never shown to anybody." />
      <div class="pair">
        <${Choice} label="Country" name="country" options=${COUNTRIES()} chosen=${guessCountry()} fault=${faults.country} />
        <${Choice} label="Language" name="language" options=${LANGUAGES()} chosen=${guessLanguage()} fault=${faults.language} />
      </div>
      <${Choice} label="Time zone" name="timezone" options=${zones()} chosen=${guessZone()} fault=${faults.timezone} help="Your daily credits arrive at your own midnight." />
      <fieldset class="consents"><legend class="sr">Consent</legend>
        <label class="check"><input type="checkbox" name="terms" required /><span>I accept the <a href="/terms" target="_blank">terms</a>. I know that companions are AI, not people.</span></label>
        <label class="check"><input type="checkbox" name="privacy" required /><span>I have read the <a href="/privacy" target="_blank">privacy notice</a> and agree to my messages being processed so that companions can answer.</span></label>
      </fieldset>
      <${Wrong} text=${faults.form ?? faults.consents} />
      <button class="btn p big wide" disabled=${busy}>${busy ? "One moment" : "Create account"}</button>
    </form>
    <p class="else">Have an account? <a href="/log-in">Log in</a></p>
  </${Page}>`;
}

/** @param {{ label: string, name: string, options: [string, string][], chosen: string, help?: string, fault?: string }} props */
export function Choice({ label, name, options, chosen, help, fault }) {
  return html`<div class="field"><label for=${`in-${name}`}>${label}</label>
    <select class="input" id=${`in-${name}`} name=${name} aria-invalid=${fault ? "true" : undefined}>
      ${options.map(([value, text]) => html`<option value=${value} selected=${value === chosen}>${text}</option>`)}
    </select>
    ${fault ? html`<p class="bad">${fault}</p>` : null}${help ? html`<p class="help">${help}</p>` : null}
  </div>`;
}

export function LogIn() {
  const { faults, busy, submit } = useForm();
  /** @param {FormData} form */
  const act = async (form) => {
    await logIn(String(form.get("email")).trim(), String(form.get("password")));
    farewell.value = "";
    go("/chats", { replace: true });
  };
  return html`<${Page} title="Welcome back">
    ${farewell.value ? html`<p class="note" role="status">${farewell.value}</p>` : null}
    <form onSubmit=${(/** @type {Event} */ event) => submit(event, act)}>
      <${Field} label="E-mail or username" name="email" required autocomplete="username" autocapitalize="none" spellcheck="false" fault=${faults.email} />
      <${Field} label="Password" name="password" type="password" required autocomplete="current-password" fault=${faults.password} />
      <${Wrong} text=${faults.form} />
      <button class="btn p big wide" disabled=${busy}>${busy ? "One moment" : "Log in"}</button>
    </form>
    <p class="else"><a href="/forgot">Forgot your password?</a></p>
    <p class="else">New here? <a href="/sign-up">Create an account</a></p>
  </${Page}>`;
}

export function Forgot() {
  const { faults, busy, submit } = useForm();
  const [email, setEmail] = useState("");
  /** @param {FormData} form */
  const mail = async (form) => {
    const to = String(form.get("email")).trim();
    await api("POST", "users/password/forgot", { body: { email: to }, open: true });
    setEmail(to);
  };
  /** @param {FormData} form */
  const reset = async (form) => {
    await api("POST", "users/password/reset", { body: { email, code: String(form.get("code")).trim(), new_password: String(form.get("new_password")) }, open: true });
    toast("Your password is changed. Log in with it.");
    go("/log-in", { replace: true });
  };
  if (!email) {
    return html`<${Page} title="Reset your password" lead="We mail you a code of eight digits. It works for a quarter of an hour.">
      <form onSubmit=${(/** @type {Event} */ event) => submit(event, mail)}>
        <${Field} label="E-mail" name="email" type="email" required autocomplete="email" fault=${faults.email} />
        <${Wrong} text=${faults.form} />
        <button class="btn p big wide" disabled=${busy}>Send the code</button>
      </form>
      <p class="else"><a href="/log-in">Back to log in</a></p>
    </${Page}>`;
  }
  return html`<${Page} title="Check your mail" lead=${`If ${email} has an account, a code is on its way.`}>
    <form key="reset" onSubmit=${(/** @type {Event} */ event) => submit(event, reset)}>
      <${Field} label="Code" name="code" required inputmode="numeric" pattern="[0-9]{8}" maxlength="8" title="Eight digits" autocomplete="one-time-code" fault=${faults.code} />
      <${Field} label="New password" name="new_password" type="password" required minlength="8" maxlength="256" autocomplete="new-password" fault=${faults.new_password} help="8 characters or more. You will be logged out everywhere." />
      <${Wrong} text=${faults.form} />
      <button class="btn p big wide" disabled=${busy}>Change the password</button>
    </form>
    <p class="else"><button type="button" class="link" onClick=${() => setEmail("")}>Another address</button></p>
  </${Page}>`;
}
