// The slider of a rate, with the rates marked at which descent crawls, converges, oscillates and diverges.

import { entered, h, plain, short } from "./dom.js";

const NAMES = ["crawls", "converges", "oscillates", "diverges"];
const POSITIONS = 1000;

/**
 * @param {number} rate
 * @param {(rate: number) => void} change
 */
export function rateSlider(rate, change) {
  let [low, high] = [rate / 300, rate * 300];
  const input = h("input", { type: "range", id: "rate", min: 0, max: POSITIONS, step: 1 });
  const exact = h("input", { "aria-label": "Rate, as a number", inputmode: "decimal", class: "exact", autocomplete: "off" });
  const wrong = entered(exact, set, { most: 1e6 });
  const bar = h("div", { class: "regimes", "aria-hidden": "true" });
  const names = h("div", { class: "regimes names", "aria-hidden": "true" });
  const verdict = h("p", { class: "note verdict", id: "verdict" });
  input.setAttribute("aria-describedby", "verdict");
  const share = (/** @type {number} */ value) => Math.log(value / low) / Math.log(high / low);
  /** None of an optimizer without marks; undefined where nothing is known. @type {(number | null)[] | null | undefined} */ let marks;
  let place = "Where the ball is";

  function show() {
    input.value = String(Math.round(POSITIONS * Math.min(Math.max(share(rate), 0), 1)));
    input.setAttribute("aria-valuetext", short(rate));
    if (document.activeElement !== exact) {
      exact.value = plain(Number(rate.toPrecision(4)));
      exact.setAttribute("aria-invalid", "false");
      wrong.textContent = "";
    }
    const known = marks && marks.every((mark) => mark != null);
    const regime = known ? NAMES[/** @type {number[]} */ (marks).filter((mark) => rate > mark).length] : "";
    verdict.textContent = marks === undefined ? "" : marks === null
      ? "This optimizer scales each slope, so no rate of descent is marked."
      : known ? `${place}, descent would diverge from ${short(marks[2])} on: this rate ${regime}.` : `${place}, the surface doesn't curve upwards along what moves: no rate of descent is marked.`;
    verdict.dataset.regime = regime;
    const ends = known ? [0, .../** @type {number[]} */ (marks).map((mark) => Math.min(Math.max(share(mark), 0), 1)), 1] : [0, 1];
    const widths = ends.slice(1).map((end, i) => 100 * (end - ends[i]));
    bar.replaceChildren(...widths.map((width, i) => h("span", { style: `width:${width}%`, "data-regime": known ? NAMES[i] : "", title: known ? NAMES[i] : null })));
    // Below, where each has the room of its name at least: a part of the bar can be narrower.
    names.replaceChildren(...widths.flatMap((width, i) => (known && width > 0 ? [h("span", { style: `flex-grow:${width}` }, h("i", { "data-regime": NAMES[i] }), NAMES[i])] : [])));
  }

  /** @param {number} value */
  function set(value) {
    rate = value;
    show();
    change(value);
  }

  input.addEventListener("input", () => set(Number((low * (high / low) ** (Number(input.value) / POSITIONS)).toPrecision(3))));
  const root = h("div", { class: "field wide rate" }, h("label", { for: "rate" }, "Rate"), exact, wrong, h("div", { class: "scale" }, input, bar, names), verdict);
  show();
  return {
    root,
    /** Other marks, of the ball that is chosen. @param {(number | null)[] | null | undefined} limits @param {number} value @param {boolean} anew whether the range begins anew @param {string} where the marks are taken */
    show(limits, value, anew, where) {
      [marks, rate, place] = [limits, value, where];
      if (anew) {
        const middle = limits?.[2] ?? rate;
        [low, high] = [Math.min(middle / 1000, rate, (limits?.[0] ?? Infinity) / 3), Math.max(middle * 4, rate)];
      }
      show();
    },
  };
}
