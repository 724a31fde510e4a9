// Elements made of texts. Nothing here, or anywhere on the page, makes HTML of a text.

export const $ = (id) => document.getElementById(id);

/** Make an element: properties, `on…` listeners, `data-…` and `aria-…` attributes, children. */
export function make(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((one) => one !== null && one !== undefined && one !== ""));
  return element;
}

/** Say how many there are: `counted(2, "passage")`. */
export function counted(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** The server counts characters as Unicode does, JavaScript in halves of UTF-16. */
export function characters(text) {
  const wide = /[\ud800-\udfff]/.test(text);
  const list = wide ? Array.from(text) : null;
  return (start, end) => (list ? list.slice(start, end).join("") : text.slice(start, end));
}

/** Return a text as nodes, with spans of it marked. */
export function marked(text, spans) {
  const part = characters(text);
  const nodes = [];
  let done = 0;
  for (const [start, end] of spans) {
    if (start < done) continue;
    nodes.push(part(done, start), make("mark", { textContent: part(start, end) }));
    done = end;
  }
  nodes.push(part(done, undefined));
  return nodes.filter((one) => one !== "");
}

/** Return a citation as nodes: the name and the place first, then the folders, which matter less. */
export function cited({ citation, file, name }) {
  const at = name ? citation.lastIndexOf(name, file.length) : -1;
  if (at < 0) return [citation];
  return [
    make("span", { className: "name" }, citation.slice(at)),
    " ",
    make("span", { className: "folder" }, lastFolders(citation.slice(0, at))),
  ];
}

function lastFolders(path) {
  const parts = path.split("/").filter(Boolean);
  return parts.length > 3 ? `…/${parts.slice(-2).join("/")}` : path.replace(/\/$/, "");
}

/** Run a function once nothing has called for some milliseconds. */
export function debounced(milliseconds, run) {
  let timer = 0;
  const call = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...given), milliseconds);
  };
  call.now = (...given) => {
    clearTimeout(timer);
    return run(...given);
  };
  return call;
}

/** Show an error where a person looks for it. */
export function showProblem(place, error) {
  if (!error) return place.replaceChildren();
  place.replaceChildren(
    make("p", { className: "problem" }, make("strong", {}, error.message), error.hint ? ` ${error.hint}` : ""),
  );
}
