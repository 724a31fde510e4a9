// The passages that were found.

import { get, part } from "./api.js";
import { $, cited, counted, make, marked, showProblem } from "./dom.js";

const list = $("hits");
let open = () => {};

/** Say what opens a hit's document. */
export function onOpen(run) {
  open = run;
}

/** Show hits; their datasets are named where there are several. */
export function show(hits, datasets) {
  list.replaceChildren(...hits.map((hit) => item(hit, datasets > 1)));
}

function item(hit, named) {
  const title = `hit-${hit.rank}`;
  const text = make("div", { className: "text" }, marked(hit.text, hit.marks ?? []));
  const why = make("ul", { className: "why", hidden: true }, (hit.explanation ?? []).map((line) => make("li", {}, line)));
  const article = make(
    "article",
    { tabIndex: -1, "aria-labelledby": title, onfocusin: () => choose(article), onkeydown: (event) => keys(event, hit) },
    make(
      "header",
      {},
      relevance(hit),
      make("h2", { id: title }, make("button", { className: "citation", title: hit.citation, onclick: () => open(hit) },
        make("span", { className: "hidden" }, `${hit.rank}. `), ...cited(hit))),
      named ? make("span", { className: "dataset" }, hit.dataset) : null,
    ),
    heading(hit),
    text,
    make(
      "footer",
      {},
      make("button", { className: "quiet more", hidden: true, onclick: (event) => unfold(text, event.target) }, "Show all"),
      make("button", { className: "quiet around", "aria-keyshortcuts": "n", onclick: (event) => around(hit, text, event.target) }, "Neighbours"),
      make("button", { className: "quiet reason", "aria-keyshortcuts": "w", "aria-expanded": "false", onclick: (event) => explain(why, event.target) }, "Why"),
      hit.also.length ? make("span", { className: "also" }, `also in ${counted(hit.also.length, "near duplicate")}`) : null,
    ),
    why,
  );
  const long = hit.text.length > 700 || hit.text.split("\n").length > 10;
  text.classList.toggle("folded", long);
  article.querySelector(".more").hidden = !long;
  return make("li", {}, article);
}

function relevance(hit) {
  if (hit.relevance === null) return make("span", { className: "relevance" }, hit.score.toFixed(2));
  const shown = Math.round(hit.relevance * 100);
  return make(
    "span",
    { className: "relevance", title: `relevance ${hit.relevance.toFixed(2)}` },
    make("meter", { min: 0, max: 1, low: 0.35, high: 0.65, optimum: 1, value: hit.relevance, "aria-label": `Relevance ${shown} %` }),
    make("span", { "aria-hidden": "true" }, `${shown} %`),
  );
}

function heading(hit) {
  const first = hit.text.trimStart().split("\n", 1)[0].replace(/^[# ]+/, "").trim();
  const path = hit.heading.at(-1) === first ? hit.heading.slice(0, -1) : hit.heading;
  return path.length ? make("p", { className: "heading" }, path.join(" › ")) : null;
}

function unfold(text, button) {
  const folded = text.classList.toggle("folded");
  button.textContent = folded ? "Show all" : "Show less";
}

function explain(why, button) {
  why.hidden = !why.hidden;
  button.setAttribute("aria-expanded", String(!why.hidden));
}

/** Show a chunk more on each side with each press. */
async function around(hit, text, button) {
  const wanted = Number(button.dataset.shown ?? 0) + 1;
  button.disabled = true;
  try {
    const { chunk } = await get(`/chunks/${part(hit.chunk_id)}`, { dataset: hit.dataset, before: wanted, after: wanted });
    const own = hit.own_text ?? hit.text;
    const at = chunk.text.indexOf(own.trim());
    const inner = make("div", { className: "own" }, marked(own.trim(), at < 0 ? [] : shifted(hit, own)));
    const nodes = at < 0 ? [chunk.text] : [chunk.text.slice(0, at), inner, chunk.text.slice(at + own.trim().length)];
    text.replaceChildren(...nodes.filter((one) => one !== ""));
    text.classList.remove("folded");
    text.closest("article").querySelector(".more").hidden = true;
    button.dataset.shown = wanted;
    button.textContent = "More neighbours";
  } catch (error) {
    showProblem($("problem"), error);
  }
  button.disabled = false;
}

function shifted(hit, own) {
  if (hit.own_text !== null) return [];
  const by = own.length - own.trimStart().length;
  return (hit.marks ?? []).map(([start, end]) => [start - by, end - by]).filter(([start]) => start >= 0);
}

function keys(event, hit) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const press = { n: ".around", w: ".reason" }[event.key];
  if (event.key === "Enter" && event.target === event.currentTarget) open(hit);
  else if (press) event.currentTarget.querySelector(press).click();
  else return;
  event.preventDefault();
}

function choose(article) {
  for (const other of list.querySelectorAll("article.chosen")) other.classList.remove("chosen");
  article.classList.add("chosen");
}

/** Go to the next passage, to the one before, or to the first. */
export function step(by) {
  const all = [...list.querySelectorAll("article")];
  const now = all.findIndex((one) => one.classList.contains("chosen"));
  const next = all[Math.min(Math.max(now + by, 0), all.length - 1)];
  if (next) {
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }
}
