/** Parts that several screens use: faces, balance, dialogs, menus, fields. */
import { Alive } from "./face.js";
import { balance } from "./format.js";
import { spendable, state } from "./live.js";
import { computed, html, icon, useEffect, useId, useLayoutEffect, useRef, useState } from "./ui.js";

/** @typedef {import("./ui.js").Child} Child */

/** A portrait's address in a size. @param {string} path @param {number} size */
export function portrait(path, size) {
  return `${path}${path.includes("?") ? "&" : "?"}size=${size}`;
}

/** The same portrait as a drawing: sharp at any size, and cheap for the server. @param {string} path */
export function drawing(path) {
  return path.replace("/portrait.png", "/portrait.svg");
}

/** The sizes a browser may choose from: a big face costs the server half a second once. @param {string} path */
export function faces(path) {
  return [256, 512].map((size) => `${portrait(path, size)} ${size}w`).join(", ");
}

/** @param {{ name: string, src?: string | null, size?: string, alive?: string }} props `alive`: whose face moves here */
export function Avatar({ name, src, size = "s44", alive = "" }) {
  const [failed, setFailed] = useState(false);
  const pixels = size === "s32" || size === "s40" || size === "s44" ? 96 : 256;
  return html`<span class=${`ava ${size}`}>
    ${src && !failed
      ? html`<img src=${portrait(src, pixels)} alt="" loading="lazy" decoding="async" onError=${() => setFailed(true)} />${alive ? html`<${Alive} portrait=${src} companion=${alive} />` : null}`
      : html`<span class="initial" aria-hidden="true">${[...name][0] ?? "?"}</span>`}
  </span>`;
}

const anyReply = computed(() => Object.keys(state.value.replies).length > 0);

/** Credits left; it ticks while a reply is being written. */
export function Balance() {
  const left = spendable.value;
  if (left === null) return null;
  const shown = balance(left);
  return html`<a class=${`bal num${anyReply.value ? " ticking" : ""}`} href="/wallet" aria-label=${`${shown} credits left. Open the wallet`}>
    <span class="coin" aria-hidden="true"></span><span data-balance>${shown}</span>
  </a>`;
}

/**
 * A modal window. Esc, the close button and a click outside close it.
 * @param {{ title: string, onClose: () => void, wide?: boolean, children?: Child }} props
 */
export function Dialog({ title, onClose, wide = false, children }) {
  const ref = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const id = useId();
  useLayoutEffect(() => {
    const before = document.activeElement;
    ref.current?.showModal();
    return () => { if (before instanceof HTMLElement) before.focus({ preventScroll: true }); };
  }, []);
  /** @param {MouseEvent} event */
  const outside = (event) => { if (event.target === ref.current) onClose(); };
  return html`<dialog ref=${ref} class=${wide ? "wide" : ""} aria-labelledby=${id} onClose=${onClose} onPointerDown=${outside}
      onCancel=${(/** @type {Event} */ event) => { event.preventDefault(); onClose(); }}>
    <header><h2 id=${id}>${title}</h2><button type="button" class="icon" aria-label="Close" onClick=${onClose}>${icon("close")}</button></header>
    <div class="body" tabindex="-1">${children}</div>
  </dialog>`;
}

const FACES = [["❤️", "Love"], ["👍", "Agree"], ["😂", "Funny"], ["😮", "Surprised"], ["😢", "Sad"]];

/** @typedef {{ label: string, icon: string, act: () => void, danger?: boolean } | null} Item */

/**
 * One menu for right click, long press and button. `at` is where it opens; null lines divide.
 * @param {{ label: string, items: Item[], at: { x: number, y: number }, onClose: () => void, faces?: { chosen: string, choose: (face: string | null) => void } | null }} props
 */
export function Menu({ label, items, at, onClose, faces = null }) {
  const ref = useRef(/** @type {HTMLDivElement | null} */ (null));
  useLayoutEffect(() => {
    const menu = ref.current;
    if (!menu) return undefined;
    const before = document.activeElement;
    menu.showPopover();
    const box = menu.getBoundingClientRect();
    const x = Math.max(8, Math.min(at.x, innerWidth - box.width - 8));
    const y = Math.max(8, at.y + box.height > innerHeight - 8 ? Math.min(at.y, innerHeight) - box.height - 8 : at.y);
    menu.style.left = `${x}px`;
    menu.style.top = `${y}px`;
    menu.querySelector("button")?.focus();
    return () => { if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true }); };
  }, []);
  /** @param {KeyboardEvent} event */
  const keys = (event) => {
    const buttons = /** @type {HTMLElement[]} */ ([...(ref.current?.querySelectorAll("button") ?? [])]);
    const now = buttons.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = { ArrowDown: now + 1, ArrowRight: now + 1, ArrowUp: now - 1, ArrowLeft: now - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      event.stopPropagation();
      onClose();
    } else if (to !== undefined) {
      event.preventDefault();
      buttons.at(to % buttons.length)?.focus();
    }
  };
  /** @param {ToggleEvent} event */
  const toggled = (event) => { if (event.newState === "closed") onClose(); };
  return html`<div ref=${ref} class="menu" role="menu" aria-label=${label} popover="auto" onKeyDown=${keys} onToggle=${toggled}>
    ${faces ? html`<div class="faces" role="group" aria-label="React">${FACES.map(([face, name]) => html`<button type="button" role="menuitemradio" tabindex="-1" key=${face} aria-label=${name} aria-checked=${faces.chosen === face ? "true" : "false"}
      onClick=${() => { onClose(); faces.choose(faces.chosen === face ? null : face); }}>${face}</button>`)}</div>` : null}
    ${items.map((item) => item === null ? html`<hr />` : html`<button type="button" role="menuitem" tabindex="-1" class=${item.danger ? "danger" : ""}
      onClick=${() => { onClose(); item.act(); }}>${icon(item.icon)}${item.label}</button>`)}
  </div>`;
}

/**
 * A labelled input with its help and its fault. `value` is what it begins with: what is typed stays, whatever
 * is drawn anew around it.
 * @param {{ label: string, name: string, type?: string, value?: string, help?: string, fault?: string, onInput?: (value: string) => void } & Record<string, unknown>} props
 */
export function Field({ label, name, type = "text", value, help, fault, onInput, ...rest }) {
  const id = useId();
  const [open, setOpen] = useState(false);
  const described = [fault && `${id}-bad`, help && `${id}-help`].filter(Boolean).join(" ") || undefined;
  const input = html`<input id=${id} class="input" name=${name} type=${type === "password" && open ? "text" : type}
    aria-invalid=${fault ? "true" : undefined} aria-describedby=${described} defaultValue=${value}
    onInput=${(/** @type {{ currentTarget: HTMLInputElement }} */ event) => onInput?.(event.currentTarget.value)} ...${rest} />`;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${type === "password"
      ? html`<div class="secret">${input}<button type="button" aria-pressed=${open ? "true" : "false"} aria-label=${open ? "Hide the password" : "Show the password"} onClick=${() => setOpen(!open)}>${open ? "Hide" : "Show"}</button></div>`
      : input}
    ${fault ? html`<p class="bad" id=${`${id}-bad`}>${fault}</p>` : null}
    ${help ? html`<p class="help" id=${`${id}-help`}>${help}</p>` : null}
  </div>`;
}

/** Things to load once: the value, the fault, and a way to load again.
 * @template T @param {() => Promise<T>} load @param {unknown[]} inputs
 * @returns {{ value: T | null, fault: string, reload: () => void, set: (value: T) => void }} */
export function useLoaded(load, inputs) {
  const [value, set] = useState(/** @type {T | null} */ (null));
  const [fault, setFault] = useState("");
  const [count, setCount] = useState(0);
  useEffect(() => {
    let current = true;
    setFault("");
    load().then((got) => { if (current) set(got); }, (error) => { if (current) setFault(error.message); });
    return () => { current = false; };
  }, [...inputs, count]);
  return { value, fault, reload: () => setCount((/** @type {number} */ now) => now + 1), set };
}

/** What went wrong, with a way on. @param {{ text: string, act?: () => void, label?: string }} props */
export function Fault({ text, act, label = "Try again" }) {
  return html`<div class="empty" role="alert"><p>${text}</p>${act ? html`<button type="button" class="btn" onClick=${act}>${label}</button>` : null}</div>`;
}
