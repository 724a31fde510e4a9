// What a dataset took in, what it could not, and why.

import { get, part } from "./api.js";
import { $, counted, debounced, make, showProblem } from "./dom.js";

const MOST = 300; // rows that are shown before more are asked for
const GROUPS = [
  ["No text layer", (one) => one.reason.startsWith("no text layer")],
  ["Failed", (one) => one.status === "failed"],
  ["Unsupported", (one) => one.status === "unsupported"],
  ["Empty", () => true],
];
let held = { files: [], missed: [] };
let last = null;
let open = () => {};

export function onOpen(run) {
  open = run;
}

/** Show the datasets to choose from. */
export function choices(datasets, chosen) {
  const options = datasets.map((one) => make("option", { value: one.name, selected: one.name === chosen }, `${one.name} (${one.files.toLocaleString("en")})`));
  $("files-dataset").replaceChildren(...options);
}

/** Ask for the files of the chosen dataset, and show them. */
export async function load() {
  const name = $("files-dataset").value;
  if (!name) {
    $("files-status").textContent = "There is no dataset yet: knowledge ingest makes one.";
    return;
  }
  last?.abort();
  const { signal } = (last = new AbortController());
  $("files-status").textContent = "Loading…";
  showProblem($("files-problem"), null);
  try {
    held = await get(`/datasets/${part(name)}/files`, {}, signal);
    show(MOST);
  } catch (error) {
    if (error.name === "AbortError") return;
    $("files-status").textContent = "";
    showProblem($("files-problem"), error);
  }
}

function show(most) {
  const wanted = $("files-filter").value.trim().toLowerCase();
  const named = (one) => one.file.toLowerCase().includes(wanted);
  const files = held.files.filter(named);
  let missed = held.missed.filter(named);
  const groups = [];
  for (const [title, holds] of GROUPS) {
    const group = missed.filter(holds);
    missed = missed.filter((one) => !holds(one));
    if (group.length) groups.push(section(title, group, most, missedRow, ["File", "Reason", "Seen"]));
  }
  const problems = held.missed.filter(named).length;
  $("files-status").textContent = `${counted(files.length, "file")} taken in` + (problems ? `, ${counted(problems, "file")} not` : "");
  if (files.length) groups.push(section("Taken in", files, most, fileRow, ["File", "Passages", "Size", "Ingested"]));
  $("files-list").replaceChildren(...groups);
}

function section(title, rows, most, row, columns) {
  const id = `group-${title.toLowerCase().replaceAll(" ", "-")}`;
  const more = rows.length > most ? make("button", { className: "quiet", onclick: () => show(most * 4) }, `Show more of ${rows.length.toLocaleString("en")}`) : null;
  return make(
    "section",
    { "aria-labelledby": id },
    make("h2", { id }, title, " ", make("span", { className: "count" }, rows.length.toLocaleString("en"))),
    make(
      "table",
      {},
      make("thead", {}, make("tr", {}, columns.map((one) => make("th", { scope: "col", className: one.toLowerCase() }, one)))),
      make("tbody", {}, rows.slice(0, most).map(row)),
    ),
    more,
  );
}

function fileRow(file) {
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, make("button", { className: "citation", title: file.file, onclick: () => openFile(file) }, file.name), " ", make("span", { className: "folder" }, above(file))),
    make("td", { "data-name": "Passages" }, file.chunks.toLocaleString("en")),
    make("td", { "data-name": "Size" }, size(file.size)),
    make("td", { "data-name": "Ingested" }, day(file.ingested_at)),
  );
}

function missedRow(one) {
  const name = one.file.split("/").at(-1);
  return make("tr", {}, make("th", { scope: "row" }, make("span", { title: one.file }, name), " ", make("span", { className: "folder" }, above({ ...one, name }))), make("td", { "data-name": "Reason" }, one.reason), make("td", { "data-name": "Seen" }, day(one.seen_at)));
}

const above = (file) => (file.file.endsWith(file.name) ? file.file.slice(0, -file.name.length).replace(/\/$/, "") : file.file);
const day = (moment) => new Date(moment).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${value.toFixed(unit && value < 10 ? 1 : 0)} ${units[unit]}`;
}

async function openFile(file) {
  const dataset = $("files-dataset").value;
  try {
    const { file: found } = await get(`/datasets/${part(dataset)}/files/${part(file.id)}`, { text: true });
    if (found.passages.length) open({ chunk_id: found.passages[0].chunk_id, dataset });
  } catch (error) {
    showProblem($("files-problem"), error);
  }
}

$("files-dataset").onchange = load;
$("files-filter").oninput = debounced(120, () => show(MOST));
