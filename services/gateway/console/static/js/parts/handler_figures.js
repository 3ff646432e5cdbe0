// What /metrics tells of handlers, by topic and kind: how many attempts, how long they take, what waits and since when.

import { api } from "../api.js";
import { h } from "../dom.js";
import { number, seconds } from "../format.js";

const FRESH_MS = 15_000; // of many tasks it is a long text
const LINE = /^(tickbus_handler_\w+)\{(.*)\} (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const NAMES = {
  tickbus_handler_seconds_count: "attempts",
  tickbus_handler_seconds_sum: "seconds",
  tickbus_handler_waiting_events: "waiting",
  tickbus_handler_oldest_seconds: "oldest",
};

let last = { at: -FRESH_MS, figures: null };

/** The figures as they were at most some seconds ago; none for who may not see them. */
export function knownFigures() {
  const now = performance.now();
  if (now - last.at >= FRESH_MS) {
    const figures = api.text("../../metrics").then(handlerFigures, () => new Map());
    last = { at: now, figures };
  }
  return last.figures;
}

/** Figures by `figureKey(topic, kind)`: `{attempts, seconds, waiting, oldest}`, where they are known. */
export function handlerFigures(metrics) {
  const found = new Map();
  for (const line of metrics.split("\n")) {
    const [, name, labels, value] = LINE.exec(line) ?? [];
    if (!(name in NAMES)) continue;
    const { topic, kind } = Object.fromEntries(
      [...labels.matchAll(LABEL)].map(([, key, text]) => [key, text.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c))]),
    );
    const key = figureKey(topic, kind);
    if (!found.has(key)) found.set(key, {});
    const figures = found.get(key);
    figures[NAMES[name]] = name.endsWith("oldest_seconds")
      ? Math.max(figures.oldest ?? 0, Number(value))
      : (figures[NAMES[name]] ?? 0) + Number(value);
  }
  return found;
}

export function figureKey(topic, kind) {
  return JSON.stringify([topic, kind]);
}

/** What handlers of a kind in a topic did, and what waits for them, as nodes. */
export function figureCells(figures) {
  if (!figures) return h("span", { class: "muted" }, "nothing yet");
  const { attempts = 0, seconds: took = 0, waiting = 0, oldest = 0 } = figures;
  return [
    `${number(attempts)} ${attempts === 1 ? "attempt" : "attempts"}`,
    attempts > 0 && h("span", { class: "muted" }, ` of ${seconds(took / attempts)}`),
    waiting > 0 && h("span", { class: "status is-warn waiting" }, `${number(waiting)} wait, for ${seconds(oldest)}`),
  ];
}
