// The room where schedules are drawn, by dragging and by text.

import { ask, offline } from "./api.js";
import { button, choice, filled, h, put, say } from "./dom.js";
import { gallery } from "./gallery.js";
import { PLAN, planEditor } from "./plan.js";

export const title = "Draw";

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
  const plan = filled(PLAN, state);
  const editor = planEditor(
    plan, (edit, base) => ask("api/draw", { plan: base, edit }),
    () => { save(plan); root.dataset.ready = "true"; },
  );
  const code = h("pre", { tabindex: "0", hidden: true, class: "code", "aria-label": "The schedule in another form" });
  let form = "torch";

  async function copy() {
    try {
      const answer = await ask("api/copy", { plan, to: form });
      code.textContent = answer.code;
      code.hidden = false;
      await put(answer.code, answer.note ? `Copied: ${answer.note}.` : "Copied.");
    } catch (/** @type {any} */ error) {
      say(error.message);
    }
  }

  root.append(
    h("h2", { class: "sr" }, "Draw a schedule"),
    h(
      "div", { class: "bench" },
      h("div", { class: "picture" }, editor.figure, editor.list, editor.canPoint),
      h(
        "fieldset", { class: "panel", disabled: offline }, h("legend", {}, "Training"), editor.fields, editor.worth, editor.shape,
        h("h3", {}, "Take it with you"),
        h(
          "div", { class: "row" }, choice("Copy as", FORMS, form, (value) => { form = value; }), button("Copy", copy),
        ),
        code,
      ),
    ),
    offline ? h("span") : gallery(editor.add),
  );
  editor.redraw();
  return () => {};
}
