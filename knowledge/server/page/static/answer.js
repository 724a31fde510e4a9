// An answer in words, piece by piece, with the numbered passages that it cites.

import { events } from "./api.js";
import { $, cited, make, showProblem } from "./dom.js";

const place = $("answer");
let current = null;

export function clear() {
  current?.abort();
  place.hidden = true;
  place.replaceChildren();
}

/** Ask for an answer; `open` opens the document of a source. */
export async function ask(question, open) {
  clear();
  const { signal } = (current = new AbortController());
  const text = make("div", { className: "answer-text" }, "…");
  place.replaceChildren(make("h2", {}, "Answer"), text);
  place.hidden = false;
  let said = "";
  const heard = (name, data) => {
    if (name === "piece") text.textContent = said += data.text;
    if (name === "answer") finish(data, text, open);
    if (name === "error") showProblem(text, { message: data.error.message, hint: data.error.hint });
  };
  try {
    await events("/ask", question, heard, signal);
  } catch (error) {
    if (error.name !== "AbortError") showProblem(text, error);
  }
}

function finish(answer, text, open) {
  const names = new Map(answer.hits.map((hit) => [hit.chunk_id, hit.name]));
  const sources = new Map(answer.citations.map((one) => [one.number, { ...one, name: names.get(one.chunk_id) }]));
  const pieces = (answer.answer || "The passages do not answer this.").split(/(\[\d+(?:, ?\d+)*\])/);
  text.replaceChildren(...pieces.flatMap((piece) => withSources(piece, sources, open)).filter((one) => one !== ""));
  if (!sources.size) return;
  const items = [...sources.values()].map((one) =>
    make("li", { value: one.number }, make("button", { className: "citation", onclick: () => open(one) }, ...cited(one))),
  );
  place.append(make("h3", {}, "Sources"), make("ol", { className: "sources" }, items));
}

/** Return a piece of the answer; the numbers in brackets lead to their sources. */
function withSources(piece, sources, open) {
  const numbers = /^\[[\d, ]+\]$/.test(piece) ? piece.match(/\d+/g).map(Number) : [];
  if (!numbers.length || !numbers.every((one) => sources.has(one))) return [piece];
  return numbers.map((number) =>
    make("button", { className: "cite", "aria-label": `Source ${number}: ${sources.get(number).citation}`, onclick: () => open(sources.get(number)) }, String(number)),
  );
}
