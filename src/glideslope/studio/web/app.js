// The rooms, and the address that holds the state of the one that is open.

import { ask, NO_SERVER, offline, opened } from "./api.js";
import { button, h, put, say } from "./dom.js";

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
let visits = 0;
/** @type {string | null} */
let shown = null;

/** The rooms that there are: in an exported file the one that it has. */
const rooms = ROOMS.filter(([name]) => !opened || name === opened.name);

/** The room and its state in the address; an address that can't be read is that of the first room. */
function address() {
  const [name, text] = location.hash.slice(1).split(/\/(.*)/s);
  const room = rooms.find(([key]) => key === name);
  if (!room) return opened ?? { name: ROOMS[0][0], state: null };
  try {
    const state = text ? JSON.parse(decodeURIComponent(text)) : null;
    return { name, state: state !== null && typeof state === "object" && !Array.isArray(state) ? state : null };
  } catch {
    return { name, state: null };
  }
}

/** What follows the # of an address that opens a room in its state. @param {string} name */
function fragment(name) {
  return `#${name}${states[name] ? `/${encodeURIComponent(JSON.stringify(states[name]))}` : ""}`;
}

/** Keeps the state of a room: at once for a link, and in the address after a moment, since a drag changes it often. @param {string} name @param {any} state */
function save(name, state) {
  states[name] = state;
  clearTimeout(saving);
  saving = window.setTimeout(() => {
    shown = fragment(name);
    history.replaceState(null, "", shown);
  }, SETTLED);
}

async function open() {
  if (location.hash === shown) return;
  const { name, state } = address();
  const before = shown;
  shown = location.hash;
  clearTimeout(saving);
  const mine = ++visits;
  const [, title, load] = /** @type {any} */ (ROOMS.find(([key]) => key === name));
  const room = await load().catch(() => null);
  if (mine !== visits) return;
  if (!room) {
    if (before !== null) history.replaceState(null, "", before); // of the room that stays open
    shown = before;
    say(NO_SERVER);
    return;
  }
  leave();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${title} · Glideslope studio`;
  // Each visit has an element to itself: what a room that was left still waits for is written nowhere.
  const enter = (/** @type {any} */ from) => {
    const root = h("main", { id: "room", tabindex: "-1", class: name });
    document.getElementById("room")?.replaceWith(root);
    leave = room.open(root, from, (/** @type {any} */ changed) => { if (mine === visits) save(name, changed); });
  };
  try {
    enter(state ?? states[name] ?? null);
  } catch {
    enter(null); // the address is of another kind of state
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

document.querySelector("nav")?.append(...rooms.map(([name, title]) => h("a", { href: `#${name}` }, title)));
if (!offline) {
  const copy = () => put(new URL(fragment(address().name), location.href).href, "The link holds all of this room's state.");
  document.querySelector("header")?.append(h("div", { class: "row save" }, button("Copy link", copy, { class: "plain" }), button("Save as a file", saveFile, { class: "plain" })));
}
document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault(); // the address is that of a room
  document.getElementById("room")?.focus();
});
addEventListener("hashchange", open);
open();
