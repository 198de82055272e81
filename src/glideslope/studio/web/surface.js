// The picture of a surface: heights as bands of colour, or a curve, with the ways of balls over it.

import { bands } from "./bands.js";
import { h, short } from "./dom.js";
import { dashAt, style } from "./report.js";

const EDGE = { left: 58, right: 12, top: 12, bottom: 44 };

/** @typedef {{dimensions: number, window: [number, number][], height: (number | null)[]}} Land */
/** @typedef {{positions: (number | null)[][], losses: (number | null)[], at: number[]}} Way */
/** @typedef {{points: [number, number][], chosen: boolean, i: number}} Drawn a way in pixels, and the place of its ball */

/** What a place without a slope is, as it is marked on the surface and written. @type {Record<string, string>} */
export const SIGNS = { minimum: "▽", maximum: "△", saddle: "◇", flat: "○" };

/** @param {number} i */
export const colour = (i) => style(`--b${i % 6}`);

export class Surface {
  /** @param {(point: number[]) => void} choose is called with the place that is pressed */
  constructor(choose) {
    /** @type {Land | null} */
    this.land = null;
    /** @type {{way: Way, upto: number, chosen: boolean}[]} */
    this.ways = [];
    /** @type {{position: number[], kind: string}[]} */
    this.places = [];
    this.canvas = h("canvas", { role: "img" });
    /** @type {ImageData | null} */
    this.ground = null;
    const press = (/** @type {PointerEvent} */ event) => {
      if (!this.land || (event.type === "pointermove" && event.buttons !== 1)) return;
      if (event.type === "pointerdown") this.canvas.setPointerCapture(event.pointerId);
      const box = this.canvas.getBoundingClientRect();
      choose(this.land.window.map((_, i) => this.value(i, i ? event.clientY - box.top : event.clientX - box.left)));
    };
    this.canvas.addEventListener("pointerdown", press);
    this.canvas.addEventListener("pointermove", press);
    new ResizeObserver(() => { this.ground = null; this.draw(); }).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.ground = null; this.draw(); });
  }

  /** @param {Land} land */
  set(land) {
    if (this.land?.height === land.height) return;
    this.land = land;
    this.ground = null;
  }

  /** @param {number} i @param {number} value */
  place(i, value) {
    const [low, high] = this.bounds(i);
    const share = (value - low) / (high - low);
    const { clientWidth: width, clientHeight: height } = this.canvas;
    return i ? height - EDGE.bottom - share * (height - EDGE.top - EDGE.bottom) : EDGE.left + share * (width - EDGE.left - EDGE.right);
  }

  /** @param {number} i @param {number} pixel */
  value(i, pixel) {
    const [low, high] = this.bounds(i);
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const share = i ? (height - EDGE.bottom - pixel) / (height - EDGE.top - EDGE.bottom) : (pixel - EDGE.left) / (width - EDGE.left - EDGE.right);
    return low + Math.min(Math.max(share, 0), 1) * (high - low);
  }

  /** The range of an axis; of a curve the second one is that of its heights. @param {number} i @returns {[number, number]} */
  bounds(i) {
    const land = /** @type {Land} */ (this.land);
    if (i < land.dimensions) return land.window[i];
    const heights = land.height.filter((value) => value != null).sort((a, b) => Number(a) - Number(b));
    const [low, high] = [Number(heights[0]), Number(heights[Math.floor(0.97 * (heights.length - 1))])];
    const room = 0.08 * (high - low || 1);
    return [low - room, high + room];
  }

  draw() {
    const { canvas, land } = this;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!land || !width || !height) return;
    const scale = devicePixelRatio;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
      this.ground = null;
    }
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (land.dimensions === 2) {
      this.ground ??= bands(land, context, Math.round((width - EDGE.left - EDGE.right) * scale), Math.round((height - EDGE.top - EDGE.bottom) * scale));
      context.putImageData(this.ground, Math.round(EDGE.left * scale), Math.round(EDGE.top * scale));
    }
    context.setTransform(scale, 0, 0, scale, 0, 0);
    this.axes(context, width, height);
    context.save();
    context.beginPath();
    context.rect(EDGE.left, EDGE.top, width - EDGE.left - EDGE.right, height - EDGE.top - EDGE.bottom);
    context.clip();
    if (land.dimensions === 1) this.curve(context);
    // The one that is chosen last; the balls after all ways, which would hide those that stand still.
    const ways = this.ways.map((each, i) => ({ ...each, i, points: this.points(each) })).filter(({ points }) => points.length);
    ways.sort((one, other) => Number(one.chosen) - Number(other.chosen));
    for (const each of ways) this.way(context, each);
    for (const each of ways) this.ball(context, each);
    for (const place of this.places) this.mark(context, place);
    context.restore();
  }

  /** @param {CanvasRenderingContext2D} context @param {number} width @param {number} height */
  axes(context, width, height) {
    context.font = "12px system-ui, sans-serif";
    context.fillStyle = style("--muted");
    context.strokeStyle = style("--rule");
    context.lineWidth = 1;
    context.textAlign = "center";
    context.fillText("x", (EDGE.left + width - EDGE.right) / 2, height - 6);
    context.fillText(this.land?.dimensions === 1 ? "f(x)" : "y", 14, (EDGE.top + height - EDGE.bottom) / 2);
    for (const value of ticks(...this.bounds(0))) {
      context.textAlign = "center";
      context.fillText(short(value), this.place(0, value), height - 26);
    }
    for (const value of ticks(...this.bounds(1))) {
      context.textAlign = "right";
      context.fillText(short(value), EDGE.left - 6, this.place(1, value) + 4);
      if (this.land?.dimensions === 2) continue;
      context.beginPath();
      context.moveTo(EDGE.left, this.place(1, value));
      context.lineTo(width - EDGE.right, this.place(1, value));
      context.stroke();
    }
  }

  /** @param {CanvasRenderingContext2D} context */
  curve(context) {
    const { height, window: [[low, high]] } = /** @type {Land} */ (this.land);
    context.beginPath();
    height.forEach((value, i) => {
      if (value != null) context.lineTo(this.place(0, low + (i / (height.length - 1)) * (high - low)), this.place(1, value));
    });
    context.strokeStyle = style("--text");
    context.lineWidth = 2;
    context.stroke();
  }

  /** Where a ball has been, in pixels. @param {{way: Way, upto: number}} drawn @returns {[number, number][]} */
  points({ way, upto }) {
    const second = this.land?.dimensions === 2 ? way.positions[1] : way.losses;
    /** @type {[number, number][]} */
    const points = [];
    for (let i = 0; i <= Math.min(upto, way.at.length - 1); i++) {
      const [x, y] = [way.positions[0][i], second[i]];
      if (x != null && y != null) points.push([within(this.place(0, x)), within(this.place(1, y))]);
    }
    return points;
  }

  /** @param {CanvasRenderingContext2D} context @param {Drawn} drawn */
  way(context, { points, chosen, i }) {
    const line = () => {
      context.beginPath();
      for (const [x, y] of points) context.lineTo(x, y);
      context.stroke();
    };
    context.lineJoin = context.lineCap = "round";
    context.strokeStyle = "rgba(255, 255, 255, .85)";
    context.lineWidth = chosen ? 5 : 4;
    if (this.land?.dimensions === 2) line();
    context.strokeStyle = context.fillStyle = colour(i);
    context.lineWidth = chosen ? 2.5 : 1.75;
    context.globalAlpha = this.land?.dimensions === 2 ? 1 : 0.55;
    context.setLineDash(dashAt(i));
    line();
    context.setLineDash([]);
    context.globalAlpha = 1;
    if (points.length <= 120) for (const [x, y] of points) dot(context, x, y, 2.6);
    const [startX, startY] = points[0];
    context.lineWidth = 2;
    context.beginPath();
    context.arc(startX, startY, 6, 0, 2 * Math.PI);
    context.fillStyle = "#ffffff";
    context.fill();
    context.stroke();
  }

  /** @param {CanvasRenderingContext2D} context @param {Drawn} drawn */
  ball(context, { points, chosen, i }) {
    const [x, y] = /** @type {[number, number]} */ (points.at(-1));
    context.fillStyle = colour(i);
    dot(context, x, y, chosen ? 9 : 7);
    context.lineWidth = 2;
    context.strokeStyle = "#ffffff";
    context.stroke();
    if (this.ways.length > 1) {
      context.fillStyle = style("--page");
      context.font = `bold ${chosen ? 12 : 10}px system-ui, sans-serif`;
      context.textAlign = "center";
      context.fillText(String(i + 1), x, y + (chosen ? 4.3 : 3.6));
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {{position: number[], kind: string}} place */
  mark(context, { position, kind }) {
    const x = this.place(0, position[0]);
    const y = this.place(1, position[1] ?? this.heightAt(position[0]));
    context.strokeStyle = "#000000";
    context.fillStyle = "#ffffff";
    context.lineWidth = 1.5;
    context.beginPath();
    const corners = { minimum: 3, maximum: -3, saddle: 4, flat: 24 }[kind] ?? 24;
    for (let i = 0; i < Math.abs(corners); i++) {
      const angle = (2 * Math.PI * i) / Math.abs(corners) + (corners > 0 && corners !== 4 ? Math.PI / 2 : -Math.PI / 2);
      context.lineTo(x + 6.5 * Math.cos(angle), y + 6.5 * Math.sin(angle));
    }
    context.closePath();
    context.fill();
    context.stroke();
  }

  /** The height of a curve at a place, between two that are known. @param {number} x */
  heightAt(x) {
    const { height, window: [[low, high]] } = /** @type {Land} */ (this.land);
    return height[Math.round(((x - low) / (high - low)) * (height.length - 1))] ?? 0;
  }
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {number} radius */
function dot(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

/** A pixel that a canvas can take, however far away. @param {number} pixel */
const within = (pixel) => Math.min(Math.max(pixel, -5e3), 5e3);

/** @param {number} low @param {number} high */
function ticks(low, high) {
  const rough = (high - low) / 5;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * ([1, 2, 5, 10].find((times) => times * unit >= rough) ?? 10);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
