// The rooms, and the address that holds the state of the one that is open.

import { ask, offline, opened } from "./api.js";
import { button, h, say } from "./dom.js";

/** @typedef {{title: string, open: (root: HTMLElement, state: any, save: (state: any) => void) => (() => void)}} Room */

/** @type {[string, string, () => Promise<Room>][]} */
const ROOMS = [
  ["draw", "Draw", () => import("./draw.js")],
  ["predict", "Predict", () => import("./predict.js")],
  ["play", "Play", () => import("./play.js")],
  ["watch", "Watch", () => import("./watch.js")],
  ["learn", "Learn", () => import("./learn.js")],
];

/** @type {Record<string, any>} */
const states = {};
/** @type {() => void} */
let leave = () => {};
const SETTLED = 100; // milliseconds without a change, after which the address has the state
let saving = 0;
/** @type {string | null} */
let shown = null;

/** The room and its state in the address; an address that can't be read is that of the first room. */
function address() {
  const [name, text] = location.hash.slice(1).split(/\/(.*)/s);
  const room = ROOMS.find(([key]) => key === name);
  if (!room) return opened ?? { name: ROOMS[0][0], state: null };
  try {
    const state = text ? JSON.parse(decodeURIComponent(text)) : null;
    return { name, state: state !== null && typeof state === "object" && !Array.isArray(state) ? state : null };
  } catch {
    return { name, state: null };
  }
}

/** @param {string} name @param {any} state */
function save(name, state) {
  states[name] = state;
  clearTimeout(saving);
  saving = window.setTimeout(() => {
    shown = `#${name}/${encodeURIComponent(JSON.stringify(state))}`;
    history.replaceState(null, "", shown);
  }, SETTLED);
}

async function open() {
  if (location.hash === shown) return;
  const { name, state } = address();
  shown = location.hash;
  const [, title, load] = /** @type {any} */ (ROOMS.find(([key]) => key === name));
  const room = await load();
  clearTimeout(saving);
  leave();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${title} · Glideslope studio`;
  const root = /** @type {HTMLElement} */ (document.getElementById("room"));
  root.replaceChildren();
  root.className = name;
  const change = (/** @type {any} */ changed) => save(name, changed);
  try {
    leave = room.open(root, state ?? states[name] ?? null, change);
  } catch {
    root.replaceChildren(); // the address is of another kind of state
    leave = room.open(root, null, change);
  }
}

/** Saves the room that is open as one file. */
async function saveFile() {
  const { name } = address();
  try {
    const url = URL.createObjectURL(new Blob([await ask("api/export", { room: name, state: states[name] ?? null })], { type: "text/html" }));
    h("a", { href: url, download: `glideslope-${name}.html` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    say("Saved as one file that opens anywhere.");
  } catch (/** @type {any} */ error) {
    say(error.message);
  }
}

const rooms = ROOMS.filter(([name]) => !opened || name === opened.name);
document.querySelector("nav")?.append(...rooms.map(([name, title]) => h("a", { href: `#${name}` }, title)));
if (!offline) document.querySelector("header")?.append(button("Save as a file", saveFile, { class: "plain save" }));
addEventListener("hashchange", open);
open();
