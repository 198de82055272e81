// @ts-nocheck
// Draws the charts of a report with uPlot: curves that are hovered, hidden and zoomed, by mouse and by keyboard.

const DASHES = [[], [8, 4], [2, 3], [12, 3, 2, 3]];
const COLOURS = 8;
const ALIKE = 4; // curves in a row that are told apart by their colours alone; the next ones have another dash
const NOTHING = [0.1, 1]; // the range of an axis without a number
const WHOLE = new Intl.NumberFormat("en-US");
const FONT = "12px system-ui, sans-serif"; // of the numbers of an axis
const GAP = 10; // between two of them, in pixels
const STRETCH = 0.25; // of the range on each side, for a step of zoom

// A style of the page.
export const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// A number with four digits at most, or as a power of ten where it is tiny or large.
export function short(value) {
  if (value == null) return "";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return WHOLE.format(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6)
    ? value.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e")
    : String(Number(value.toPrecision(4)));
}

const LARGE = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]];

// A number of an axis: 160M where a whole one would be too wide, with as many digits as it has.
function tick(value) {
  const size = Math.abs(value ?? 0);
  if (size < 1e5 || size >= 1e15) return short(value);
  const [unit, letter] = LARGE.find(([least]) => size >= least);
  return Number((value / unit).toPrecision(10)) + letter;
}

// The numbers of a linear axis, all in one notation: 0.001 and 0.0005, or 3e-4 and 2.5e-4.
function ticksOf(values) {
  const plain = Math.max(...values.map(Math.abs)) >= 1e-3;
  return values.map((value) => (plain && value != null && Math.abs(value) < 1e-3 ? String(Number(value.toPrecision(4))) : tick(value)));
}

// The values of a horizontal axis whose labels have room beside each other; null for the others.
function spaced(chart, splits) {
  chart.ctx.save();
  chart.ctx.font = FONT;
  const room = GAP + Math.max(...splits.map((value) => chart.ctx.measureText(tick(value)).width));
  chart.ctx.restore();
  let last = -Infinity;
  return splits.map((value) => {
    const place = chart.valToPos(value, "x");
    if (place - last < room) return null;
    last = place;
    return value;
  });
}

// The labelled values of a logarithmic axis: 1, 2 and 5 in each decade, more within one, fewer over many.
function logTicks(low, high) {
  const decades = Math.log10(high / low);
  const factors = decades < 0.7 ? [1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9] : decades < 3.5 ? [1, 2, 5] : [1];
  const apart = Math.max(1, Math.ceil(decades / 8));
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    if (power % apart === 0) ticks.push(...factors.map((factor) => Number(`${factor}e${power}`)));
  }
  const shown = ticks.filter((tick) => tick >= low && tick <= high);
  return shown.length > 1 ? shown : [low, high];
}

// The labelled values of a linear axis, so far apart; ten at most where uPlot, which knows 17 decimals, finds no distance.
function evenTicks(low, high, found) {
  const unit = 10 ** Math.floor(Math.log10((high - low) / 10));
  const apart = found > 0 && found < high - low ? found : unit * [2, 5, 10].find((factor) => factor * unit >= (high - low) / 10);
  const first = Math.ceil(low / apart);
  return Array.from({ length: Math.floor(high / apart) - first + 1 }, (_, i) => Number(((first + i) * apart).toPrecision(12)));
}

function element(tag, className, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

// The colours of the page, read once until it is turned light or dark: each reading lays the page out.
let colours = {};

function colour(name) {
  return (colours[name] ??= style(name));
}

// The dash of a curve by its place among those that have a colour: 32 have a colour and a dash that no other has.
export function dashAt(place) {
  return DASHES[(Math.floor(place / ALIKE) + Math.floor(place / (ALIKE * DASHES.length))) % DASHES.length];
}

// A short stroke as a curve has it.
export function swatch() {
  const [node, line] = ["svg", "line"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  node.setAttribute("class", "swatch");
  node.setAttribute("aria-hidden", "true");
  for (const [name, value] of Object.entries({ x2: "100%", y1: 2, y2: 2 })) line.setAttribute(name, value);
  node.append(line);
  return node;
}

// Gives a short stroke a colour and a dash.
export function dress(node, colour, dash) {
  node.firstChild.style.stroke = colour;
  node.firstChild.setAttribute("stroke-dasharray", dash.join(" ") || "none");
}

// Each chart of the page by its figure, to be turned light or dark.
const charts = new Map();

export class Chart {
  constructor(figure, spec = JSON.parse(figure.querySelector("script").textContent)) {
    this.held = null; // the range of the vertical axis while it must stay
    this.gap = 5; // from the plot to the numbers of its axes, in pixels
    this.drawn = () => {}; // is called when the chart was drawn
    this.turned = () => {}; // is called when the scale was chosen
    this.plot = figure.querySelector(".plot");
    this.side = figure.querySelector(".side");
    this.load(spec);
    this.logY = spec.log_y;
    this.addTools();
    this.addLegend();
    this.draw();
    charts.set(figure, this);
    this.plot.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.fit()).observe(this.plot);
  }

  load(spec) {
    this.spec = spec;
    this.shown = spec.groups.map((group, i) => this.shown?.[i] ?? !group.hidden);
    this.columns = this.spec.xs.flatMap((_, x) => this.spec.series.filter((s) => s.x === x).flatMap((s) => [
      { ...s, values: s.y, role: "main" },
      ...(s.low ? [{ ...s, values: s.low, role: "edge" }, { ...s, values: s.high, role: "edge" }] : []),
    ]));
    this.data = this.spec.xs.length === 0 ? [[]] : uPlot.join(this.spec.xs.map((xs, x) => [
      xs, ...this.columns.filter((column) => column.x === x).map((column) => column.values),
    ]));
  }

  // The numbers that an axis can show: on a logarithmic one those above 0.
  get visible() {
    return this.logY ? this.data.map((values, i) => (i ? values.map((value) => (value > 0 ? value : null)) : values)) : this.data;
  }

  // Other numbers: where the curves are the same ones, only these change.
  update(spec) {
    const kind = () => JSON.stringify([
      this.spec.x, this.spec.y, this.spec.log_x, this.spec.can_log, this.spec.top, this.spec.groups.map((group) => group.plain),
      this.columns.map(({ group, style, role }) => [group, style, role]),
    ]);
    const before = kind();
    if (spec.groups.length !== this.spec.groups.length) {
      // What was pressed stays so, by its name; the others are shown as the new curves say.
      const pressed = new Map(this.spec.groups.flatMap((group, i) => (this.shown[i] === !group.hidden ? [] : [[group.name, this.shown[i]]])));
      this.shown = spec.groups.map((group) => pressed.get(group.name));
    }
    this.load(spec);
    if (kind() === before && this.chart) {
      this.buttons.forEach(({ name }, group) => { name.textContent = spec.groups[group].name; });
      this.chart.setData(this.visible);
      return;
    }
    this.logY = spec.can_log && (this.chosen ?? spec.log_y);
    this.side.replaceChildren();
    this.addTools();
    this.addLegend();
    this.draw();
  }

  colour(group) {
    return colour(this.spec.groups[group].plain ? "--text" : `--c${this.place(group) % COLOURS}`);
  }

  // The place of a group among those that have a colour.
  place(group) {
    return this.spec.groups.slice(0, group).filter((other) => !other.plain).length;
  }

  dash(group, kind) {
    return { dashed: [6, 4], points: [0, 7], span: [] }[kind] ?? dashAt(this.place(group));
  }

  addTools() {
    const tools = element("div", "tools");
    const add = (text, act) => {
      const button = element("button", "", text);
      button.type = "button";
      button.addEventListener("click", () => act(button));
      tools.append(button);
      return button;
    };
    add("Zoom in", () => this.zoom(STRETCH));
    add("Zoom out", () => this.zoom(-2 * STRETCH));
    add("Reset zoom", () => this.whole());
    if (this.spec.can_log) {
      this.logButton = add("Log scale", () => { this.turn(!this.logY); this.turned(this.logY); });
      this.logButton.setAttribute("aria-pressed", this.logY);
    }
    if (this.spec.groups.length > 2) {
      add("Show all", () => this.show(() => true));
      add("Hide all", () => this.show(() => false));
    }
    this.readout = element("p", "readout");
    this.readout.setAttribute("aria-live", "polite");
    this.side.append(tools, this.readout);
  }

  // Makes the vertical axis logarithmic, or linear.
  turn(log) {
    if (!this.spec.can_log) return;
    this.logY = this.chosen = log;
    this.logButton.setAttribute("aria-pressed", log);
    this.draw();
  }

  addLegend() {
    const list = element("ul", "legend");
    list.setAttribute("aria-label", "Curves; press one to hide or show it");
    this.buttons = this.spec.groups.map((group, i) => {
      const button = element("button", "");
      button.type = "button";
      const stroke = swatch();
      const value = element("span", "value", group.value == null ? "" : short(group.value));
      const name = element("span", "name", group.name);
      button.append(stroke, name, value);
      button.addEventListener("click", () => this.show((shown, j) => (j === i ? !shown : shown)));
      const entry = element("li", "");
      entry.append(button);
      list.append(entry);
      return { button, stroke, name, value };
    });
    this.side.append(list);
    this.press();
  }

  press() {
    this.buttons.forEach(({ button, stroke }, group) => {
      button.setAttribute("aria-pressed", this.shown[group]);
      const column = this.columns.find((one) => one.group === group);
      const kind = column?.style ?? (this.spec.spans.some((span) => span.group === group) ? "span" : "dashed");
      stroke.dataset.kind = kind;
      dress(stroke, this.colour(group), this.dash(group, kind));
    });
  }

  show(whether) {
    this.shown = this.shown.map(whether);
    this.columns.forEach((column, i) => this.chart.setSeries(i + 1, { show: this.shown[column.group] }, false));
    this.chart.redraw();
    this.press();
  }

  draw() {
    this.chart?.destroy();
    const axis = (label, size, log) => ({
      label, size: size + this.gap - 5, gap: this.gap, labelSize: 22, labelFont: "13px system-ui, sans-serif", font: FONT,
      stroke: () => colour("--muted"), grid: { stroke: () => colour("--rule"), width: 1 }, ticks: { show: false },
      values: (_, values) => (log ? values.map(tick) : ticksOf(values)),
      filter: (chart, splits, place) => (place ? splits : spaced(chart, splits)),
      splits: (_, place, low, high, apart) => (log ? logTicks(low, high) : evenTicks(low, high, apart)),
    });
    const room = (low, high, log) => (log ? [low / 1.12, high * 1.12] : [low - 0.06 * (high - low || 1), high + 0.06 * (high - low || 1)]);
    const top = this.spec.top ?? Infinity;
    const across = (low, high) => {
      if (low == null) return NOTHING;
      return this.spec.log_x || low === high ? room(low, high, this.spec.log_x) : [low, high];
    };
    this.chart = new uPlot({
      width: this.plot.clientWidth || 600, height: this.plot.clientHeight || 320, legend: { show: false },
      scales: {
        x: { time: false, distr: this.spec.log_x ? 3 : 1, range: (_, low, high) => across(low, high) },
        y: { distr: this.logY ? 3 : 1, range: (_, low, high) => this.held ?? (low == null ? NOTHING : room(low, Math.max(Math.min(high, top), low), this.logY)) },
      },
      axes: [axis(this.spec.x, 34, this.spec.log_x), axis(this.spec.y, 58, this.logY)],
      cursor: {
        drag: { x: true, y: true, uni: 30, dist: 5 }, focus: { prox: 24 },
        dataIdx: (chart, series, at) => this.nearest(chart.data[series], at),
      },
      focus: { alpha: 0.3 },
      series: [{}, ...this.columns.map((column) => this.line(column))],
      bands: this.columns.flatMap((column, i) => (column.role === "edge" && this.columns[i - 1].role === "edge"
        ? [{ series: [i + 1, i], fill: () => `${this.colour(column.group)}29` }] : [])),
      hooks: { setCursor: [() => this.read()], setSeries: [(_, i, options) => this.near(i, options)], drawAxes: [(chart) => this.drawMarks(chart)], draw: [() => this.drawn()] },
    }, this.visible, this.plot);
  }

  line(column) {
    const points = column.style === "points" || column.style === "both";
    const faint = column.style === "faint" ? "99" : column.role === "edge" ? "00" : "";
    return {
      show: this.shown[column.group], spanGaps: true, scale: "y", pxAlign: 0,
      stroke: () => this.colour(column.group) + faint, width: column.style === "points" || column.role === "edge" ? 0 : column.style === "faint" ? 1.5 : 2,
      dash: this.dash(column.group, column.style),
      points: { show: points && column.role === "main", size: column.style === "points" ? 5 : 7, width: 1, stroke: () => this.colour(column.group), fill: () => this.colour(column.group) },
    };
  }

  // The place of the nearest number of a series, which has gaps where another has its points.
  nearest(values, at) {
    const most = Math.max(2, Math.ceil(values.length * 0.06));
    for (let k = 0; k <= most; k++) {
      if (values[at - k] != null) return at - k;
      if (values[at + k] != null) return at + k;
    }
    return at;
  }

  read() {
    const { idx, idxs } = this.chart.cursor;
    const gone = idx == null;
    if (!this.moving) this.readout.textContent = gone ? "" : `${this.spec.x} ${short(this.data[0][idx])}`;
    this.buttons.forEach(({ value }, group) => {
      if (this.spec.groups[group].value != null) return;
      const seen = this.columns.flatMap((column, i) => (column.group === group && column.role === "main" && !gone && idxs[i + 1] != null
        ? [this.data[i + 1][idxs[i + 1]]] : [])).filter((number) => number != null);
      value.textContent = seen.map(short).join(" · ");
    });
  }

  near(series, options) {
    if (options.focus == null) return;
    const group = series == null ? null : this.columns[series - 1]?.group;
    this.buttons.forEach(({ button }, i) => button.classList.toggle("near", i === group));
  }

  drawMarks(chart) {
    const { ctx, bbox } = chart;
    const at = (value) => chart.valToPos(value, "x", true);
    const inside = (x) => Math.min(Math.max(x, bbox.left), bbox.left + bbox.width);
    ctx.save();
    for (const { low, high, group } of this.spec.spans.filter((span) => this.shown[span.group])) {
      const [from, to] = [inside(at(low)), inside(at(high))];
      ctx.fillStyle = `${this.colour(group)}24`;
      ctx.fillRect(from, bbox.top, Math.max(to - from, 1), bbox.height);
    }
    ctx.lineWidth = 1.5 * devicePixelRatio;
    for (const { x, group, cross } of this.spec.marks.filter((mark) => this.shown[mark.group])) {
      const place = at(x);
      if (place < bbox.left || place > bbox.left + bbox.width) continue;
      ctx.strokeStyle = this.colour(group);
      ctx.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(place, bbox.top);
      ctx.lineTo(place, bbox.top + bbox.height);
      ctx.stroke();
      if (!cross) continue;
      const arm = 5 * devicePixelRatio;
      ctx.setLineDash([]);
      ctx.beginPath();
      ctx.moveTo(place - arm, bbox.top + arm);
      ctx.lineTo(place + arm, bbox.top + 3 * arm);
      ctx.moveTo(place + arm, bbox.top + arm);
      ctx.lineTo(place - arm, bbox.top + 3 * arm);
      ctx.stroke();
    }
    ctx.restore();
  }

  zoom(share) {
    if (!this.data[0].length) return;
    const { min, max } = this.chart.scales.x;
    const log = this.spec.log_x;
    const [low, high] = log ? [Math.log(min), Math.log(max)] : [min, max];
    const step = share * (high - low);
    const ends = [this.data[0][0], this.data[0].at(-1)];
    let [from, to] = [low + step, high - step].map((value) => (log ? Math.exp(value) : value));
    if (from <= ends[0] && to >= ends[1]) return this.whole();
    this.chart.setScale("x", { min: Math.max(from, ends[0]), max: Math.min(to, ends[1]) });
  }

  whole() {
    this.chart.setData(this.visible, true);
  }

  key(event) {
    const last = this.data[0].length - 1;
    const at = this.chart.cursor.idx;
    const step = Math.max(1, Math.round(last / 50));
    const places = { ArrowLeft: Math.max((at ?? last) - step, 0), ArrowRight: Math.min((at ?? 0) + step, last), Home: 0, End: last };
    const acts = { "+": () => this.zoom(STRETCH), "-": () => this.zoom(-2 * STRETCH), 0: () => this.whole() };
    if (event.key in acts) acts[event.key]();
    else if (event.key in places && last >= 0) this.point(places[event.key]);
    else return;
    event.preventDefault();
  }

  point(index) {
    this.moving = true;
    const x = this.data[0][index];
    this.chart.setCursor({ left: this.chart.valToPos(x, "x"), top: this.chart.over.clientHeight / 2 });
    this.moving = false;
    const values = this.buttons.map(({ value }, group) => [this.shown[group] && value.textContent, this.spec.groups[group].name]);
    const said = values.filter(([text]) => text).map(([text, name]) => `${name}: ${text}`).slice(0, 6);
    this.readout.textContent = `${this.spec.x} ${short(x)}`;
    this.plot.setAttribute("aria-description", `${this.readout.textContent}; ${said.join("; ")}`);
  }

  fit() {
    const [width, height] = [this.plot.clientWidth, this.plot.clientHeight];
    if (width && height && (width !== this.chart.width || height !== this.chart.height)) this.chart.setSize({ width, height });
  }

  recolour() {
    this.press();
    this.chart.redraw(false);
  }
}

function start(figure) {
  if (!charts.has(figure)) new Chart(figure);
}

for (const figure of document.querySelectorAll("figure.chart")) {
  const folded = figure.closest("details");
  if (folded && !folded.open) folded.addEventListener("toggle", () => start(figure), { once: true });
  else start(figure);
}

function print(printing) {
  document.documentElement.classList.toggle("printing", printing);
  colours = {};
  for (const chart of charts.values()) {
    if (printing) chart.chart.setSize({ width: 470, height: 300 });
    else chart.fit();
    chart.recolour();
  }
}

function recolour() {
  colours = {};
  for (const [figure, chart] of charts) {
    if (figure.isConnected) chart.recolour();
    else charts.delete(figure);
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
addEventListener("beforeprint", () => print(true));
addEventListener("afterprint", () => print(false));
