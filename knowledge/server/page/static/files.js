// What a dataset took in, what it could not, and why.

import { get, part } from "./api.js";
import { $, counted, debounced, make, showProblem } from "./dom.js";

const FIRST = { missed: 20, ingested: 100 }; // rows that are asked for at first
const MORE = 100; // and then at a time
const GROUPS = [
  ["No text layer", (one) => one.reason.startsWith("no text layer")],
  ["Failed", (one) => one.status === "failed"],
  ["Unsupported", (one) => one.status === "unsupported"],
  ["Empty", () => true],
];
let held = {}; // by status, ingested or missed: rows, and the cursor behind them
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

/** Ask for the first files of the chosen dataset, and show them. */
export async function load() {
  if (!$("files-dataset").value) {
    $("files-status").textContent = "There is no dataset yet: knowledge ingest makes one.";
    return;
  }
  last?.abort();
  const { signal } = (last = new AbortController());
  if (!$("files-list").children.length) $("files-status").textContent = "Loading…";
  await told(async () => {
    const [missed, ingested] = await Promise.all([page("missed", signal), page("ingested", signal)]);
    held = { missed, ingested };
    show();
  });
}

/** Ask for the rows behind those that are shown, and show them too. */
async function more(status) {
  const { signal } = last;
  await told(async () => {
    const { rows, cursor } = held[status];
    const next = await page(status, signal, cursor);
    held[status] = { ...next, rows: [...rows, ...next.rows] };
    show();
  });
}

async function page(status, signal, cursor) {
  const fields = { status, limit: cursor ? MORE : FIRST[status], contains: $("files-filter").value.trim(), ...(cursor ? { cursor } : {}) };
  const found = await get(`/datasets/${part($("files-dataset").value)}/files`, fields, signal);
  return { rows: status === "missed" ? found.missed : found.files, cursor: found.next_cursor, counts: found.counts };
}

async function told(work) {
  showProblem($("files-problem"), null);
  try {
    await work();
  } catch (error) {
    if (error.name === "AbortError") return;
    $("files-status").textContent = "";
    showProblem($("files-problem"), error);
  }
}

function show() {
  let missed = held.missed.rows;
  const sections = [];
  for (const [title, holds] of GROUPS) {
    const group = missed.filter(holds);
    missed = missed.filter((one) => !holds(one));
    if (group.length) sections.push(section(title, group.map(missedRow), ["File", "Reason", "Seen"], held.missed.cursor ? `${number(group.length)}+` : number(group.length)));
  }
  const counts = held.ingested.counts;
  const problems = counts.failed + counts.empty + counts.unsupported;
  if (held.missed.cursor) sections.push(button("missed", `Show more of ${number(problems)} that were not taken in`));
  if (counts.ingested) sections.push(section("Taken in", held.ingested.rows.map(fileRow), ["File", "Passages", "Size", "Ingested"], number(counts.ingested)));
  if (held.ingested.cursor) sections.push(button("ingested", `Show more of ${number(counts.ingested)} taken in`));
  $("files-status").textContent = `${counted(counts.ingested, "file")} taken in` + (problems ? `, ${counted(problems, "file")} not` : "");
  $("files-list").replaceChildren(...sections);
}

const number = (value) => value.toLocaleString("en");
const button = (status, text) => make("button", { className: "quiet", onclick: () => more(status) }, text);

function section(title, rows, columns, count) {
  const id = `group-${title.toLowerCase().replaceAll(" ", "-")}`;
  return make(
    "section",
    { "aria-labelledby": id },
    make("h2", { id }, title, " ", make("span", { className: "count" }, count)),
    make(
      "table",
      {},
      make("thead", {}, make("tr", {}, columns.map((one) => make("th", { scope: "col", className: one.toLowerCase() }, one)))),
      make("tbody", {}, rows),
    ),
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
$("files-filter").oninput = debounced(120, load);
