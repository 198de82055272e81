// The room where schedules are drawn, by dragging and by text.

import { ask, offline } from "./api.js";
import { button, chartFigure, choice, h, latest, numberField, say, short } from "./dom.js";
import { handlesOver } from "./editor.js";
import { Chart } from "./report.js";
import { scheduleList } from "./schedules.js";

export const title = "Draw";

export const PLAN = {
  schedules: ["warmup(5%) >> hold() >> cooldown(20%, shape=sqrt)", "warmup(5%) >> cosine()"], steps: 10000, peak: 0.001, batch: 32, epoch: 50000,
  tokens: 1024, axis: "updates", chosen: 0,
};
const FORMS = /** @type {[string, string][]} */ ([
  ["text", "text"], ["torch", "torch"], ["optax", "Optax"], ["keras", "Keras"], ["transformers", "transformers"], ["deepspeed", "DeepSpeed"],
  ["json", "JSON"], ["csv", "CSV"],
]);

/**
 * @param {HTMLElement} root
 * @param {any} state
 * @param {(state: any) => void} save
 */
export function open(root, state, save) {
  const plan = { ...PLAN, ...state, schedules: [...(state?.schedules ?? PLAN.schedules)] };
  const figure = chartFigure("The rate of each schedule over the training");
  const worth = h("p", { class: "note", id: "worth" });
  /** @type {any} */ let chart = null;
  /** @type {any} */ let handles = null;

  /** @param {any} answer */
  function show(answer) {
    if (chart) chart.update(answer.chart);
    else {
      chart = new Chart(figure, answer.chart);
      handles = handlesOver(chart, (change, base) => edit({ ...change, plan: base }), () => structuredClone(plan));
    }
    handles.show(offline ? [] : answer.handles, answer.end);
    list.show(answer.schedules);
    const { epochs, examples, tokens } = answer.worth;
    worth.textContent = `${short(plan.steps)} updates are ${short(epochs)} epochs, ${short(examples)} examples or ${short(tokens)} tokens.`;
    canPoint.hidden = answer.handles.length > 0;
    root.dataset.ready = "true";
  }

  const redraw = latest(async () => {
    save(plan);
    try {
      show(await ask("api/draw", plan));
    } catch (/** @type {any} */ error) {
      say(error.message);
    }
  });
  const edit = latest(async (/** @type {any} */ change) => {
    try {
      const answer = await ask("api/edit", change);
      list.replace(answer.text);
      show(answer);
      save(plan);
    } catch (/** @type {any} */ error) {
      say(error.message);
    }
  });
  const list = scheduleList({
    texts: plan.schedules, chosen: plan.chosen, most: 8,
    change: (texts, chosen) => { plan.schedules = texts; plan.chosen = chosen; redraw(null); },
  });
  const set = (/** @type {string} */ name) => (/** @type {any} */ value) => {
    /** @type {any} */ (plan)[name] = value;
    redraw(null);
  };
  const canPoint = h("p", { class: "note" }, "This schedule has no handles as it is written: turn it into points to drag it.");
  const code = h("pre", { tabindex: "0", hidden: true, class: "code" });
  let form = "torch";
  root.append(
    h("h2", { class: "sr" }, "Draw a schedule"),
    h(
      "div", { class: "bench" },
      h("div", { class: "picture" }, figure, list.root, canPoint),
      h(
        "fieldset", { class: "panel", disabled: offline }, h("legend", {}, "Training"),
        h(
          "div", { class: "fields" },
          numberField("Updates", plan.steps, set("steps"), { whole: true }), numberField("Peak rate", plan.peak, set("peak")),
          numberField("Batch", plan.batch, set("batch"), { unit: "examples" }), numberField("Epoch", plan.epoch, set("epoch"), { unit: "examples" }),
          numberField("Example", plan.tokens, set("tokens"), { unit: "tokens" }),
          choice("Axis", [["updates", "updates"], ["epochs", "epochs"], ["examples", "examples"], ["tokens", "tokens"]], plan.axis, set("axis")),
        ),
        worth,
        h("h3", {}, "Shape"),
        h("p", { class: "note" }, "Drag a handle on the chart, or move it with the arrow keys; Delete removes a point."),
        h(
          "div", { class: "row" },
          button("Turn into points", () => edit({ plan: structuredClone(plan), act: "points" })),
          button("Add a point", () => edit({ plan: structuredClone(plan), act: "add" })),
        ),
        h("h3", {}, "Take it with you"),
        h(
          "div", { class: "row" },
          choice("Copy as", FORMS, form, (value) => { form = value; }),
          button("Copy", () => copy()),
          button("Copy link", () => put(location.href, "The link holds all of this room's state.")),
        ),
        code,
      ),
    ),
    gallery((text) => list.add(text)),
  );

  async function copy() {
    try {
      const answer = await ask("api/copy", { plan, to: form });
      code.textContent = answer.code;
      code.hidden = false;
      await put(answer.code, "Copied.");
    } catch (/** @type {any} */ error) {
      say(error.message);
    }
  }

  redraw(null);
  return () => {};
}

/** @param {string} text @param {string} done */
async function put(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    say(done);
  } catch {
    say("This browser doesn't let the page copy: select the text.");
  }
}

/**
 * Every schedule by name, as pictures to start from.
 * @param {(text: string) => void} take
 */
function gallery(take) {
  const grid = h("div", { class: "gallery" });
  const details = h("details", {}, h("summary", {}, "Gallery: every schedule by name"), grid);
  details.addEventListener("toggle", async () => {
    if (!details.open || grid.childElementCount) return;
    const entries = await ask("api/gallery");
    grid.append(...entries.map((/** @type {any} */ entry) => {
      const points = entry.curve.map((/** @type {number} */ y, /** @type {number} */ i) => `${(i / (entry.curve.length - 1)) * 100},${28 - 26 * y}`);
      const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      picture.setAttribute("viewBox", "0 0 100 30");
      picture.setAttribute("aria-hidden", "true");
      const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
      line.setAttribute("points", points.join(" "));
      picture.append(line);
      return h("button", { type: "button", title: entry.summary, onclick: () => take(entry.example) }, picture, h("code", {}, entry.example));
    }));
  });
  return offline ? h("span") : details;
}
