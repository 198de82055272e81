// The handles of a schedule on its chart: dragged by mouse, finger or keys.

import { h, short } from "./dom.js";

/** @typedef {{name: string, x: number, y: number, across: boolean, up: boolean, removable: boolean}} Handle */
/** @typedef {{act: "move" | "remove", handle: number, x?: number, y?: number}} Change */

const STEP = 0.01; // of the axis, for an arrow key

/**
 * Handles over a chart.
 * @param {any} chart the chart of the report
 * @param {(change: Change, base: any) => void} change is called with a change, and what it is a change of
 * @param {() => any} now what a drag begins with
 */
export function handlesOver(chart, change, now) {
  /** @type {Handle[]} */
  let handles = [];
  let end = 1;
  /** @type {HTMLButtonElement[]} */
  let buttons = [];
  let layer = h("div", { class: "handles" });

  function place() {
    const { chart: plot } = chart;
    if (layer.parentNode !== plot.over) plot.over.append(layer);
    const [width, height] = [plot.over.clientWidth, plot.over.clientHeight];
    buttons.forEach((button, i) => {
      const [x, y] = [plot.valToPos(handles[i].x, "x"), plot.valToPos(handles[i].y, "y")];
      const inside = x >= -1 && x <= width + 1 && y >= -1 && y <= height + 1;
      button.style.transform = `translate(${x}px, ${y}px)`;
      button.hidden = !inside;
    });
  }

  /** @param {number} i */
  function text(i) {
    return `${short(handles[i].x)} ${chart.spec.x}, rate ${short(handles[i].y)}`;
  }

  /** @param {PointerEvent} event @param {number} i */
  function drag(event, i) {
    if (event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    const button = buttons[i];
    const base = now();
    const { over } = chart.chart;
    const { min, max } = chart.chart.scales.y;
    chart.held = [min, max];
    button.setPointerCapture(event.pointerId);
    button.focus();
    /** @param {PointerEvent} moved */
    const move = (moved) => {
      const box = over.getBoundingClientRect();
      const x = chart.chart.posToVal(Math.min(Math.max(moved.clientX - box.left, 0), box.width), "x");
      const y = chart.chart.posToVal(Math.min(Math.max(moved.clientY - box.top, 0), box.height), "y");
      performance.mark("drag");
      change({ act: "move", handle: i, x, y: Math.max(y, 0) }, base);
    };
    button.addEventListener("pointermove", move);
    button.addEventListener("lostpointercapture", () => {
      button.removeEventListener("pointermove", move);
      chart.held = null;
      chart.chart.setData(chart.visible);
    }, { once: true });
  }

  /** @param {KeyboardEvent} event @param {number} i */
  function key(event, i) {
    const { x, y, removable } = handles[i];
    const times = event.shiftKey ? 5 : 1;
    const top = chart.chart.scales.y.max;
    const moves = /** @type {Record<string, {x?: number, y?: number}>} */ ({
      ArrowLeft: { x: x - times * STEP * end }, ArrowRight: { x: x + times * STEP * end },
      ArrowUp: { y: y + times * STEP * top }, ArrowDown: { y: Math.max(y - times * STEP * top, 0) },
    });
    if (event.key in moves) change({ act: "move", handle: i, ...moves[event.key] }, now());
    else if (event.key === "Delete" && removable) change({ act: "remove", handle: i }, now());
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  chart.drawn = place;
  chart.gap = 13; // beside a handle on an axis
  chart.draw();
  return {
    /** Before the chart is drawn, which places them. @param {Handle[]} places @param {number} length */
    show(places, length) {
      end = length;
      handles = places;
      while (buttons.length > places.length) buttons.pop()?.remove();
      while (buttons.length < places.length) {
        const i = buttons.length;
        const button = h("button", {
          type: "button", class: "handle", role: "slider",
          onpointerdown: (/** @type {PointerEvent} */ event) => drag(event, i),
          onkeydown: (/** @type {KeyboardEvent} */ event) => key(event, i),
          onmousedown: (/** @type {Event} */ event) => event.stopPropagation(),
          ondblclick: (/** @type {Event} */ event) => event.stopPropagation(),
        });
        buttons.push(button);
        layer.append(button);
      }
      buttons.forEach((button, i) => {
        const { name, x, across, up } = places[i];
        button.setAttribute("aria-label", name);
        button.setAttribute("aria-valuemin", "0");
        button.setAttribute("aria-valuemax", String(length));
        button.setAttribute("aria-valuenow", String(x));
        button.setAttribute("aria-valuetext", text(i));
        button.title = `${name}: ${text(i)}`;
        button.dataset.moves = across && up ? "both" : across ? "across" : "up";
      });
    },
  };
}
