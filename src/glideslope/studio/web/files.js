// Files that a reader drops or chooses, with their paths in the folders that they lie in.

const MOST = 500; // as many as the server keeps
const LARGEST = 64e6; // bytes
const DEEPEST = 8; // names in a path
const NO_LOG = /(^|\/)\.|\.(bin|ckpt|h5|jpe?g|np[yz]|pkl|png|pth?|safetensors|zip)$/i;

/** @typedef {{path: string, file: File}} Placed */

/**
 * The files that were chosen.
 * @param {FileList} files
 * @returns {Placed[]}
 */
export function chosen(files) {
  return few([...files].map((file) => ({ path: file.webkitRelativePath || file.name, file })).filter(mayBeLog));
}

/**
 * The files that were dropped, and those in the folders that were.
 * @param {DataTransfer} transfer
 * @returns {Promise<Placed[]>}
 */
export async function dropped(transfer) {
  const loose = [...transfer.files];
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()); // before any wait: the items are gone after it
  if (!entries.length || entries.some((entry) => !entry)) return few(loose.map((file) => ({ path: file.name, file })));
  /** @type {Placed[]} */ const files = [];
  const names = new Set();
  for (const entry of /** @type {any[]} */ (entries)) {
    let name = entry.name; // folders of one name, from two places, stay apart
    for (let n = 2; entry.isDirectory && names.has(name); n++) name = `${entry.name} ${n}`;
    names.add(name);
    await walk(entry, name, 1, files);
  }
  return few(files);
}

/** @param {any} entry @param {string} path @param {number} depth @param {Placed[]} files */
async function walk(entry, path, depth, files) {
  if (entry.isFile) {
    const placed = { path, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) };
    if (mayBeLog(placed)) few(files).push(placed);
    return;
  }
  if (depth >= DEEPEST) return;
  const reader = entry.createReader();
  for (;;) {
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100 at a time
    if (!batch.length) return;
    for (const inner of batch) await walk(inner, `${path}/${inner.name}`, depth + 1, files);
  }
}

/** Whether a file is worth sending: each that is alone, and of folders what isn't hidden, large, deep, or weights or pictures. @param {Placed} placed */
function mayBeLog({ path, file }) {
  return !path.includes("/") || (file.size <= LARGEST && path.split("/").length <= DEEPEST && !NO_LOG.test(path));
}

/** The files; raises where they are too many. @param {Placed[]} files */
function few(files) {
  if (files.length > MOST) throw new Error(`More than ${MOST} files: choose a folder with fewer.`);
  return files;
}
