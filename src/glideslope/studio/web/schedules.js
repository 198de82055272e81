// The list of schedules as texts, with what is wrong with each at its column.

import { button, h, say } from "./dom.js";
import { dashAt, dress, swatch } from "./report.js";

/** The colour of a curve by its place. @param {number} place */
export const colourAt = (place) => `var(--c${place % 8})`;

/**
 * The place of the curve of each schedule on the chart: those of one text share a curve; null where none is drawn.
 * @param {any[]} states
 * @returns {(number | null)[]}
 */
export function curvesOf(states) {
  const drawn = [...new Set(states.filter((state) => !("message" in state)).map((state) => state.canonical))];
  return states.map((state) => ("message" in state ? null : drawn.indexOf(state.canonical)));
}

/**
 * A list of texts that are edited.
 * @param {{texts: string[], chosen: number, most: number, change: (texts: string[], chosen: number) => void}} options
 */
export function scheduleList({ texts, chosen, most, change }) {
  const root = h("div", { class: "texts" });
  /** @type {{row: any, input: any, problem: any}[]} */
  let rows = [];

  function build() {
    rows = texts.map((text, i) => {
      const id = `schedule-${i}`;
      const input = h("input", {
        id, value: text, spellcheck: "false", autocomplete: "off", autocapitalize: "off", "aria-label": `Schedule ${i + 1}`,
        "aria-describedby": `${id}-problem`, maxlength: 4000,
        oninput: () => { texts[i] = input.value; change(texts, chosen); },
        onfocus: () => { if (chosen !== i) { chosen = i; mark(); change(texts, chosen); } },
      });
      const problem = h("div", { class: "problem", id: `${id}-problem`, role: "alert" });
      const row = h(
        "div", { class: "line" }, swatch(), input,
        texts.length > 1
          ? button("×", () => { texts.splice(i, 1); chosen = Math.min(chosen, texts.length - 1); build(); change(texts, chosen); },
            { "aria-label": `Remove schedule ${i + 1}`, class: "small" })
          : null,
        problem,
      );
      return { row, input, problem };
    });
    root.replaceChildren(...rows.map(({ row }) => row));
    if (texts.length < most) root.append(button("Add a schedule", () => add("cosine"), { class: "add" }));
    mark();
  }

  function mark() {
    rows.forEach(({ row }, i) => row.classList.toggle("chosen", i === chosen && texts.length > 1));
  }

  /** @param {string} text */
  function add(text) {
    if (texts.length >= most) {
      say(`There is room for ${most} schedules: remove one first.`);
      return;
    }
    texts.push(text);
    chosen = texts.length - 1;
    build();
    change(texts, chosen);
    rows[chosen].input.focus();
  }

  build();
  return {
    root,
    add,
    /** Puts a text in the place of the one that is edited. @param {string} text */
    replace(text) {
      texts[chosen] = text;
      if (rows[chosen].input.value !== text) rows[chosen].input.value = text;
    },
    /** Shows what is wrong with each, and the colours of those that are drawn. @param {any[]} states */
    show(states) {
      const curves = curvesOf(states);
      states.forEach((state, i) => {
        const { row, input, problem } = rows[i] ?? {};
        if (!row) return;
        input.setAttribute("aria-invalid", String("message" in state));
        const place = curves[i];
        dress(row.querySelector(".swatch"), place === null ? "transparent" : colourAt(place), dashAt(place ?? 0));
        problem.replaceChildren(...("message" in state ? described(state, texts[i]) : []));
      });
    },
  };
}

/** @param {{message: string, column: number | null}} state @param {string} text */
function described({ message, column }, text) {
  const said = h("p", {}, message.replace(/ at column \d+ of .*$/s, column == null ? "$&" : ` (column ${column + 1})`));
  if (column == null) return [said];
  const characters = [...text]; // as the parser counts them: one of two units, such as 😀, is one column
  const [before, at, after] = [characters.slice(0, column), characters.slice(column, column + 1), characters.slice(column + 1)].map((part) => part.join(""));
  return [h("pre", { "aria-hidden": "true" }, before, h("mark", {}, at || " "), after), said];
}
