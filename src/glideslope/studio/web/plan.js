// Schedules over one horizon, edited by text, by handles and by numbers; the rooms that draw and predict have it.

import { offline } from "./api.js";
import { button, chartFigure, choice, h, latest, numberField, say, short } from "./dom.js";
import { handlesOver } from "./editor.js";
import { Chart } from "./report.js";
import { colourAt, curvesOf, scheduleList } from "./schedules.js";

export const PLAN = {
  schedules: ["warmup(5%) >> hold() >> cooldown(20%, shape=sqrt)", "warmup(5%) >> cosine()"], steps: 10000, peak: 0.001, batch: 32, epoch: 50000,
  tokens: 1024, axis: "updates", chosen: 0, log: false,
};

/**
 * @param {any} plan is changed as it is edited
 * @param {(edit: any, plan: any) => Promise<any>} request asks for what is drawn of a plan, after a change or none
 * @param {(answer: any, moving: boolean) => void} answered is called with what the server says
 */
export function planEditor(plan, request, answered) {
  const figure = chartFigure("The rate of each schedule over the training", "group");
  const worth = h("p", { class: "note", "aria-live": "polite" });
  const canPoint = h("p", { class: "note", hidden: true }, "As it is written this schedule has no handles: turn it into points to drag it.");
  /** @type {any} */ let chart = null;
  /** @type {any} */ let handles = null;
  /** @type {any} */ let fields = null;

  /** @param {any} answer @param {boolean} moving */
  function show(answer, moving) {
    if (chart) chart.update(answer.chart);
    else {
      chart = new Chart(figure, answer.chart);
      chart.turned = (/** @type {boolean} */ log) => { plan.log = log; redraw(); };
      if (plan.log) chart.turn(true);
      handles = handlesOver(chart, (change, base) => edit({ change, plan: base }), () => structuredClone(plan));
    }
    figure.style.setProperty("--handle", colourAt(curvesOf(answer.schedules)[plan.chosen] ?? 0));
    handles.show(offline ? [] : answer.handles, answer.end);
    list.show(answer.schedules);
    const { epochs, examples, tokens } = answer.worth;
    worth.className = "note";
    worth.textContent = `${short(plan.steps)} updates are ${short(epochs)} epochs, ${short(examples)} examples or ${short(tokens)} tokens. ${answer.note}`;
    canPoint.hidden = answer.handles.length > 0 || "message" in (answer.schedules[plan.chosen] ?? {});
    answered(answer, moving);
    queueMicrotask(() => performance.mark("drawn")); // after those in which the charts are drawn
  }

  const ask = latest(async (/** @type {{change: any, plan: any} | null} */ edit) => {
    try {
      const answer = await request(edit?.change ?? null, edit?.plan ?? plan);
      if (edit) list.replace(answer.text);
      show(answer, edit?.change.act === "move");
    } catch (/** @type {any} */ error) {
      if (edit) say(error.message); // all is as before
      else {
        worth.className = "trouble";
        worth.textContent = error.message;
      }
    }
  });
  const edit = (/** @type {{change: any, plan: any}} */ changed) => ask(changed);
  const redraw = () => ask(null);
  const list = scheduleList({
    texts: plan.schedules, chosen: plan.chosen, most: 8,
    change: (texts, chosen) => { plan.schedules = texts; plan.chosen = chosen; redraw(); },
  });

  function buildFields() {
    const set = (/** @type {string} */ name) => (/** @type {any} */ value) => { plan[name] = value; redraw(); };
    fields ??= h("div", { class: "fields" });
    fields.replaceChildren(
      numberField("Updates", plan.steps, set("steps"), { whole: true, most: 2 ** 53 }), numberField("Peak rate", plan.peak, set("peak"), { most: 1e6 }),
      numberField("Batch", plan.batch, set("batch"), { unit: "examples" }), numberField("Epoch", plan.epoch, set("epoch"), { unit: "examples" }),
      numberField("Example", plan.tokens, set("tokens"), { unit: "tokens" }),
      choice("Axis", [["updates", "updates"], ["epochs", "epochs"], ["examples", "examples"], ["tokens", "tokens"]], plan.axis, set("axis")),
    );
    return fields;
  }

  const act = (/** @type {string} */ name) => () => ask({ change: { act: name }, plan: structuredClone(plan) });
  return {
    figure, list: list.root, add: list.add, canPoint, worth, redraw,
    fields: buildFields(),
    /** Shows other numbers than were typed. */
    refresh: () => { buildFields(); redraw(); },
    shape: h(
      "div", {}, h("h3", {}, "Shape"),
      h("p", { class: "note" }, "Drag a handle on the chart, or move it with the arrow keys; Delete removes a point."),
      h("div", { class: "row" }, button("Turn into points", act("points")), button("Add a point", act("add"))),
    ),
  };
}
