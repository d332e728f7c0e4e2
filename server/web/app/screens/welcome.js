/** The first page: what this is, whom it is for, and what it costs. */
import { api } from "../api.js";
import { Alive } from "../face.js";
import { credits } from "../format.js";
import { meta, readMeta } from "../live.js";
import { faces, portrait, useLoaded } from "../parts.js";
import { html, icon, Mark, useEffect } from "../ui.js";
import { Legal } from "./sign.js";

const PERIODS = /** @type {Record<string, string>} */ ({ day: "a day", week: "a week", month: "a month" });

export function Welcome() {
  useEffect(() => { void readMeta(); }, []);
  const cast = useLoaded(() => api("GET", "companions?limit=8", { open: true }), []);
  const about = meta.value;
  const plan = about?.plans?.[about.default_plan];
  /** @type {import("../../types.d.ts").ServerFrame[]} */
  const met = cast.value?.items ?? [];
  return html`<div class="welcome">
    <header class="hello"><a class="brand" href="/welcome"><${Mark} size=${36} /><span>Kindred</span></a>
      <nav aria-label="Account"><a class="btn line" href="/log-in">Log in</a></nav></header>
    <main id="main">
      <section class="hero">
        <div class="pitch">
          <h1>Someone to talk to, word by word</h1>
          <p class="lead">AI companions with their own temper, taste and opinions. They answer while you watch, they can be stopped in mid-sentence, and you always see what a reply costs.</p>
          <p class="doors"><a class="btn p big" href="/sign-up">Create an account</a></p>
          <p class="soft small">${plan ? `Free: ${credits(plan.allowance_microcredits)} credits ${PERIODS[plan.allowance_period] ?? ""}. No card needed.` : " "}</p>
        </div>
        <ul class="faces" aria-label="Some of the companions">
          ${(met.length ? met : Array.from({ length: 6 }, () => null)).slice(0, 6).map((/** @type {any} */ one) => one
            ? html`<li class="hue" style=${{ "--h": one.hue }}><img src=${portrait(one.portrait, 256)} srcset=${faces(one.portrait)} sizes="(max-width: 820px) 30vw, 180px" alt="" width="256" height="256" decoding="async" /><${Alive} portrait=${one.portrait} companion=${one.id} /><span><b>${one.name}</b>, ${one.age}<small>${one.tagline}</small></span></li>`
            : html`<li class="bone"></li>`)}
        </ul>
      </section>
      <section class="claims" aria-label="What to expect">
        <article>${icon("shield")}<h2>For adults</h2><p>You must be ${about?.minimum_age_years ?? 18} or older, and so is every companion.</p></article>
        <article>${icon("spark")}<h2>AI, and it says so</h2><p>Companions are software. Each conversation says so at its head, and nobody pretends otherwise.</p></article>
        <article>${icon("receipt")}<h2>Honest about cost</h2><p>${cost(about)} The most it can cost is shown before, the sum runs while it is written, and a receipt stays after.</p></article>
      </section>
      ${about?.demo_model ? html`<p class="note">${icon("info")}<span>This server runs a small demonstration model. It writes real sentences, but not clever ones. The operator can connect a better model at any time.</span></p>` : null}
    </main>
    <${Legal} />
  </div>`;
}

/** @param {Record<string, any> | null} about */
function cost(about) {
  const prices = about?.prices;
  if (!prices) return "Every reply is paid in credits.";
  if (!prices.input_microcredits_per_1k && !prices.output_microcredits_per_1k) return "Words are free here.";
  const least = prices.minimum_microcredits ? `A reply costs ${credits(prices.minimum_microcredits)} credits or more, by its length.` : "A reply is paid by its length.";
  return `${least} You pay only for what arrives.`;
}
