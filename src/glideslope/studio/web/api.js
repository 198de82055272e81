// What the page asks its server for; in an exported file, what was recorded.

/** @type {Record<string, any> | null} */
const recorded = JSON.parse(document.getElementById("recorded")?.textContent ?? "null");

/** Whether this is an exported file, which has no server. */
export const offline = recorded !== null;

/** The room and the state that an exported file opens with. @type {{name: string, state: any} | null} */
export const opened = recorded?.open ?? null;

/** What is said where there is no server any more. */
export const NO_SERVER = "The server doesn't answer. Copy link, and open it by glideslope studio --state 'LINK': nothing is lost.";

/** A problem that the server names: its message, and the column of the text that it is about. */
export class Refused extends Error {
  /** @param {string} message @param {number | null} [column] */
  constructor(message, column = null) {
    super(message);
    this.column = column;
  }
}

/**
 * The answer to a request.
 * @param {string} path
 * @param {any} [body]
 * @param {string} [key] what a file has recorded the answer under
 * @returns {Promise<any>}
 */
export async function ask(path, body = null, key = path) {
  if (recorded) {
    if (key in recorded) return recorded[key];
    throw new Refused("this copy has no server to compute it: open the studio");
  }
  const upload = body instanceof Blob;
  let response;
  try {
    response = await fetch(path, { method: "POST", body: upload ? body : JSON.stringify(body) });
  } catch {
    throw new Refused(NO_SERVER);
  }
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  let problem;
  try {
    problem = JSON.parse(text);
  } catch {
    problem = { message: text.trim() || `status ${response.status}` };
  }
  throw new Refused(problem.message, problem.column);
}

/**
 * A file of the page.
 * @param {string} name
 * @returns {Promise<any>}
 */
export async function read(name) {
  if (recorded) return recorded[name];
  const response = await fetch(name);
  if (!response.ok) throw new Refused(`${name} isn't there: status ${response.status}`);
  return response.json();
}
