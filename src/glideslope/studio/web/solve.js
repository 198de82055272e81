// "Why not solve f'(x) = 0?": the places where the slope is zero, and what finding them costs.

import { ask, offline } from "./api.js";
import { button, h, short } from "./dom.js";
import { SIGNS } from "./surface.js";

const DIMENSIONS = [1, 2, 3, 4, 6, 8, 12];

/** A time. @param {number} seconds */
const time = (seconds) => (seconds < 0.1 ? `${short(1000 * seconds)} ms` : `${short(seconds)} s`);

/**
 * @param {() => any} game what is played
 * @param {(places: any[]) => void} mark shows the places on the surface
 */
export function solving(game, mark) {
  const said = h("p", { "aria-live": "polite" });
  const table = h("tbody");
  const shown = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "What solving costs", hidden: true }, h(
    "table", {},
    h("thead", {}, h("tr", {}, ...["variables", "places without a slope", "algebra finds them all", "descent finds one"].map((text) => h("th", { scope: "col", class: "text" }, text)))),
    table,
  ));

  let solved = 0;

  async function solve() {
    const mine = ++solved;
    said.textContent = "Solving …";
    try {
      const { places, newton_seconds: seconds, algebra } = await ask("api/solve", game());
      if (mine !== solved) return; // of a surface that was left
      mark(places);
      const kinds = new Map();
      for (const { kind } of places) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      const counted = [...kinds].map(([kind, count]) => `${count} × ${kind} ${SIGNS[kind]}`).join(", ");
      const newton = seconds == null ? "" : places.length
        ? `Newton's method from a grid of places finds ${places.length} in the picture (${counted}) in ${time(seconds)}, and must be started from everywhere to find them. `
        : "Newton's method finds no such place in the picture. ";
      said.textContent = newton + (algebra.count == null
        ? `Algebra finds none: ${algebra.problem}.`
        : `Algebra finds ${algebra.count} in ${time(algebra.seconds)}.`);
    } catch (/** @type {any} */ error) {
      if (mine === solved) said.textContent = error.message;
    }
  }

  let races = 0;

  async function compare() {
    const race = ++races;
    shown.hidden = false;
    table.replaceChildren();
    let trying = true;
    for (const dimensions of DIMENSIONS) {
      said.textContent = `Racing in ${dimensions} variable${dimensions === 1 ? "" : "s"} …`;
      try {
        const row = await ask("api/dimensions", { dimensions, solve: trying });
        if (race !== races) return; // another began
        const algebra = row.count != null ? `${time(row.algebra_seconds)}, ${row.count} of them real` : trying ? row.problem : "not tried";
        if (row.count == null) trying = false;
        table.append(h("tr", {}, ...[String(dimensions), short(row.places), algebra, `${time(row.descent_seconds)}, ${row.updates} updates`].map((text, i) => h(i ? "td" : "th", i ? {} : { scope: "row" }, text))));
      } catch (/** @type {any} */ error) {
        said.textContent = error.message;
        return;
      }
    }
    said.textContent = "";
  }

  const root = h(
    "section", { class: "why" }, h("h2", {}, "Why not solve f′(x) = 0?"),
    h("p", {}, "The lowest place has no slope, so one could look for all places without one. Each valley, each top and each pass between two valleys is such a place, and their number multiplies with every variable."),
    h("div", { class: "row" }, button("Solve this surface", solve, { class: "plain" }), button("Race algebra against descent", compare, { class: "plain" })),
    said, shown,
  );
  return { root: offline ? h("span") : root, clear: () => { solved++; said.textContent = ""; mark([]); } };
}
