// Every schedule by name, as pictures to start from.

import { ask } from "./api.js";
import { h, say } from "./dom.js";

/** @param {(text: string) => void} take */
export function gallery(take) {
  const grid = h("div", { class: "gallery" });
  const details = h("details", {}, h("summary", {}, "Gallery: every schedule by name"), grid);
  details.addEventListener("toggle", async () => {
    if (!details.open || grid.childElementCount) return;
    try {
      const entries = await ask("api/gallery");
      grid.append(...entries.map((/** @type {any} */ entry) => h(
        "button", { type: "button", title: entry.summary, onclick: () => take(entry.example) }, picture(entry.curve), h("code", {}, entry.example),
      )));
    } catch (/** @type {any} */ error) {
      say(error.message);
    }
  });
  return details;
}

/** @param {number[]} curve */
function picture(curve) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 30");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", curve.map((y, i) => `${(i / (curve.length - 1)) * 100},${28 - 26 * y}`).join(" "));
  svg.append(line);
  return svg;
}
