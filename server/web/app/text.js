/** Words as people typed them, with *emphasis* shown. Nothing else is interpreted. */
import { html } from "./ui.js";

const EMPHASIS = /\*\*([^*\n]+)\*\*|\*([^*\n]+)\*/g;

/** @typedef {{ kind: "plain" | "em" | "strong", text: string }} Piece */

/** @param {string} text @returns {Piece[]} */
export function pieces(text) {
  /** @type {Piece[]} */
  const found = [];
  let at = 0;
  for (const match of text.matchAll(EMPHASIS)) {
    if (match.index > at) found.push({ kind: "plain", text: text.slice(at, match.index) });
    found.push(match[1] ? { kind: "strong", text: match[1] } : { kind: "em", text: match[2] });
    at = match.index + match[0].length;
  }
  if (at < text.length) found.push({ kind: "plain", text: text.slice(at) });
  return found;
}

/** @param {{ text: string }} props */
export function Words({ text }) {
  return pieces(text).map((piece, i) => {
    if (piece.kind === "em") return html`<em key=${i}>${piece.text}</em>`;
    if (piece.kind === "strong") return html`<strong key=${i}>${piece.text}</strong>`;
    return piece.text;
  });
}
