// A surface with the ways of its balls, played back update by update, and their losses beside it.

import { button, chartFigure, h } from "./dom.js";
import { Chart } from "./report.js";
import { Surface } from "./surface.js";
import { WORDS } from "./words.js";

const FRAMES = 240; // of a whole play, at most

/**
 * @param {(point: number[]) => void} choose is called with the place that is pressed
 * @param {(frame: number) => void} [moved] is called with the position of the playback
 * @param {import("./words.js").Words} [words] what is written on it
 */
export function stage(choose, moved = () => {}, words = WORDS.en) {
  const surface = new Surface(choose);
  surface.canvas.setAttribute("aria-label", words.surface);
  const figure = chartFigure(words.losses);
  /** @type {any} */ let chart = null;
  /** @type {any} */ let answer = null;
  let [frame, chosen, timer] = [0, 0, 0];
  /** The updates of the playback: those of the ball that makes the most. Balls may keep positions after different ones. @returns {number[]} */
  const times = () => answer.balls.map((/** @type {any} */ ball) => ball.at ?? [0])
    .reduce((/** @type {number[]} */ most, /** @type {number[]} */ at) => (Number(at.at(-1)) > Number(most.at(-1)) ? at : most));
  const last = () => times().length - 1;
  const scrub = h("input", { type: "range", min: 0, max: 1, value: 1, "aria-label": words.position });
  const counter = h("output", { class: "counter" });
  const run = button(words.run, () => (timer ? pause() : play()), { class: "first" });

  /** @param {number} to */
  function go(to) {
    frame = Math.min(Math.max(to, 0), last());
    scrub.value = String(frame);
    const update = times()[frame];
    counter.textContent = words.at(update.toLocaleString("en-US"));
    scrub.setAttribute("aria-valuetext", counter.textContent);
    surface.ways = answer.balls.map((/** @type {any} */ ball, /** @type {number} */ i) => {
      const way = ball.at ? ball : { positions: [[], []], losses: [], at: [] };
      return { way, upto: way.at.findLastIndex((/** @type {number} */ at) => at <= update), chosen: i === chosen };
    });
    surface.draw();
    moved(Math.max(surface.ways[chosen].upto, 0));
  }

  function pause() {
    clearInterval(timer);
    timer = 0;
    run.textContent = words.run;
  }

  function play() {
    if (frame >= last()) go(0);
    const stride = Math.max(1, Math.ceil(last() / FRAMES));
    run.textContent = words.pause;
    timer = window.setInterval(() => {
      go(frame + stride);
      if (frame >= last()) pause();
    }, Math.max(16, Math.min(120, 6000 / (last() + 1))));
  }

  scrub.addEventListener("input", () => { pause(); go(Number(scrub.value)); });
  const root = h(
    "div", { class: "stage" },
    surface.canvas,
    h(
      "div", { class: "transport" }, run,
      button(words.back, () => { pause(); go(frame - 1); }), button(words.step, () => { pause(); go(frame + 1); }),
      button(words.start, () => { pause(); go(0); }), scrub, counter,
    ),
    figure,
  );
  return {
    root, surface,
    /** @param {any} reply the answer of the server @param {number} ball the one that is chosen */
    show(reply, ball) {
      const before = answer && frame < last() ? frame : null;
      answer = reply;
      chosen = ball;
      surface.set({ dimensions: reply.dimensions, window: reply.window, height: reply.height });
      if (chart) chart.update(reply.chart);
      else {
        chart = new Chart(figure, reply.chart);
        chart.colour = (/** @type {number} */ group) => getComputedStyle(document.documentElement).getPropertyValue(`--b${group % 6}`).trim();
        chart.recolour();
      }
      scrub.max = String(last());
      go(before ?? last());
    },
    /** The position of the playback. */
    get frame() {
      return frame;
    },
    go, play, pause,
  };
}
