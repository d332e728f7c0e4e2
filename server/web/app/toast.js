/** Short words at the bottom of the screen that go away by themselves. */
import { html, signal } from "./ui.js";

/** @type {import("../vendor/signals.js").Signal<{ id: number, text: string }[]>} */
const shown = signal([]);
let counter = 0;

/** @param {string} text */
export function toast(text) {
  const id = ++counter;
  shown.value = [...shown.peek(), { id, text }].slice(-3);
  setTimeout(() => { shown.value = shown.peek().filter((one) => one.id !== id); }, 3000 + text.length * 45);
}

export function Toasts() {
  return html`<div class="toasts" role="status">${shown.value.map((one) => html`<div class="toast" key=${one.id}>${one.text}</div>`)}</div>`;
}
