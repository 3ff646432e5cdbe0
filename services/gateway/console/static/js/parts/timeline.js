// Levels of alerts over time: bars by id, drawn in percent so that they fit any width.

import { h, svg } from "../dom.js";
import { moment, seconds } from "../format.js";
import { clock, ticks } from "./durations.js";

const HEIGHT = 14;
const LEVELS = ["OK", "INFO", "WARNING", "CRITICAL"];

/**
 * Rows of changes as GET /alerts/history gives them, those that are at the worst level now first:
 * `{topic, id, worst, now, segments: [{level, from, to}]}`, cut to the time between from and to. standing: alerts,
 * `{topic, id, level}`, that have a row even where nothing of them changed.
 */
export function rowsOf(transitions, from, to, standing = []) {
  const rows = new Map();
  for (const { topic, id, level } of standing) rows.set(JSON.stringify([topic, id]), { topic, id, level, changes: [] });
  for (const one of [...transitions].sort((a, b) => moment(a.time) - moment(b.time))) {
    const key = JSON.stringify([one.topic, one.id]);
    if (!rows.has(key)) rows.set(key, { topic: one.topic, id: one.id, changes: [] });
    rows.get(key).changes.push({ at: Number(moment(one.time)), level: one.level, before: one.previousLevel });
  }
  return [...rows.values()].map((row) => withSegments(row, from, to)).sort(byWorst);
}

/** The list of rows with an axis; `href(row)` is where a row's name leads. */
export function timeline(rows, { from, to, href }) {
  return h(
    "div",
    { class: "timeline" },
    h(
      "ul",
      {},
      rows.map((row) =>
        h(
          "li",
          {},
          h("a", { href: href(row), title: `${row.topic} ${row.id}` }, row.id, h("small", {}, row.topic)),
          bar(row, from, to),
        ),
      ),
    ),
    axis(from, to),
  );
}

/** One row's bar. */
export function bar(row, from, to) {
  const told = row.segments.filter((one) => one.level !== "OK");
  const label = told.length
    ? told.map((one) => `${one.level} from ${clock(one.from)} for ${seconds((one.to - one.from) / 1000)}`).join("; ")
    : "OK all the time";
  return svg(
    "svg",
    { class: "bar", role: "img", "aria-label": label, width: "100%", height: HEIGHT },
    row.segments.map((one) =>
      svg(
        "rect",
        {
          class: `of-${one.level.toLowerCase()}`,
          x: percent(one.from, from, to),
          width: `${(((one.to - one.from) / (to - from)) * 100).toFixed(3)}%`,
          y: one.level === "OK" ? HEIGHT / 2 - 1 : 0,
          height: one.level === "OK" ? 2 : HEIGHT,
        },
        svg("title", {}, `${one.level} from ${clock(one.from)} to ${clock(one.to)}, ${seconds((one.to - one.from) / 1000)}`),
      ),
    ),
  );
}

/** The times under the bars. */
export function axis(from, to) {
  const marks = ticks(from, to, 6).filter(({ at }) => at > from + (to - from) * 0.02 && at < to - (to - from) * 0.03);
  return svg(
    "svg",
    { class: "axis", width: "100%", height: 22, "aria-hidden": "true" },
    marks.map(({ at, text }) => [
      svg("line", { x1: percent(at, from, to), x2: percent(at, from, to), y1: 0, y2: 5 }),
      svg("text", { x: percent(at, from, to), y: 18, "text-anchor": "middle" }, text),
    ]),
  );
}

function withSegments({ topic, id, changes, level: standing }, from, to) {
  const segments = [];
  let level = changes[0]?.before ?? standing;
  let begun = from;
  for (const change of changes) {
    const at = Math.min(Math.max(change.at, from), to);
    if (at > begun) segments.push({ level, from: begun, to: at });
    level = change.level;
    begun = at;
  }
  if (to > begun) segments.push({ level, from: begun, to });
  const worst = Math.max(...segments.map((one) => LEVELS.indexOf(one.level)));
  return { topic, id, worst, now: LEVELS.indexOf(level), segments };
}

function byWorst(a, b) {
  return b.now - a.now || b.worst - a.worst || (a.topic + a.id < b.topic + b.id ? -1 : 1);
}

function percent(at, from, to) {
  return `${(((at - from) / (to - from)) * 100).toFixed(3)}%`;
}
