/** The door to a companion's figure: everything behind it is fetched when somebody opens it. */
import { html, useEffect, useState } from "./ui.js";

/** @typedef {import("./ui.js").Child} Child */

/** @param {{ companion: string }} props */
export function FigureDoor({ companion }) {
  const [screen, setScreen] = useState(/** @type {{ FigureScreen: (props: { companion: string }) => Child } | null} */ (null));
  const [fault, setFault] = useState(false);
  useEffect(() => { import("./screens/figure.js").then(setScreen, () => setFault(true)); }, []);
  if (screen) return html`<${screen.FigureScreen} companion=${companion} key=${companion} />`;
  return html`<main class="starting" id="main">${fault ? html`<p role="alert">The viewer could not be loaded. <a href=${`/discover/${companion}`}>Back</a></p>` : html`<i class="spin"></i><span class="sr">The viewer is loading</span>`}</main>`;
}
