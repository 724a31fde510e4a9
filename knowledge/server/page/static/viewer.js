// A document, opened at a passage: pages as pictures, or text with the passage marked.

import { get, part, picture } from "./api.js";
import { $, characters, cited, make, showProblem } from "./dom.js";

const dialog = $("document");
const body = $("document-body");
let current = null; // AbortController of what is shown
let pictures = []; // addresses to release

const STATES = {
  changed: "The file has changed since it was ingested. This is its text as it was.",
  missing: "The file is no longer there. This is its text as it was ingested.",
  elsewhere: "This is the text that was ingested.",
};

/** Open a chunk's document; return once it is shown. */
export async function openChunk(chunk, dataset) {
  clear();
  const { signal } = (current = new AbortController());
  $("document-title").textContent = "…";
  $("document-note").textContent = "Opening…";
  if (!dialog.open) dialog.showModal();
  try {
    const place = await get(`/chunks/${part(chunk)}/place`, { dataset }, signal);
    show(place, signal);
  } catch (error) {
    if (error.name === "AbortError") return;
    $("document-note").textContent = "";
    showProblem(body, error);
  }
}

export function close() {
  if (dialog.open) dialog.close();
}

/** Call `run` once the document is closed, however. */
export function onClose(run) {
  dialog.addEventListener("close", () => {
    clear();
    run();
  });
  $("document-close").onclick = close;
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) close(); // beside it
  });
}

function clear() {
  current?.abort();
  pictures.forEach((address) => URL.revokeObjectURL(address));
  pictures = [];
  body.replaceChildren();
  $("document-forms").replaceChildren();
  $("document-note").textContent = "";
}

function show(place, signal) {
  $("document-title").replaceChildren(...cited(place));
  $("document-title").title = place.citation;
  const forms = place.pages.length ? { Page: () => showPages(place, signal), Text: () => showText(place) } : {};
  const buttons = Object.entries(forms).map(([name, draw]) =>
    make("button", { "aria-pressed": "false", onclick: (event) => press(event.target, draw) }, name),
  );
  $("document-forms").replaceChildren(...buttons);
  if (buttons.length) buttons[0].click();
  else showText(place);
}

function press(button, draw) {
  for (const one of $("document-forms").children) one.setAttribute("aria-pressed", String(one === button));
  draw();
}

function showText(place) {
  $("document-note").textContent = place.reason
    ? `Its pages can't be drawn: ${place.reason}. This is the text that was ingested.`
    : place.first_line || place.state === "same" ? "" : STATES[place.state];
  const slice = characters(place.text);
  const parts = [slice(0, place.mark_start), slice(place.mark_start, place.mark_end), slice(place.mark_end)];
  const text = place.first_line ? numbered(parts, place.first_line) : plain(parts);
  const ends = (cut) => (cut ? [make("p", { className: "cut" }, "The document goes on here.")] : []);
  body.replaceChildren(...ends(place.cut_before), text, ...ends(place.cut_after));
  body.querySelector("mark, .marked")?.scrollIntoView({ block: "center" });
}

function plain([before, own, after]) {
  return make("div", { className: "plain" }, before, make("mark", {}, own), after);
}

/** Return lines with their numbers; those of the passage are marked as a whole. */
function numbered([before, own, after], first) {
  const from = before.split("\n").length - 1;
  const to = from + own.replace(/\n$/, "").split("\n").length;
  const lines = (before + own + after).split("\n");
  const cells = lines.map((line, index) =>
    make("div", { className: index >= from && index < to ? "line marked" : "line", "data-line": first + index }, line),
  );
  return make("div", { className: "code" }, cells);
}

async function showPages(place, signal) {
  const found = place.pages.some((page) => page.boxes.length);
  $("document-note").textContent = found ? "" : "The passage stands on this page, but its lines were not found on it.";
  const shown = make("div", { className: "pages" });
  const earlier = make("button", { className: "quiet" }, "Page before");
  const later = make("button", { className: "quiet" }, "Next page");
  const numbers = place.pages.map((page) => page.number);
  earlier.onclick = () => add(Math.min(...numbers) - 1, true);
  later.onclick = () => add(Math.max(...numbers) + 1, false);
  const bounds = () => {
    earlier.hidden = Math.min(...numbers) <= 1;
    later.hidden = Math.max(...numbers) >= place.page_count;
  };
  const add = async (number, before) => {
    numbers.push(number);
    bounds();
    const page = sheet(place, { number, boxes: [] });
    before ? shown.prepend(page) : shown.append(page);
    await draw(page, place, number, signal);
  };
  body.replaceChildren(earlier, shown, later);
  bounds();
  const sheets = place.pages.map((page) => sheet(place, page));
  shown.replaceChildren(...sheets);
  shown.querySelector(".box")?.scrollIntoView({ block: "center" });
  for (const [index, page] of place.pages.entries()) await draw(sheets[index], place, page.number, signal);
}

function sheet(place, page) {
  const box = make("div", { className: "page" }, make("img", { alt: `Page ${page.number} of ${place.name}` }));
  if (page.width) box.style.aspectRatio = `${page.width} / ${page.height}`;
  for (const [left, top, width, height] of page.boxes) {
    const mark = make("div", { className: "box", "aria-hidden": "true" });
    Object.assign(mark.style, { left: share(left), top: share(top), width: share(width), height: share(height) });
    box.append(mark);
  }
  return box;
}

const share = (value) => `${value * 100}%`;

async function draw(page, place, number, signal) {
  const width = Math.min(2400, Math.max(800, Math.round((page.clientWidth || 800) * devicePixelRatio)));
  const path = `/datasets/${part(place.dataset)}/files/${part(place.file_id)}/pages/${number}`;
  try {
    const address = await picture(path, { width }, signal);
    pictures.push(address);
    const image = page.querySelector("img");
    image.src = address;
    await image.decode().catch(() => {});
    page.classList.add("drawn");
  } catch (error) {
    if (error.name !== "AbortError") page.replaceChildren(make("p", { className: "problem" }, error.message));
  }
}
