// Elements, fields and small helpers.

import { short as digits } from "./report.js";

/**
 * An element; attributes whose names begin with "on" are listeners.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node | string | null)} children
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, String(value));
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

const WRITTEN = /^([+-]?(?:[1-9]\d{0,2}(?:[,\s]\d{3})+|\d+|(?=\.\d))(?:\.\d*)?(?:[eE][+-]?\d+)?)([kM]?)$/;
const TIMES = /** @type {Record<string, number>} */ ({ "": 1, k: 1e3, M: 1e6 });

/**
 * A number as people write it: 10000, 10,000, 10_000, 1e4, 10k, 2M; NaN where it is none. A comma parts thousands alone: 0,5 is none, and no 5.
 * @param {string} text
 */
export function number(text) {
  const parts = text.trim().replaceAll("_", "").match(WRITTEN);
  return parts ? Number(parts[1].replace(/[,\s]/g, "")) * TIMES[parts[2]] : NaN;
}

/**
 * A short text of a number.
 * @param {number | null | undefined} value
 */
export function short(value) {
  return value == null || !Number.isFinite(value) ? "—" : digits(value);
}

let fields = 0;

/** @typedef {{whole?: boolean, zero?: boolean, most?: number}} Range the numbers above 0, or from 0, that the server takes */

/**
 * Calls back with each number that is entered; of another text, what it returns says what to give.
 * @param {HTMLInputElement} input
 * @param {(value: number) => void} change
 * @param {Range} range
 */
export function entered(input, change, { whole = false, zero = false, most = 1e12 }) {
  const wrong = h("p", { class: "wrong", id: `wrong-${fields++}`, role: "alert" });
  input.setAttribute("aria-describedby", wrong.id);
  input.addEventListener("change", () => {
    const value = number(input.value);
    const fits = (value > 0 || (zero && value === 0)) && value <= most && (!whole || Number.isInteger(value));
    const point = input.value.includes(",") ? ", with a point before decimals" : "";
    input.setAttribute("aria-invalid", String(!fits));
    wrong.textContent = fits ? "" : `Give a ${whole ? "whole number" : "number"} ${zero ? "from 0" : whole ? "from 1" : "above 0"}, at most ${short(most)}${point}.`;
    if (fits) change(value);
  });
  return wrong;
}

/**
 * A labelled input of a number.
 * @param {string} label
 * @param {number} value
 * @param {(value: number) => void} change
 * @param {Range & {unit?: string}} [options]
 */
export function numberField(label, value, change, { unit = "", ...range } = {}) {
  const id = `field-${fields++}`;
  const input = h("input", { id, inputmode: "decimal", value: plain(value), autocomplete: "off", spellcheck: "false" });
  return h("div", { class: "field" }, h("label", { for: id }, label), input, unit ? h("span", { class: "unit" }, unit) : null, entered(input, change, range));
}

/**
 * A number as it is typed.
 * @param {number} value
 */
export function plain(value) {
  return Math.abs(value) >= 1e6 || (value !== 0 && Math.abs(value) < 1e-4) ? value.toExponential().replace("e+", "e") : String(value);
}

/**
 * A labelled choice.
 * @param {string} label
 * @param {[string, string][]} options values and texts
 * @param {string} value
 * @param {(value: string) => void} change
 */
export function choice(label, options, value, change) {
  const id = `field-${fields++}`;
  const select = h("select", { id }, ...options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
  select.addEventListener("change", () => change(select.value));
  return h("div", { class: "field" }, h("label", { for: id }, label), select);
}

/**
 * A labelled slider.
 * @param {string} label
 * @param {{min: number, max: number, step: number, value: number}} range
 * @param {(value: number) => void} change
 * @param {(value: number) => string} text what stands beside it
 */
export function slider(label, range, change, text) {
  const id = `field-${fields++}`;
  const shown = h("output", { for: id }, text(range.value));
  const input = h("input", { id, type: "range", ...range, "aria-valuetext": text(range.value) });
  input.addEventListener("input", () => {
    shown.textContent = text(Number(input.value));
    input.setAttribute("aria-valuetext", shown.textContent);
    change(Number(input.value));
  });
  return h("div", { class: "field wide" }, h("label", { for: id }, label), input, shown);
}

/**
 * A button.
 * @param {string} text
 * @param {(event: Event) => void} act
 * @param {Record<string, any>} [attributes]
 */
export function button(text, act, attributes = {}) {
  return h("button", { type: "button", onclick: act, ...attributes }, text);
}

/**
 * Says a line to those who read the screen by ear, and shows it for a moment.
 * @param {string} text
 */
export function say(text) {
  const said = /** @type {HTMLElement} */ (document.getElementById("said"));
  said.textContent = text;
  said.classList.add("shown");
  clearTimeout(Number(said.dataset.timer));
  said.dataset.timer = String(setTimeout(() => said.classList.remove("shown"), 3000 + 50 * text.length));
}

/**
 * A state with all that a room needs, and nothing that it doesn't know, whatever a link has.
 * @param {Record<string, any>} usual
 * @param {any} state
 * @returns {any}
 */
export function filled(usual, state) {
  return Object.fromEntries(Object.entries(usual).map(([name, value]) => [name, structuredClone(state?.[name] ?? value)]));
}

/**
 * Runs an asynchronous function once at a time; of calls that come meanwhile, the last one alone.
 * @template A
 * @param {(argument: A) => Promise<void>} run
 * @returns {(argument: A) => Promise<void>}
 */
export function latest(run) {
  /** @type {{argument: A} | null} */
  let waiting = null;
  /** @type {Promise<void> | null} */
  let running = null;
  return (argument) => {
    waiting = { argument };
    running ??= (async () => {
      try {
        while (waiting) {
          const next = waiting;
          waiting = null;
          await run(next.argument);
        }
      } finally {
        running = null;
      }
    })();
    return running;
  };
}

/**
 * A figure that a chart of the report is drawn in.
 * @param {string} label
 * @param {string} [role] "group" where there are handles in it
 */
export function chartFigure(label, role = "img") {
  return h(
    "figure", { class: "chart" },
    h("div", { class: "frame" }, h("div", { class: "plot", role, tabindex: "0", "aria-label": label }), h("div", { class: "side" })),
  );
}

/** Copies a text. @param {string} text @param {string} done what is said then */
export async function put(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    say(done);
  } catch {
    say("This browser doesn't let the page copy: select the text.");
  }
}
