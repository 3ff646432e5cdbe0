// Panels whose content is asked for, and asked for again.

import { clear, h } from "../dom.js";
import { button, errorLine } from "../ui.js";

const FRESH_MS = 3000;

/** A section with a heading; actions stand at its right. `flush`: the body goes to the edges, as tables do. */
export function panel(title, { actions = [], flush = false } = {}, ...body) {
  return h(
    "section",
    { class: "panel" },
    h("header", {}, h("h2", {}, title), h("div", { class: "actions" }, actions)),
    h("div", { class: flush ? "" : "panel-body" }, body),
  );
}

/** Puts what `work()` resolves to into the node; an error stands there in its place, with a way to try again. */
export async function fill(node, signal, work) {
  node.setAttribute("aria-busy", "true");
  try {
    const content = await work();
    if (!signal.aborted) clear(node, content);
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    if (error.status === undefined) console.error(error);
    clear(node, errorLine(error), error.status !== 403 && button("Try again", () => fill(node, signal, work), { kind: "small" }));
  } finally {
    node.removeAttribute("aria-busy");
  }
}

/** Calls `work` once it has not been asked for during a pause, and not once the view is left. */
export function settled(work, signal, ms = 300) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(() => signal.aborted || work(), ms);
  };
}

/** For `catch`: what stands in for the answer where the server no longer knows what was asked about. */
export function gone(instead) {
  return (error) => {
    if (/unknown topic/.test(error.message)) return instead;
    throw error;
  };
}

/** Calls `work`, but not in the first moments: a view has just read what it shows when its stream begins. */
export function afterwards(work) {
  const since = performance.now() + FRESH_MS;
  return () => performance.now() > since && work();
}

/** Calls `work` every so often while the view is there and looked at; the first time after that while. */
export function repeat(ms, signal, work) {
  const timer = setInterval(() => document.hidden || work(), ms);
  signal.addEventListener("abort", () => clearInterval(timer));
}
