/** Choosing a companion: a gallery with search and tags, and one companion in full. */
import { talkTo } from "../actions.js";
import { api } from "../api.js";
import { Alive } from "../face.js";
import { Avatar, Balance, drawing, Fault, faces, portrait, useLoaded } from "../parts.js";
import { back } from "../router.js";
import { Problem } from "../session.js";
import { Shell } from "../shell.js";
import { toast } from "../toast.js";
import { html, icon, useEffect, useRef, useState } from "../ui.js";
import { MakeOffer, room } from "./offer.js";

/** @typedef {import("../../types.d.ts").Person} Person */
/**
 * @typedef {{ id: string, slug: string, name: string, tagline: string, age: number, gender: string,
 *   tier: "free" | "premium" | "exclusive", rating: string, hue: number, portrait: string, tags: string[], languages: string[] }} Card
 */
/**
 * @typedef {Card & { full_name: string, pronouns: string, culture: string, background: string, conversation_style: string, temperament: string[],
 *   greetings: string[], backstory: string, opinion: string, interests: string[], likes: string[], dislikes: string[], boundaries: string[], locked: boolean }} Profile
 */
/** @typedef {{ items: Card[], has_more: boolean, cursor: string | null, facets: Record<string, Record<string, number>> }} Page */

const TAGS_SHOWN = 12;
const TYPING_MS = 250;

/** @param {{ chosen?: string }} props */
export function Discover({ chosen }) {
  return html`<${Shell}>
    ${chosen ? html`<${Detail} id=${chosen} key=${chosen} />` : html`<${Gallery} />`}
  </${Shell}>`;
}

function Gallery() {
  const [query, setQuery] = useState("");
  const [asked, setAsked] = useState("");
  const [tags, setTags] = useState(/** @type {string[]} */ ([]));
  const [more, setMore] = useState(/** @type {Card[]} */ ([]));
  const [next, setNext] = useState(/** @type {string | null} */ (null));
  useEffect(() => {
    const timer = setTimeout(() => setAsked(query.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [query]);
  const search = `companions?limit=24&q=${encodeURIComponent(asked)}&tags=${encodeURIComponent(tags.join(","))}`;
  const { value, fault, reload } = useLoaded(async () => {
    /** @type {Page} */
    const page = await api("GET", search);
    setMore([]);
    setNext(page.has_more ? page.cursor : null);
    return page;
  }, [search]);
  const all = useRef(/** @type {[string, number][]} */ ([]));
  /** @type {{ items: Made[], most: number | null } | null} */
  const own = useLoaded(() => api("GET", "companions/mine"), []).value;
  if (value && !tags.length && !asked) all.current = Object.entries(value.facets?.tags ?? {}).sort((a, b) => b[1] - a[1]).slice(0, TAGS_SHOWN);
  /** @param {string} tag */
  const toggle = (tag) => setTags(tags.includes(tag) ? tags.filter((one) => one !== tag) : [...tags, tag]);
  const load = async () => {
    const page = await api("GET", `${search}&cursor=${next}`);
    setMore([...more, ...page.items]);
    setNext(page.has_more ? page.cursor : null);
  };
  const cards = value ? [...value.items, ...more] : [];
  return html`<main class="page gallery" id="main" tabindex="-1">
    <header class="head"><div><h1>Meet someone</h1><p class="soft">Each has a temper and a history of their own. All are adults, and all are AI.</p></div><div class="head-acts">${own && room(own) ? html`<a class="btn" href="/create">${icon("plus")}Make your own</a>` : null}<${Balance} /></div></header>
    <div class="tools">
      <div class="find">${icon("search")}<input class="input" type="search" aria-label="Search companions" placeholder="Name, interest, mood" value=${query} onInput=${(/** @type {{ currentTarget: HTMLInputElement }} */ e) => setQuery(e.currentTarget.value)} /></div>
      <div class="chips" role="group" aria-label="Tags">${all.current.map(([tag]) => html`<button key=${tag} type="button" class="chip" aria-pressed=${tags.includes(tag) ? "true" : "false"} onClick=${() => toggle(tag)}>${tag}</button>`)}</div>
    </div>
    ${fault ? html`<${Fault} text=${fault} act=${reload} />` : null}
    ${own ? html`<${MakeOffer} own=${own} />` : null}
    ${own?.items.length ? html`<${Yours} items=${own.items} />` : null}
    <ul class="deck" aria-busy=${value ? "false" : "true"}>
      ${value ? cards.map((card) => html`<${DeckCard} key=${card.id} card=${card} />`) : fault ? null : Array.from({ length: 8 }, (_, i) => html`<li key=${i} class="bone deck-bone"></li>`)}
    </ul>
    <p class="sr" role="status">${value ? `${cards.length} companions` : ""}</p>
    ${value && !cards.length ? html`<div class="empty"><h2>Nobody like that yet</h2><p>Try fewer words or another tag.</p><button type="button" class="btn" onClick=${() => { setQuery(""); setTags([]); }}>Show everyone</button></div>` : null}
    ${next ? html`<p class="center"><button type="button" class="btn" onClick=${load}>Show more</button></p>` : null}
  </main>`;
}

/** @typedef {{ companion: string, slug: string, review: string, why: string, card: Card, draft: { visibility: string } }} Made */

/** What one made oneself, with the way to go on making it. @param {{ items: Made[] }} props */
function Yours({ items }) {
  return html`<section class="yours" aria-label="Made by you"><ul class="members">${items.map(({ companion, slug, review, why, card, draft }) => html`<li key=${companion}>
    <${Avatar} name=${card.name} src=${card.portrait} size="s52" /><span class="names"><a href=${`/discover/${slug}`}><b>${card.name}</b></a><small class="soft">${draft.visibility === "private" ? "Only you" : { pending: "Waits for a review", rejected: `Not published${why ? `: ${why.length > 90 ? `${why.slice(0, 88)}…` : why}` : ""}`, approved: draft.visibility === "public" ? "Published" : "By link" }[review] ?? ""}</small></span>
    <a class="btn line" href=${`/create/${companion}`} aria-label=${`Change ${card.name}`}>${icon("edit")}Change</a></li>`)}</ul></section>`;
}

/** @param {{ card: Card }} props */
function DeckCard({ card }) {
  return html`<li class="deck-card hue" style=${{ "--h": card.hue }}>
    <a href=${`/discover/${card.slug}`} aria-label=${`${card.name}, ${card.age}. ${card.tagline}`}>
      <span class="face"><img src=${portrait(card.portrait, 256)} srcset=${faces(card.portrait)} sizes="(max-width: 820px) 45vw, 250px" alt="" loading="lazy" decoding="async" width="512" height="512" /><${Alive} portrait=${card.portrait} companion=${card.id} /></span>
      ${card.tier === "free" ? null : html`<span class="badge tier">${card.tier}</span>`}
      <span class="words"><b>${card.name}<small>${card.age}</small></b><span class="tagline">${card.tagline}</span><span class="tags">${card.tags.slice(0, 3).join(" · ")}</span></span>
    </a>
  </li>`;
}

const TRAITS = /** @type {[string, string, string][]} */ ([
  ["openness", "Down to earth", "Curious"],
  ["conscientiousness", "Spontaneous", "Orderly"],
  ["extraversion", "Quiet", "Outgoing"],
  ["agreeableness", "Contrary", "Gentle"],
  ["humour", "Serious", "Funny"],
  ["empathy", "Cool-headed", "Feeling"],
  ["playfulness", "Earnest", "Playful"],
]);

/** @param {{ id: string }} props */
function Detail({ id }) {
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState(/** @type {Problem | null} */ (null));
  /** @type {{ value: Profile | null, fault: string, reload: () => void }} */
  const { value, fault, reload } = useLoaded(() => api("GET", `companions/${encodeURIComponent(id)}`), [id]);
  const traits = useLoaded(() => api("GET", `companions/${encodeURIComponent(id)}/personality`), [id]).value?.traits;
  const [picture, setPicture] = useState(/** @type {typeof import("./picture_face.js") | null} */ (null));
  useEffect(() => { import("./picture_face.js").then(setPicture, () => undefined); }, []);
  useEffect(() => { if (value) document.title = `${value.name} · Kindred`; }, [value]);
  if (fault) return html`<main class="page" id="main" tabindex="-1"><${Fault} text=${fault} act=${reload} /></main>`;
  if (!value) return html`<main class="page" id="main" tabindex="-1" aria-busy="true"><div class="bone detail-bone"></div></main>`;
  const start = async () => {
    setBusy(true);
    try {
      await talkTo(value.id);
    } catch (error) {
      if (error instanceof Problem && error.status === 402) setRefused(error);
      else toast(/** @type {Error} */ (error).message);
      setBusy(false);
    }
  };
  return html`<main class="detail hue" id="main" tabindex="-1" style=${{ "--h": value.hue }}>
    <div class="poster"><img src=${drawing(value.portrait)} alt=${`Portrait of ${value.name}`} width="1024" height="1024" /><${Alive} portrait=${value.portrait} companion=${value.id} />
      <button type="button" class="icon over" aria-label="Back" onClick=${() => back("/discover")}>${icon("back")}</button></div>
    <div class="story">
      <header><h1>${value.name} <small>${value.age}</small></h1><p class="tagline">${value.tagline}</p>
        <p class="facts"><span class="badge">AI companion</span>${value.tier === "free" ? null : html`<span class="badge warn">${value.tier}</span>`}<span class="soft">${value.pronouns} · ${value.culture} · ${value.background}</span></p></header>
      <div class="start"><button type="button" class="btn p big" disabled=${busy} onClick=${start}>${icon("chat")}Start talking</button>
        <a class="btn line" href=${`/discover/${value.slug}/figure`}>${icon("cube")}See in 3D</a>
        ${refused ? html`<p class="bad-line" role="alert">${refused.message} <a href="/wallet">See plans</a></p>` : value.locked ? html`<p class="soft small">${value.name} comes with a larger plan. <a href="/wallet">See plans</a></p>` : null}</div>
      <blockquote class="bubble sample">${value.greetings[0]}</blockquote>
      <section><h2>What they are like</h2><div class="chips">${value.temperament.map((one) => html`<span class="chip" key=${one}>${one}</span>`)}</div>
        ${traits ? html`<ul class="traits">${TRAITS.filter(([key]) => key in traits).map(([key, low, high]) => html`<li key=${key}><span>${low}</span><b role="img" aria-label=${`${Math.round(traits[key] * 100)} of 100 from ${low} to ${high}`}><i style=${{ "inset-inline-start": `${traits[key] * 100}%` }}></i></b><span>${high}</span></li>`)}</ul>` : null}</section>
      <section><h2>Their story</h2>${value.backstory.split(/\n\s*\n/).map((one, i) => html`<p key=${i}>${one}</p>`)}</section>
      <section class="two"><div><h2>Likes</h2><ul class="plain">${value.likes.map((one) => html`<li key=${one}>${one}</li>`)}</ul></div><div><h2>Dislikes</h2><ul class="plain">${value.dislikes.map((one) => html`<li key=${one}>${one}</li>`)}</ul></div></section>
      <section><h2>An opinion</h2><p class="opinion">${value.opinion}</p></section>
      ${picture ? html`<${picture.PictureFace} companion=${value.id} name=${value.name} />` : null}
      <section><h2>Where they draw the line</h2><ul class="plain">${value.boundaries.map((one) => html`<li key=${one}>${one}</li>`)}</ul></section>
    </div>
  </main>`;
}
