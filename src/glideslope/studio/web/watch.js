// The room where a search is watched, as its run directory is written.

import { ask, offline } from "./api.js";
import { chartFigure, choice, h, latest, say, short } from "./dom.js";
import { Chart } from "./report.js";

export const title = "Watch";

const AGAIN = 3000; // milliseconds after which a search is looked for again, where there is none
const STATES = {
  running: "going on", lost: "its process is no more: go on with --resume", stopped: "not running, not finished", finished: "finished",
};

/**
 * @param {HTMLElement} root
 * @param {any} state
 * @param {(state: any) => void} save
 */
export function open(root, state, save) {
  let folder = state?.folder ?? "";
  let waiting = 0;
  /** @type {string[] | null} */ let listed = null;
  /** @type {EventSource | null} */ let source = null;
  /** @type {Map<string, {chart: any, section: any}>} */ const charts = new Map();
  const place = h("div");
  const crowd = h("p", { class: "trouble" });
  const heading = h("h2");
  const live = h("span", { class: "live" });
  const answer = h("p", { class: "answer" });
  const odds = h("p");
  const pictures = h("div", { class: "pictures" });
  const tables = h("div");
  const body = h("div", { hidden: true }, h("div", { class: "heading" }, heading, live), answer, odds, pictures, tables);

  const update = latest(async () => {
    try {
      show(await ask("api/watch", { folder }));
    } catch (/** @type {any} */ error) {
      body.hidden = true;
      say(error.message);
    }
    root.dataset.ready = "true";
  });

  /** @param {any} seen */
  function show(seen) {
    body.hidden = false;
    heading.textContent = seen.search;
    live.textContent = STATES[/** @type {keyof STATES} */ (seen.state)];
    live.dataset.state = seen.state;
    answer.textContent = seen.answer;
    odds.textContent = seen.odds.join(" ");
    const titles = new Set(seen.charts.map((/** @type {any} */ spec) => spec.title));
    for (const [name, { section }] of charts) if (!titles.has(name)) { section.remove(); charts.delete(name); }
    for (const spec of seen.charts) {
      const known = charts.get(spec.title);
      if (known) known.chart.update(spec);
      else {
        const figure = chartFigure(spec.title);
        const section = h("section", {}, h("h3", {}, spec.title), figure);
        pictures.append(section);
        charts.set(spec.title, { chart: new Chart(figure, spec), section });
      }
    }
    tables.replaceChildren(
      ...(seen.unreached && seen.state !== "finished" ? [h("p", { class: "note" },
        `How far its runs are stands at ${seen.unreached}, which the studio asks only with `, h("code", {}, `glideslope studio --checkpoints ${seen.unreached}`), ".")] : []),
      ...seen.unfinished.map((/** @type {any} */ run) => h("p", { class: "note" },
        `In the making: ${run.what}, ${short(run.updates)} updates${run.of ? ` of ${short(run.of)}, at a loss of ${short(run.loss)}` : " at its last checkpoint"}.`)),
      ...seen.rounds.map((/** @type {any} */ round) => table(round.title, ["run", "peak", "updates", "loss", "why it is the answer, or isn't"], round.rows, round.leads)),
      ...(seen.events.length ? [table("Where the training was being lost", ["run", "update", "what", "loss", "went back to", "rate times"], seen.events)] : []),
      ...seen.damaged.map((/** @type {string} */ text) => h("p", { class: "trouble" }, `Can't be read: ${text}`)),
      ...(seen.report && !offline ? [h("p", {}, h("a", { href: `report?folder=${encodeURIComponent(folder)}`, target: "_blank", rel: "noopener" }, "Open the report"))] : []),
    );
  }

  function follow() {
    source?.close();
    save({ folder });
    if (offline) {
      update(null);
      return;
    }
    source = new EventSource(`events?folder=${encodeURIComponent(folder)}`);
    source.onmessage = () => {
      crowd.textContent = "";
      update(null);
    };
    source.onerror = () => { live.textContent = "the server doesn't answer"; };
    source.addEventListener("full", (event) => {
      crowd.textContent = `${event.data} pages watch already, and no more can. This one waits until another is closed.`;
      root.dataset.ready = "true";
    });
  }

  /** Lists the run directories, and again where one is chosen, or until there is one: searches begin meanwhile. */
  async function list() {
    clearTimeout(waiting);
    try {
      const names = await ask("api/folders");
      if (listed && String(names) === String(listed)) {
        if (!names.length) wait();
        return;
      }
      const had = listed?.includes(folder);
      listed = names;
      if (!names.includes(folder)) folder = names[0] ?? "";
      const shown = (/** @type {string} */ name) => (name === "." ? "this folder" : name);
      const choose = choice("Run directory", names.map((/** @type {string} */ name) => [name, shown(name)]), folder, (name) => { folder = name; follow(); });
      choose.addEventListener("focusin", list);
      const hadFocus = place.contains(document.activeElement);
      place.replaceChildren(names.length
        ? choose
        : h("p", { class: "note" }, "No search has a run directory in this folder: open the studio where glideslope find, race or tune writes, such as runs/."));
      if (hadFocus) choose.querySelector("select").focus();
      if (folder && !had) follow();
      if (!folder) {
        root.dataset.ready = "true";
        wait();
      }
    } catch (/** @type {any} */ error) {
      say(error.message);
    }
  }

  function wait() {
    if (!offline) waiting = window.setTimeout(list, AGAIN);
  }

  /** A page that nobody sees asks for nothing: a browser has few connections to one server. */
  function seenOrNot() {
    if (document.hidden) source?.close();
    else if (folder) follow();
  }

  root.append(h("div", { class: "source" }, place), crowd, body);
  document.addEventListener("visibilitychange", seenOrNot);
  list();
  return () => {
    clearTimeout(waiting);
    document.removeEventListener("visibilitychange", seenOrNot);
    source?.close();
  };
}

/** @param {string} title @param {string[]} columns @param {any[][]} rows @param {boolean[]} [leads] the rows that stand out */
function table(title, columns, rows, leads = []) {
  const text = (/** @type {any} */ value) => (typeof value === "string" ? value : short(value));
  return h(
    "section", {}, h("h3", {}, title),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, h(
      "table", {}, h("thead", {}, h("tr", {}, ...columns.map((name, i) => h("th", { scope: "col", class: typeof rows[0]?.[i] === "string" ? "text" : null }, name)))),
      h("tbody", {}, ...rows.map((row, at) => h("tr", { class: leads[at] ? "lead" : null }, ...row.map((value, i) => (i ? h("td", { class: typeof value === "string" ? "text" : null }, text(value)) : h("th", { scope: "row" }, text(value))))))),
    )),
  );
}
