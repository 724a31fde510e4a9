// The page: what is asked, when, and what keys do.

import * as answer from "./answer.js";
import { get, part, post } from "./api.js";
import { $, counted, debounced, make, showProblem } from "./dom.js";
import * as files from "./files.js";
import * as hits from "./hits.js";
import * as address from "./state.js";
import * as viewer from "./viewer.js";

const PAUSE = 160; // milliseconds without a key until a question is asked
let state = address.read();
let datasets = [];
const filters = new Map(); // of each dataset, once they were asked for
let last = null; // AbortController of the question that was asked last
let asked = 0; // its number: an answer to an earlier one is dropped

// What is asked

/** Return the fields of a search that the filters make. */
function request() {
  const patterns = [];
  for (const folder of state.folder.length ? state.folder : [""]) {
    for (const type of state.type.length ? state.type : [""]) {
      const pattern = folder && type ? `${folder}/**/${type}` : folder || type;
      if (pattern) patterns.push(pattern);
    }
  }
  const k = Number(state.k);
  return {
    query: state.q.trim(),
    datasets: chosen(),
    mode: state.mode,
    ...(k >= 1 ? { top_k: Math.round(k) } : {}),
    ...(patterns.length ? { files: patterns } : {}),
    ...(state.since ? { since: state.since } : {}),
    ...(state.where.trim() ? { where: state.where.trim() } : {}),
  };
}

/** All datasets count where none is chosen. */
function chosen() {
  const names = datasets.map((one) => one.name);
  const wanted = state.dataset.filter((name) => names.includes(name));
  return wanted.length ? wanted : datasets.filter((one) => one.chunks).map((one) => one.name);
}

async function search() {
  const number = (asked += 1);
  last?.abort();
  address.write(state);
  showFiltersSet();
  answer.clear();
  if (!state.q.trim() || !chosen().length) return showNothing();
  const { signal } = (last = new AbortController());
  $("results").setAttribute("aria-busy", "true");
  try {
    const found = await post("/retrieve", { ...request(), explain: true, marks: true }, signal);
    if (number !== asked) return;
    hits.show(found.hits, chosen().length);
    showProblem($("problem"), null);
    $("status").textContent = said(found);
  } catch (error) {
    if (error.name === "AbortError" || number !== asked) return;
    $("status").textContent = "";
    showProblem($("problem"), error);
  }
  if (number === asked) $("results").removeAttribute("aria-busy");
}

function said(found) {
  const how = `${found.mode}, ${found.took_ms} ms`;
  if (!found.hits.length) return `Nothing found${filtersSet() ? " with these filters" : ""} · ${how}`;
  const fits = found.hits.some((hit) => hit.relevance === null || hit.relevance >= 0.35);
  return `${counted(found.hits.length, "passage")}${fits ? "" : ", none of which fits well"} · ${how}`;
}

function showNothing() {
  $("results").removeAttribute("aria-busy");
  hits.show([], 0);
  showProblem($("problem"), null);
  const total = datasets.reduce((sum, one) => sum + one.chunks, 0);
  const held = `${counted(total, "passage")} in ${counted(datasets.length, "dataset")}`;
  $("status").textContent = total ? `${held}. Type a question.` : "There is nothing to search yet: knowledge ingest takes documents in.";
}

const searchSoon = debounced(PAUSE, search);

// Filters

function filtersSet() {
  return ["dataset", "type", "folder"].reduce((sum, name) => sum + state[name].length, 0)
    + ["since", "where"].filter((name) => state[name]).length;
}

function showFiltersSet() {
  const number = filtersSet();
  $("filters-set").textContent = number ? ` (${number})` : "";
  $("clear").hidden = !number;
}

/** Show choices with their counts; `name` is where the state keeps what is chosen. */
function choices(name, place, rows) {
  const boxes = rows.map((row) =>
    make("label", { className: "choice" },
      make("input", { type: "checkbox", value: row.value, checked: state[name].includes(row.value), onchange: (event) => toggle(name, event.target) }),
      make("span", { className: "label", title: row.title ?? row.label }, row.label),
      make("span", { className: "count", title: counted(row.count, "file") }, row.count.toLocaleString("en"))),
  );
  place.querySelector(".choices").replaceChildren(...boxes);
  place.hidden = !rows.length;
}

function toggle(name, box) {
  state[name] = state[name].filter((one) => one !== box.value);
  if (box.checked) state[name].push(box.value);
  if (name === "dataset") showChoices();
  searchSoon.now();
}

/** Show types and folders of the datasets that are searched, counted together. */
async function showChoices() {
  const names = chosen();
  const found = await Promise.all(names.map(filtersOf));
  if (String(names) !== String(chosen())) return; // others were chosen meanwhile
  for (const [name, kind] of [["type", "types"], ["folder", "folders"]]) {
    const rows = new Map();
    for (const one of found.flatMap((held) => held[kind])) {
      const row = rows.get(one.pattern) ?? { value: one.pattern, label: one.name, title: one.pattern, count: 0 };
      row.count += one.files;
      rows.set(one.pattern, row);
    }
    const sorted = [...rows.values()].sort((a, b) => b.count - a.count || a.label.localeCompare(b.label));
    choices(name, $(kind), sorted.length > 1 || state[name].length ? sorted : []);
  }
}

function filtersOf(name) {
  if (!filters.has(name)) filters.set(name, get(`/datasets/${part(name)}/filters`).catch(() => ({ types: [], folders: [] })));
  return filters.get(name);
}

function clearFilters() {
  for (const name of ["dataset", "type", "folder", "since", "where"]) state[name] = structuredClone(address.USUAL[name]);
  showFields();
  searchSoon.now();
}

/** Put the state into the fields. */
function showFields() {
  $("query").value = state.q;
  for (const [id, name] of FIELDS) $(id).value = state[name];
  choices("dataset", $("datasets"), datasets.map((one) => ({ value: one.name, label: one.name, count: one.files })));
  showChoices();
  showFiltersSet();
}

const FIELDS = [["mode", "mode"], ["top-k", "k"], ["since", "since"], ["where", "where"]];

// Documents, tabs, theme

function open(hit) {
  state.open = hit.chunk_id;
  state.in = hit.dataset;
  address.write(state, true);
  viewer.openChunk(hit.chunk_id, hit.dataset);
}

function closed() {
  if (!state.open) return;
  state.open = state.in = "";
  address.write(state);
}

function showTab(name, focus = false) {
  state.tab = name;
  for (const one of ["search", "files"]) {
    const tab = $(`tab-${one}`);
    tab.setAttribute("aria-selected", String(one === name));
    tab.tabIndex = one === name ? 0 : -1;
    $(one).hidden = one !== name;
    if (focus && one === name) tab.focus();
  }
  address.write(state);
  if (name === "files") files.load();
}

const THEMES = ["system", "light", "dark"];

function showTheme(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").setAttribute("aria-label", `Theme: ${theme === "system" ? "as the system" : theme}`);
  $("theme").firstElementChild.textContent = { system: "◐", light: "☀", dark: "☾" }[theme];
}

function nextTheme() {
  const theme = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
  localStorage.setItem("knowledge.theme", theme);
  showTheme(theme);
}

// Keys

function key(event) {
  const typing = event.target.closest("input, select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && event.target === $("query")) $("query").blur();
  if (typing) return;
  const run = {
    "/": () => { showTab("search"); $("query").focus(); $("query").select(); },
    j: () => hits.step(1),
    k: () => hits.step(-1),
    "?": () => $("help").showModal(),
  }[event.key];
  if (!run) return;
  event.preventDefault();
  run();
}

// The beginning

function listen() {
  hits.onOpen(open);
  files.onOpen(open);
  viewer.onClose(closed);
  $("query").oninput = () => { state.q = $("query").value; searchSoon(); };
  $("form").onsubmit = (event) => { event.preventDefault(); searchSoon.now().then(() => hits.step(1)); };
  for (const [id, name] of FIELDS) $(id).oninput = () => { state[name] = $(id).value; searchSoon(); };
  $("clear").onclick = clearFilters;
  $("ask").hidden = document.documentElement.dataset.chat !== "yes";
  $("ask").onclick = () => state.q.trim() && answer.ask(request(), open);
  $("theme").onclick = nextTheme;
  $("keys").onclick = () => $("help").showModal();
  for (const name of ["search", "files"]) $(`tab-${name}`).onclick = () => showTab(name);
  document.querySelector("[role=tablist]").onkeydown = (event) => {
    if (["ArrowLeft", "ArrowRight"].includes(event.key)) showTab(state.tab === "search" ? "files" : "search", true);
  };
  document.addEventListener("keydown", key);
  addEventListener("popstate", show);
}

/** Show what the address says. */
function show() {
  state = address.read();
  if (!["search", "files"].includes(state.tab)) state.tab = "search";
  showFields();
  showTab(state.tab);
  search();
  if (state.open) viewer.openChunk(state.open, state.in);
  else viewer.close();
}

/** Ask for the datasets; others may have been made, or grown. */
async function loadDatasets() {
  datasets = (await get("/datasets")).datasets;
  filters.clear();
  files.choices(datasets, $("files-dataset").value || state.dataset[0] || datasets[0]?.name);
}

async function refresh() {
  if (document.visibilityState !== "visible") return;
  await loadDatasets();
  showFields();
}

async function start() {
  showTheme(THEMES.includes(localStorage.getItem("knowledge.theme")) ? localStorage.getItem("knowledge.theme") : "system");
  $("filters").open = matchMedia("(min-width: 60rem)").matches;
  listen();
  try {
    await loadDatasets();
  } catch (error) {
    return showProblem($("problem"), error);
  }
  show();
  document.addEventListener("visibilitychange", () => refresh().catch((error) => showProblem($("problem"), error)));
}

start();
