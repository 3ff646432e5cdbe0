// How often alerts changed their level in a time, and how long they were at each.

import { api } from "../api.js";
import { ago } from "../clock.js";
import { h } from "../dom.js";
import { number, seconds } from "../format.js";
import { choice, empty, table } from "../ui.js";
import { csvButton } from "./csv.js";
import { ofGo } from "./durations.js";
import { fill, panel } from "./loading.js";

const BY = [
  ["topic", "by topic"],
  ["id", "by alert"],
  ["task", "by task"],
];
const LEVELS = ["INFO", "WARNING", "CRITICAL"];
const SHOWN = 50;

/**
 * A panel that asks once it is opened, since it may cost alerting a second; `draw()` asks anew, where it is open, for
 * the time that `range()` says, as `6h`.
 */
export function reportPanel(signal, range) {
  let by = "topic";
  const node = h("div");
  const draw = () => opened.open && fill(node, signal, () => read(by, range()));
  const chosen = choice("By what", BY, by, (value) => {
    by = value;
    draw();
  });
  const csv = csvButton("report of alerts", "/alerts/report", () => ({ ...asked(by, range()), limit: 10_000 }));
  const opened = h("details", {}, h("summary", {}, "How often, and for how long"), h("div", { class: "explain actions" }, chosen, csv), node);
  opened.addEventListener("toggle", draw);
  return { element: panel("In this time", {}, opened), draw };
}

function asked(by, range) {
  return { by, since: ago(ofGo(range)) };
}

async function read(by, range) {
  const { rows, left } = await api.get("/alerts/report", { ...asked(by, range), limit: SHOWN });
  const lines = table(
    [
      { head: "Of", class: "wide", cell: (one) => [one.of || "–", one.topic && h("span", { class: "muted" }, ` ${one.topic}`)], sort: (one) => one.of },
      { head: "Alerts", class: "number", cell: (one) => number(one.alerts), sort: (one) => one.alerts },
      ...LEVELS.map((level) => ({
        head: level,
        class: "number",
        cell: (one) => often(one.changes[level], ofGo(one.time[level])),
        sort: (one) => ofGo(one.time[level]),
      })),
      { head: "Not sent", class: "number", cell: (one) => number(one.held), sort: (one) => one.held },
    ],
    { caption: "How often alerts came to a level, and how long they stayed", empty: empty("No level changed in this time") },
  );
  lines.update(rows);
  return [lines.element, left > 0 && h("p", { class: "more muted" }, `and ${number(left)} more`)];
}

function often(changes, ms) {
  if (!changes && !ms) return h("span", { class: "muted" }, "–");
  return [`${number(changes)}× `, h("span", { class: "muted" }, seconds(ms / 1000))];
}
