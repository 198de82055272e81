// The room where balls descend.

import { ask, offline } from "./api.js";
import { button, choice, filled, h, latest, numberField, say, slider } from "./dom.js";
import { rateSlider } from "./regimes.js";
import { solving } from "./solve.js";
import { stage } from "./stage.js";
import { colour } from "./surface.js";

export const title = "Play";

const LATE = 400; // milliseconds after which the page says that it waits
const WORLD = { steps: 100, noise: 0, batch: 0, rare: 1, seed: 0 };
const BALL = { start: [-2.6, 1.1], optimizer: "descent", rate: 0.05, schedule: "constant", momentum: 0.9, layers: [1, 1] };
export const PLAY = { surface: "ravine", formula: "x^2 + 3*y^2 + 0.5*sin(3*x)", window: null, balls: [BALL], world: WORLD };
const OPTIMIZERS = /** @type {[string, string][]} */ ([
  ["descent", "Descent"], ["momentum", "Momentum"], ["nesterov", "Nesterov"], ["adagrad", "Adagrad"], ["rmsprop", "RMSprop"], ["adam", "Adam"],
]);
const SCHEDULES = ["constant", "power(10%)", "exponential(25%, ratio=0.3)", "piecewise([1, 0.3, 0.1], [40%, 70%])", "one_cycle", "warmup(10%) >> cosine", "wsd"];

/**
 * @param {HTMLElement} root
 * @param {any} state
 * @param {(state: any) => void} save
 */
export function open(root, state, save) {
  /** @type {any} */
  const game = filled(PLAY, state);
  game.world = filled(WORLD, game.world);
  game.balls = game.balls.map((/** @type {any} */ each) => filled(BALL, each));
  let chosen = 0;
  let anew = true;
  /** @type {any} */ let answer = null;
  /** @type {any[]} */ let places = [];
  const ball = () => game.balls[chosen];
  const picture = stage((point) => {
    if (offline) return;
    ball().start = point.map((value) => Number(value.toPrecision(4)));
    update();
  }, marks);
  const rate = rateSlider(ball().rate, (value) => { ball().rate = value; update(); });
  const formula = h("input", { "aria-label": "Formula in x and y", class: "mono", value: game.formula, spellcheck: "false", autocomplete: "off", maxlength: 300,
    oninput: () => { game.formula = formula.value; anew = true; solve.clear(); update(); } });
  const problem = h("p", { class: "trouble", role: "alert" });
  const about = h("p", { class: "note" });
  const balls = h("div", { class: "balls", role: "group", "aria-label": "Balls" });
  const controls = h("div", { class: "fields" });
  const says = h("p", { class: "note", id: "says" });
  const solve = solving(() => game, (/** @type {any[]} */ found) => { picture.surface.places = found; picture.surface.draw(); });

  const compute = latest(async () => {
    save(game);
    const late = setTimeout(() => { says.textContent = "Computing …"; }, LATE);
    try {
      answer = await ask("api/play", game);
    } catch (/** @type {any} */ error) {
      problem.textContent = error.message;
      says.textContent = "";
      return;
    } finally {
      clearTimeout(late);
    }
    problem.textContent = answer.balls.map((/** @type {any} */ way) => way.message ?? "").filter(Boolean).join(" ");
    show();
    root.dataset.ready = "true";
  });

  /** Marks the rates where the ball is; their range is that of the start. @param {number} frame */
  function marks(frame) {
    const { limits, left } = answer?.balls[chosen] ?? {};
    const marked = limits?.map((/** @type {any[]} */ bound) => bound[Math.min(frame, bound.length - 1)]) ?? limits;
    rate.show(marked, ball().rate, anew, left != null && frame > left ? "Where the ball left the picture" : "Where the ball is");
    anew = false;
  }

  const update = () => { compute(null); };

  function show() {
    marks(0);
    picture.show(answer, chosen);
    says.textContent = answer.balls.map((/** @type {any} */ each, /** @type {number} */ i) => `${game.balls.length > 1 ? `Ball ${i + 1}: ` : ""}${each.says ?? each.message}`).join(". ");
    noNoise.textContent = game.world.noise && !game.world.batch ? "A ball that sees all examples in each update meets no noise: give a batch of 1 or more." : "";
    for (const field of [rare, controls.lastElementChild]) field.hidden = answer.dimensions === 1; // a curve has no y
    about.textContent = places.find(({ name }) => name === game.surface)?.about ?? "x and y, + - * / ^, sin cos exp log sqrt tanh abs, pi, e.";
  }

  function buildBalls() {
    balls.replaceChildren(
      ...game.balls.map((/** @type {any} */ each, /** @type {number} */ i) => h(
        "button", { type: "button", "aria-pressed": String(i === chosen), onclick: () => { chosen = i; anew = true; buildBalls(); show(); } },
        h("span", { class: "bead", style: `background:${colour(i)}` }, String(i + 1)), OPTIMIZERS.find(([name]) => name === each.optimizer)?.[1] ?? "",
      )),
      ...(game.balls.length < 6 ? [button("+ ball", () => { game.balls.push({ ...structuredClone(ball()), optimizer: "momentum" }); chosen = game.balls.length - 1; buildBalls(); update(); })] : []),
      ...(game.balls.length > 1 ? [button("− ball", () => { game.balls.splice(chosen, 1); chosen = Math.max(0, chosen - 1); buildBalls(); update(); }, { "aria-label": "Remove this ball" })] : []),
    );
    const set = (/** @type {string} */ name) => (/** @type {any} */ value) => { ball()[name] = value; update(); };
    const schedule = h("input", { id: "drives", class: "mono", list: "drives-list", value: ball().schedule, spellcheck: "false", autocomplete: "off", maxlength: 4000,
      oninput: () => set("schedule")(schedule.value) });
    const beta = ["momentum", "nesterov", "adam"].includes(ball().optimizer);
    controls.replaceChildren(
      h("div", { class: "field wide" }, choice("Optimizer", OPTIMIZERS, ball().optimizer, (value) => { ball().optimizer = value; anew = true; buildBalls(); update(); })),
      rate.root,
      h("div", { class: "field wide" }, h("label", { for: "drives" }, "Schedule of the rate"), schedule,
        h("datalist", { id: "drives-list" }, ...SCHEDULES.map((text) => h("option", { value: text })))),
      ...(beta ? [slider("Momentum β", { min: 0, max: 0.99, step: 0.01, value: ball().momentum }, set("momentum"), (value) => value.toFixed(2))] : []),
      ...["x", "y"].map((axis, i) => numberField(`Rate along ${axis}, times`, ball().layers[i], (value) => { ball().layers[i] = value; update(); }, { zero: true, most: 1e4 })),
    );
  }

  const world = (/** @type {string} */ name) => (/** @type {any} */ value) => { game.world[name] = value; update(); };
  const rare = numberField("Slope along y in 1 of", game.world.rare, world("rare"), { whole: true, most: 1e4 });
  const noNoise = h("p", { class: "note", role: "status" });
  const ground = h("div", { class: "field wide" });
  root.append(
    h("h2", { class: "sr" }, "Play gradient descent"),
    h(
      "div", { class: "bench" },
      h("div", { class: "picture" }, picture.root, says),
      h(
        "fieldset", { class: "panel", disabled: offline }, h("legend", {}, "Surface"), ground, about, problem,
        h("h3", {}, "Ball"), h("p", { class: "note" }, "Press the picture to choose where it starts."), balls, controls,
        h("h3", {}, "What every ball meets"),
        h(
          "div", { class: "fields" },
          numberField("Updates", game.world.steps, world("steps"), { whole: true, most: 2 ** 53 }),
          numberField("Batch, 0 for all", game.world.batch, world("batch"), { whole: true, zero: true, most: 1e5 }),
          numberField("Noise of an example", game.world.noise, world("noise"), { zero: true, most: 1e6 }),
          rare,
        ),
        noNoise,
      ),
    ),
    solve.root,
  );
  if (!offline) {
    picture.surface.canvas.setAttribute("role", "application");
    picture.surface.canvas.tabIndex = 0;
    picture.surface.canvas.setAttribute("aria-label", "The surface. Press a place, or use the arrow keys, to move the start of the ball.");
  }
  picture.surface.canvas.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const move = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowDown: [1, -1], ArrowUp: [1, 1] })[event.key];
    if (!move || offline || !answer || move[0] >= answer.dimensions) return;
    event.preventDefault();
    const [low, high] = answer.window[move[0]];
    const start = [...ball().start];
    start[move[0]] = Number(Math.min(Math.max(start[move[0]] + move[1] * 0.02 * (high - low), low), high).toPrecision(4));
    ball().start = start;
    update();
  });

  (async () => {
    try {
      places = await ask("api/places");
    } catch (/** @type {any} */ error) {
      say(error.message);
    }
    const names = /** @type {[string, string][]} */ ([...places.map(({ name, title: text }) => [name, text]), ["formula", "A formula …"]]);
    if (!names.some(([name]) => name === game.surface)) game.surface = PLAY.surface;
    ground.append(choice("Surface", names, game.surface, (name) => {
      const place = places.find((each) => each.name === name);
      game.surface = name;
      game.window = null;
      if (place) for (const each of game.balls) Object.assign(each, { start: [...place.start], rate: place.rate });
      formula.hidden = name !== "formula";
      anew = true;
      solve.clear();
      buildBalls();
      update();
    }), formula);
    formula.hidden = game.surface !== "formula";
    buildBalls();
    update();
  })();
  return () => picture.pause();
}
