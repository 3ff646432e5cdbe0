// The HTTP API. Paths are below /kapacitor/v1; whoever builds one escapes the ids in it (`path`, below).

import { heard } from "./clock.js";
import { credentials, loggedIn } from "./session.js";

/** Where the API is: beside the console, whatever path a proxy serves both under. */
export const BASE = new URL("../kapacitor/v1/", document.baseURI);

const SILENCE_MS = 40_000; // the stream says something at least every 15 s
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

/** What is thrown where an answer is no success. status: of HTTP, 0 where there was no answer. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** A path of parts of which each is one segment: path("tasks", id). Throws where a part is "." or "..". */
export function path(...parts) {
  const lost = parts.find((one) => one === "." || one === "..");
  if (lost) throw new ApiError(0, `a browser cannot ask for what is called "${lost}": its addresses take that for a step`);
  return "/" + parts.map(encodeURIComponent).join("/");
}

export const api = {
  /** The answer to a GET, as JSON. */
  get: (path, params, signal) => json("GET", path, params, undefined, signal),
  post: (path, body, params) => json("POST", path, params, body),
  patch: (path, body, params) => json("PATCH", path, params, body),
  put: (path, body, params) => json("PUT", path, params, body),
  /** Deletes; a body may say what. */
  del: (path, body, params) => json("DELETE", path, params, body),
  /** The answer to a GET, as text. */
  text: async (path, params, signal) => (await request("GET", path, params, undefined, signal)).text(),
  /** The answer to a GET as it comes, for reading its `body` piece by piece. */
  raw: (path, params, signal) => request("GET", path, params, undefined, signal),
  stream,
};

/**
 * Reads a stream of server-sent events until `signal` is aborted, and begins anew, after a pause that grows, whenever it
 * breaks off. onEvent(kind, data): data is read from JSON. onState(connected, error): as that changes.
 */
export async function stream(path, params, onEvent, signal, onState = () => {}) {
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    const watch = new AbortController();
    const end = () => watch.abort();
    signal.addEventListener("abort", end);
    try {
      const answer = await request("GET", path, params, undefined, watch.signal, "text/event-stream");
      onState(true);
      await readEvents(answer.body, watch, (kind, data) => {
        pause = FIRST_PAUSE_MS;
        onEvent(kind, data);
      });
      onState(false, null);
    } catch (error) {
      if (signal.aborted) return;
      onState(false, error);
      if (error.status >= 400 && error.status < 500) pause = LONGEST_PAUSE_MS;
    } finally {
      signal.removeEventListener("abort", end);
      watch.abort();
    }
    await sleep(pause * (0.75 + Math.random() / 2), signal);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

/** Waits; less where the signal is aborted. */
export function sleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done);
  });
}

async function json(method, path, params, body, signal) {
  const text = await (await request(method, path, params, body, signal)).text();
  return text ? JSON.parse(text) : null;
}

/** The answer, if it is a success. After a 401 somebody is asked who they are, and it is sent again. */
async function request(method, path, params, body, signal, accept = "application/json") {
  for (;;) {
    const used = credentials();
    const headers = { Accept: accept };
    if (used) headers.Authorization = used;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let answer;
    try {
      answer = await fetch(address(path, params), {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
        credentials: "omit",
        cache: "no-store",
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError(0, "the server cannot be reached");
    }
    heard(answer);
    if (answer.ok) return answer;
    const message = await messageOf(answer);
    if (answer.status !== 401) throw new ApiError(answer.status, message);
    await loggedIn(used, message);
  }
}

function address(path, params) {
  const url = new URL(path.replace(/^\//, "./"), BASE);
  for (const [name, value] of Object.entries(params ?? {})) {
    if (value === undefined || value === null || value === "") continue;
    for (const one of Array.isArray(value) ? value : [value]) url.searchParams.append(name, one);
  }
  return url;
}

async function messageOf(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text).error || answer.statusText;
  } catch {
    return text.slice(0, 300) || answer.statusText;
  }
}

async function readEvents(body, watch, onEvent) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let timer;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => watch.abort(), SILENCE_MS);
  };
  try {
    heard();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      const parts = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = parts.pop();
      for (const part of parts) readEvent(part, onEvent);
    }
  } finally {
    clearTimeout(timer);
  }
}

function readEvent(part, onEvent) {
  let kind = "message";
  const data = [];
  for (const line of part.split("\n")) {
    if (line.startsWith("event:")) kind = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
  }
  if (data.length) onEvent(kind, JSON.parse(data.join("\n")));
}
