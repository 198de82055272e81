// Eight short lessons, in English and Korean, each statement with the experiment that bears it out.

import { ask, offline, read } from "./api.js";
import { chartFigure, h, say } from "./dom.js";
import { Chart } from "./report.js";
import { stage } from "./stage.js";
import { inLanguage, WORDS } from "./words.js";

export const title = "Learn";

export const LESSONS = 8;
const ROOMS = /** @type {Record<string, string>} */ ({ play: "Play", draw: "Draw" });

/**
 * @param {HTMLElement} root
 * @param {any} state
 * @param {(state: any) => void} save
 */
export function open(root, state, save) {
  let lesson = Math.min(Math.max(Math.round(state?.lesson) || 1, 1), LESSONS);
  let language = state?.language === "ko" || (!state?.language && navigator.language.startsWith("ko")) ? "ko" : "en";
  let shown = 0;
  /** @type {Promise<void>[]} */ let running = [];
  /** @type {any[]} */ let stages = [];
  const contents = h("nav", { class: "contents" });
  const article = h("article");

  async function show() {
    save({ lesson, language });
    delete root.dataset.ready;
    const mine = ++shown;
    try {
      const lessons = await Promise.all(Array.from({ length: LESSONS }, (_, i) => read(`lesson${i + 1}.json`)));
      if (mine === shown) build(lessons);
    } catch (/** @type {any} */ error) {
      say(error.message);
    }
  }

  /** @param {any[]} lessons */
  function build(lessons) {
    const words = WORDS[language];
    const { title: name, parts } = lessons[lesson - 1];
    const mine = shown;
    running = [];
    for (const each of stages) each.pause();
    stages = [];
    const go = (/** @type {number} */ to) => () => { lesson = to; show().then(() => { root.scrollIntoView(); article.querySelector("h2").focus(); }); };
    contents.setAttribute("aria-label", words.lessons);
    contents.replaceChildren(
      h("div", { class: "languages", role: "group", "aria-label": words.language }, ...[["en", "English"], ["ko", "한국어"]].map(([key, text]) => h("button", {
        type: "button", lang: key, "aria-pressed": String(key === language), onclick: () => { language = key; show(); },
      }, text))),
      h("ol", { lang: language }, ...lessons.map((each, i) => h("li", {}, h("button", { type: "button", "aria-current": i + 1 === lesson ? "true" : null, onclick: go(i + 1) }, each.title[language])))),
    );
    article.lang = language;
    article.replaceChildren(
      h("h2", { tabindex: "-1" }, name[language]),
      ...parts.map((/** @type {any} */ part, /** @type {number} */ i) => section(part, i)),
      h(
        "div", { class: "row turn" },
        lesson > 1 ? h("button", { type: "button", class: "plain", onclick: go(lesson - 1) }, `← ${words.previous}`) : null,
        lesson < LESSONS ? h("button", { type: "button", class: "plain", onclick: go(lesson + 1) }, `${words.next}: ${lessons[lesson].title[language]} →`) : null,
      ),
    );
    Promise.all(running).then(() => { if (mine === shown) root.dataset.ready = "true"; });
  }

  /** @param {any} part @param {number} i */
  function section(part, i) {
    const words = WORDS[language];
    const place = h("div", { class: "experiment" });
    if (part.experiment) running.push(run(part.experiment, place, `lesson${lesson}/${i}`));
    return h(
      "section", { class: part.fails ? "fails" : null },
      part.fails ? h("h3", {}, words.fails) : null,
      ...part[language].map((/** @type {string} */ text) => h("p", {}, text)),
      place,
      part.see ? h("p", { class: "see" }, h("strong", {}, `${words.see}: `), part.see[language]) : null,
      part.experiment && !offline ? h("p", { class: "note" }, h("a", { href: `#${part.experiment.room}/${encodeURIComponent(JSON.stringify(part.experiment.state))}` }, `${words.open} ${ROOMS[part.experiment.room]}`)) : null,
    );
  }

  /** @param {any} experiment @param {any} place @param {string} key */
  async function run({ room, state: setting }, place, key) {
    const [spoken, words] = [language, WORDS[language]];
    try {
      if (room === "play") {
        const picture = stage(() => {}, () => {}, words);
        stages.push(picture);
        place.append(picture.root);
        const answer = await ask("api/play", setting, key);
        picture.show({ ...answer, chart: inLanguage(answer.chart, spoken) }, 0);
      } else {
        const figure = chartFigure(words.rates);
        place.append(figure);
        const chart = new Chart(figure, inLanguage((await ask("api/draw", { plan: setting }, key)).chart, spoken));
        if (setting.log) chart.turn(true);
      }
      place.querySelector(".legend").setAttribute("aria-label", words.curves);
    } catch (/** @type {any} */ error) {
      place.replaceChildren(h("p", { class: "trouble" }, error.message));
    }
  }

  root.append(h("div", { class: "lessons" }, contents, article));
  show();
  return () => { for (const each of stages) each.pause(); };
}
