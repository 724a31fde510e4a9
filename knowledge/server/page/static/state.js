// What is asked and shown, as the address says it: a link to it shows the same.

const LISTS = ["dataset", "type", "folder"];
const html = document.documentElement;
export const USUAL = {
  tab: "search", q: "", mode: html.dataset.mode, k: html.dataset.topK, since: "", where: "",
  open: "", in: "", dataset: [], type: [], folder: [],
};

/** Return the state of the page's address. */
export function read() {
  const given = new URLSearchParams(location.search);
  const state = {};
  for (const [name, usual] of Object.entries(USUAL)) {
    state[name] = LISTS.includes(name) ? given.getAll(name) : given.get(name) ?? usual;
  }
  return state;
}

/** Put a state into the address; `step` makes it one that the browser's back button leads back from. */
export function write(state, step = false) {
  const given = new URLSearchParams();
  for (const [name, usual] of Object.entries(USUAL)) {
    for (const value of [state[name]].flat()) if (String(value) !== String(usual)) given.append(name, value);
  }
  const text = given.toString();
  const address = text ? `?${text}` : location.pathname;
  history[step ? "pushState" : "replaceState"](null, "", address);
}
