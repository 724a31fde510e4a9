// The server's REST face, with the token that the user gave this tab.

import { $ } from "./dom.js";

const PREFIX = "/api/v1";
const KEY = "knowledge.token";
let asking = null;

export class Problem extends Error {
  constructor(message, hint = "", status = 0) {
    super(message);
    this.hint = hint;
    this.status = status;
  }
}

/** Ask the user for a token; one dialog for all requests that wait for it. */
function askToken(said) {
  asking ??= new Promise((resolve) => {
    if (said) $("token-said").textContent = said;
    $("token-value").value = "";
    $("token-form").onsubmit = () => {
      sessionStorage.setItem(KEY, $("token-value").value.trim());
      asking = null;
      resolve();
    };
    $("token").oncancel = (event) => event.preventDefault();
    $("token").showModal();
  });
  return asking;
}

/** Return the reply to a request; a refusal becomes a Problem. */
async function replied(path, options) {
  if (document.documentElement.dataset.token === "yes" && !sessionStorage.getItem(KEY)) await askToken();
  for (;;) {
    const token = sessionStorage.getItem(KEY);
    const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    let reply;
    try {
      reply = await fetch(PREFIX + path, { ...options, headers });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem("The server can't be reached.", "Is knowledge serve still running?");
    }
    if (reply.ok) return reply;
    const { error } = await reply.json().catch(() => ({}));
    if (reply.status === 401) {
      await askToken(`${sentence(error?.message ?? "a token is needed")} Please try again.`);
      continue;
    }
    throw new Problem(sentence(error?.message ?? `The server answered ${reply.status}.`), error?.hint, reply.status);
  }
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

/** A part of a path. */
export const part = encodeURIComponent;

/** GET JSON; values of a query are texts, numbers, truths or lists of them. */
export async function get(path, query = {}, signal = undefined) {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== "" && one !== null && one !== undefined) pairs.append(name, one);
  }
  const text = pairs.toString();
  return (await replied(text ? `${path}?${text}` : path, { signal })).json();
}

/** POST JSON and return JSON: questions may be longer than a URL. */
export async function post(path, body, signal = undefined) {
  return (await replied(path, posted(body, signal, "application/json"))).json();
}

function posted(body, signal, accept) {
  const headers = { "Content-Type": "application/json", Accept: accept };
  return { method: "POST", body: JSON.stringify(body), headers, signal };
}

/** GET a picture as an address that an image can have; release it by URL.revokeObjectURL. */
export async function picture(path, query, signal) {
  const reply = await replied(`${path}?${new URLSearchParams(query)}`, { signal });
  return URL.createObjectURL(await reply.blob());
}

/** POST JSON, and call `heard(name, data)` for each server-sent event. */
export async function events(path, body, heard, signal) {
  const reply = await replied(path, posted(body, signal, "text/event-stream"));
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    held += value;
    const blocks = held.split("\n\n");
    held = blocks.pop();
    for (const block of blocks) {
      const name = /^event: (.*)$/m.exec(block);
      const data = /^data: (.*)$/m.exec(block);
      if (name && data) heard(name[1], JSON.parse(data[1]));
    }
  }
}
