// The room where a law says what schedules would end at.

import { ask, offline } from "./api.js";
import { button, chartFigure, choice, filled, h, number, say, short } from "./dom.js";
import { chosen, dropped } from "./files.js";
import { PLAN, planEditor } from "./plan.js";
import { Chart } from "./report.js";

export const title = "Predict";

/** What logs may lack, as `glideslope fit` is given it: the name, a label, whether it is a text. @type {[string, string, boolean][]} */
const UNSAID = [
  ["steps_per_epoch", "Updates in an epoch", false], ["warmup", "Updates of the warmup", false], ["schedule", "Schedule of the runs", true],
  ["peak", "Peak of that schedule", false], ["steps", "Updates on that schedule", false], ["step", "Column of the updates", true], ["lr", "Column of the rate", true],
  ["loss", "Column of the loss", true],
];
const REST = 200; // milliseconds without a drag, after which the what-ifs are asked for

/**
 * @param {HTMLElement} root
 * @param {any} state
 * @param {(state: any) => void} save
 */
export function open(root, state, save) {
  const plan = filled({ ...PLAN, steps: 6000, peak: 0.003 }, state?.plan);
  let law = state?.law ?? "";
  let last = "";
  let timer = 0;
  /** @type {any} */ let chart = null;
  const losses = chartFigure("The predicted loss of each schedule");
  const answer = h("p", { class: "do" });
  const warning = h("div", { class: "banner", hidden: true, role: "status" });
  const design = h("div", { class: "design" });
  const whatIf = h("tbody");
  const careful = h("p", { class: "note" });
  const about = h("p", { class: "note" });
  const place = h("div");
  const room = h("div", { hidden: true });
  const editor = planEditor(
    plan,
    (edit, base) => ask("api/predict", { plan: base, edit, law, moving: edit?.act === "move" }),
    (prediction, moving) => {
      clearTimeout(timer);
      if (moving) timer = window.setTimeout(editor.redraw, REST);
      show(prediction);
      save({ plan, law });
    },
  );

  /** @param {any} prediction */
  function show(prediction) {
    if (chart) chart.update(prediction.loss_chart);
    else chart = new Chart(losses, prediction.loss_chart);
    answer.textContent = prediction.final
      ? `Predicted to end at ${prediction.final.loss.toPrecision(5)}, between ${prediction.final.low.toPrecision(5)} and ${prediction.final.high.toPrecision(5)} in nine of ten runs.`
      : "Nothing is predicted of this schedule.";
    about.textContent = `Fitted on ${prediction.law.says}. ${prediction.law.knows_batch ? "" : "It knows no batch size, so the batch changes nothing here. "}${prediction.law.notes.map((/** @type {string} */ note) => `${note.replace(/\.$/, "")}.`).join(" ")}`;
    warning.hidden = !prediction.warnings.length;
    warning.textContent = `Far from what the law has seen: ${prediction.warnings.join("; ")}.`;
    if (prediction.what_if) {
      const names = /** @type {Record<string, string>} */ ({ steps: "updates", peak: "peak", batch: "batch" });
      whatIf.replaceChildren(...prediction.what_if.map((/** @type {any} */ row) => h(
        "tr", {}, h("th", { scope: "row" }, names[row.name]), ...[row.half, prediction.final?.loss, row.twice].map((loss) => h("td", {}, loss == null ? "—" : loss.toPrecision(5))),
      )));
    }
    careful.textContent = prediction.careful.length ? `Careful: ${prediction.careful.join("; ")}.` : "";
    const use = (/** @type {any} */ one) => button("Use it", () => { plan.peak = one.peak; editor.refresh(); editor.add(one.schedule); });
    design.replaceChildren(...(prediction.design ? [
      h("p", {}, `At this peak it ends at ${prediction.design.best.loss.toPrecision(5)}: `, h("code", {}, prediction.design.best.schedule), " ", use(prediction.design.best)),
      h("p", {}, `At its own peak of ${short(prediction.design.free.peak)}, ${prediction.design.free.loss.toPrecision(5)} `, use(prediction.design.free)),
    ] : [h("p", { class: "note" }, "The law designs nothing for so short a run.")]));
    root.dataset.ready = "true";
  }

  const input = h("input", { type: "file", multiple: true, class: "sr", id: "files", onchange: () => drop(() => chosen(input.files)) });
  const folder = h("input", { type: "file", webkitdirectory: true, class: "sr", id: "folder", onchange: () => drop(() => chosen(folder.files)) });
  const zone = h("label", { class: "drop", for: "files" }, h("strong", {}, "Drop logs, folders of them or a law here"), " or choose files: CSV, JSON lines, W&B, TensorBoard, trainer states and others that ", h("code", {}, "glideslope fit"), " reads.");

  const status = h("p", { class: "note", role: "status" });
  const fields = UNSAID.map(([name, , isText]) => h("input", { id: `unsaid-${name}`, autocomplete: "off", spellcheck: "false", class: isText ? "mono" : null, inputmode: isText ? null : "decimal" }));
  const unsaid = h("details", { class: "unsaid" }, h("summary", {}, "What the logs don't say"),
    h("div", { class: "fields" }, ...UNSAID.map(([name, text], i) => h("div", { class: "field" }, h("label", { for: `unsaid-${name}` }, text), fields[i]))),
    button("Fit again", () => { if (last) fit(last); else tell("Drop logs first."); }));
  const inFolder = h("label", { class: "choose", for: "folder" }, "Choose a folder");

  /** @param {() => any} select the files, or a promise of them */
  async function drop(select) {
    const group = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(36).padStart(2, "0")).join("");
    last = group;
    try {
      const files = await select();
      if (!files.length) {
        say("There is nothing to read.");
        return;
      }
      tell(`Reading ${files.length} file${files.length === 1 ? "" : "s"} …`);
      for (const { path, file } of files) await ask(`api/drop/${group}/${encodeURIComponent(path)}`, file);
      await fit(group);
    } catch (/** @type {any} */ error) {
      if (group === last) tell(error.message, true);
    }
  }

  /** Fits the files of a drop, unless there is a later one. @param {string} group */
  async function fit(group) {
    if (group !== last) return;
    tell("Fitting …");
    try {
      const fitted = await ask("api/fit", { group, ...missing() });
      if (group !== last) return;
      law = fitted.law;
      unsaid.open = false;
      tell("");
      await choose();
      say("Fitted.");
    } catch (/** @type {any} */ error) {
      if (group !== last) return;
      unsaid.open = true;
      tell(error.message, true);
    }
  }

  /** Says how a drop goes, until the next. @param {string} text @param {boolean} [wrong] */
  function tell(text, wrong = false) {
    status.textContent = text;
    status.className = wrong ? "trouble" : "note";
  }

  /** What the logs don't say, of the fields that are filled; raises where one isn't a number. */
  function missing() {
    const typed = UNSAID.map(([name, label, isText], i) => ({ name, label, isText, text: fields[i].value.trim() })).filter(({ text }) => text);
    return Object.fromEntries(typed.map(({ name, label, isText, text }) => {
      if (!isText && Number.isNaN(number(text))) throw new Error(`${label}: ${text} isn't a number. Give one such as 1000 or 0.001.`);
      return [name, isText ? text : number(text)];
    }));
  }

  async function choose() {
    try {
      const names = await ask("api/laws");
      if (law && !names.includes(law)) say(`${law} isn't here: open the studio on its folder, or drop its logs again.`);
      if (!names.includes(law)) law = names[0] ?? "";
      place.replaceChildren(names.length
        ? choice("Law", names.map((/** @type {string} */ name) => [name, name]), law, (name) => { law = name; editor.redraw(); })
        : h("p", { class: "note" }, "No law lies in this folder: drop logs, or open the studio on a folder with what glideslope fit wrote."));
    } catch (/** @type {any} */ error) {
      say(error.message);
    }
    room.hidden = !law;
    if (law) editor.redraw();
    else root.dataset.ready = "true";
  }

  room.append(
    answer,
    h(
      "div", { class: "bench" },
      h("div", { class: "picture" }, warning, losses, editor.figure, editor.list, editor.canPoint),
      h(
        "fieldset", { class: "panel", disabled: offline }, h("legend", {}, "Training"), editor.fields, editor.worth, editor.shape,
        h("h3", {}, "What if"),
        h("table", { class: "small" }, h("thead", {}, h("tr", {}, ...["", "half", "as it is", "twice"].map((text) => (text ? h("th", { scope: "col" }, text) : h("td"))))), whatIf),
        h("h3", {}, "What the law would design"), design, careful,
      ),
    ),
  );
  root.append(h("h2", { class: "sr" }, "Predict the loss"), h("div", { class: "source" }, place, ...(offline ? [] : [h("div", {}, zone, input, inFolder, folder, status, unsaid)])), about, room);
  for (const name of ["dragover", "drop"]) {
    root.addEventListener(name, (/** @type {any} */ event) => {
      if (offline) return;
      event.preventDefault();
      zone.classList.toggle("over", name === "dragover");
      if (name === "drop") drop(() => dropped(event.dataTransfer));
    });
  }
  choose();
  return () => clearTimeout(timer);
}
