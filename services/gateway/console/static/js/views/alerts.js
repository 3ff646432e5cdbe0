// What fires now, the worst first; how levels went; the topics.

import { api, path } from "../api.js";
import { ago, now } from "../clock.js";
import { clear, h } from "../dom.js";
import { moment, number, seconds } from "../format.js";
import { live } from "../live.js";
import { note, to } from "../router.js";
import { badge, choice, empty, heading, select, table, when } from "../ui.js";
import { csvButton } from "../parts/csv.js";
import { ofGo } from "../parts/durations.js";
import { flappingCell } from "../parts/flapping.js";
import { afterwards, fill, gone, panel, repeat, settled } from "../parts/loading.js";
import { reportPanel } from "../parts/report.js";
import { rowsOf, timeline } from "../parts/timeline.js";

const LEVELS = ["OK", "INFO", "WARNING", "CRITICAL"];
const LEAST = [
  ["CRITICAL", "critical"],
  ["WARNING", "warning and above"],
  ["INFO", "all that fires"],
  ["OK", "OK as well"],
];
const RANGES = [
  ["1h", "1 hour"],
  ["6h", "6 hours"],
  ["24h", "24 hours"],
  ["168h", "7 days"],
];
const AT_ONCE = 6;
const MOST_SHOWN = 500;
const MOST_DRAWN = 150;

export const title = "Alerts";
export const route = "/alerts";

export async function render(root, params, signal) {
  const state = { events: [], topics: [], search: params.search ?? "", least: params.level ?? "INFO", range: params.range ?? "6h" };
  const now = eventTable();
  const topics = topicTable(() => update());
  const nowBody = h("div", {}, now.element);
  const topicBody = h("div", {}, topics.element);
  const times = h("div");
  const told = h("p", { class: "more muted" });
  nowBody.append(told);
  const draw = () => {
    const shown = state.events.filter((one) => fits(one, state));
    now.update(shown.slice(0, MOST_SHOWN));
    told.textContent = shown.length > MOST_SHOWN ? `and ${shown.length - MOST_SHOWN} more: say in the search which ones` : "";
  };
  const report = reportPanel(signal, () => state.range);
  const drawTimes = () => fill(times, signal, () => levels(state));
  const ranged = () => Promise.all([drawTimes(), report.draw()]);
  const update = async () => {
    await read(state, signal);
    if (signal.aborted) return;
    draw();
    topics.update(state.topics);
  };
  const csv = csvButton("changes of alerts", "/alerts/history", () => ({ from: since(state) }));
  root.append(
    heading("Alerts", filters(state, draw, update)),
    panel("Now", { flush: true }, nowBody),
    panel("Levels over time", { actions: [rangeChoice(state, ranged), csv] }, times),
    report.element,
    panel("Topics", { flush: true }, topicBody),
  );
  const all = async () => {
    await update();
    await drawTimes();
  };
  const later = settled(() => all().catch(() => {}), signal, 1000);
  live.on("alert", later, { signal, begin: afterwards(later) });
  live.on("change", (one) => ["silence", "topic", "mute"].includes(one.kind) && later(), { signal });
  repeat(30_000, signal, later);
  await all();
}

/** What is to be known of an event beside its level: who sees to it, what keeps it quiet. */
export function marks(event) {
  const by = event.acknowledged;
  return [
    by && h("span", { class: "status is-good", title: by.comment }, by.by ? `seen to by ${by.by}` : "seen to"),
    event["silenced-by"]?.length > 0 && h("a", { class: "status is-idle", href: to("silences") }, "silenced"),
    event["muted-by"]?.length > 0 && h("span", { class: "status is-idle" }, "muted"),
    event.flapping && h("span", { class: "status is-warn" }, "flapping"),
  ];
}

/** When an alert began, as a Date. */
export function began(state) {
  return new Date(moment(state.time) - ofGo(state.duration));
}

function filters(state, draw, update) {
  const search = h("input", { type: "search", placeholder: "Id, topic or message", "aria-label": "Search", value: state.search });
  search.addEventListener("input", () => {
    state.search = search.value;
    note({ search: search.value });
    draw();
  });
  const least = select(
    LEAST,
    state.least,
    (value) => {
      const asks = (value === "OK") !== (state.least === "OK");
      state.least = value;
      note({ level: value });
      return asks ? update() : draw();
    },
    { "aria-label": "Least level" },
  );
  return [search, least];
}

function rangeChoice(state, changed) {
  return choice("How far back", RANGES, state.range, (value) => {
    state.range = value;
    note({ range: value });
    changed();
  });
}

async function read(state, signal) {
  const { topics } = await api.get("/alerts/topics", {}, signal);
  const all = state.least === "OK";
  const left = topics.filter((one) => all || one.level !== "OK");
  const found = [];
  const next = async () => {
    for (let topic = left.pop(); topic; topic = left.pop()) {
      const least = { "min-level": all ? "OK" : "INFO" };
      const { events } = await api.get(path("alerts", "topics", topic.id, "events"), least, signal).catch(gone({ events: [] }));
      found.push(...events.map((event) => ({ topic: topic.id, ...event })));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  Object.assign(state, { topics, events: found.sort(byLevel) });
}

function byLevel(a, b) {
  return rank(b) - rank(a) || began(b.state) - began(a.state) || (a.topic + a.id < b.topic + b.id ? -1 : 1);
}

function rank(event) {
  return LEVELS.indexOf(event.state.level);
}

function fits(event, { search, least }) {
  if (rank(event) < LEVELS.indexOf(least)) return false;
  const text = `${event.id}\n${event.topic}\n${event.state.message}`.toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function eventTable() {
  return table(
    [
      { head: "Level", class: "narrow", cell: (one) => badge(one.state.level), sort: (one) => -rank(one) },
      { head: "Alert", cell: (one) => h("a", { href: to("alerts", one.topic, one.id) }, one.id), sort: (one) => one.id },
      { head: "Topic", cell: (one) => h("span", { class: "muted" }, one.topic), sort: (one) => one.topic },
      { head: "Message", class: "wide", cell: (one) => one.state.message },
      { head: "For", class: "number", cell: lasting, sort: (one) => Number(began(one.state)) },
      { head: "", class: "narrow", cell: marks },
    ],
    {
      caption: "Alerts",
      key: (one) => JSON.stringify([one.topic, one.id]),
      empty: empty("Nothing fires", "No alert is at the level that is asked for, and fits the search."),
    },
  );
}

function lasting(one) {
  if (one.state.level === "OK") return when(one.state.time);
  const since = began(one.state);
  return h("time", { datetime: since.toISOString(), title: since.toString() }, seconds((now() - since) / 1000));
}

function topicTable(changed) {
  return table(
    [
      { head: "Level", class: "narrow", cell: (one) => badge(one.level), sort: (one) => -LEVELS.indexOf(one.level) },
      { head: "Topic", cell: (one) => one.id, sort: (one) => one.id },
      { head: "Events", class: "number", cell: (one) => number(one.collected), sort: (one) => one.collected },
      { head: "Flapping", cell: (one) => flappingCell(one, changed), sort: (one) => one.flaps ?? -1 },
      { head: "", class: "narrow", cell: (one) => h("a", { href: to("handlers", { topic: one.id }), "aria-label": `Handlers of ${one.id}` }, "handlers") },
    ],
    { caption: "Topics", key: (one) => one.id, empty: empty("No topics yet", "A topic is there once it has had an event, or has a handler.") },
  );
}

function since({ range }) {
  return ago(ofGo(range));
}

async function levels(state) {
  const until = now();
  const from = until - ofGo(state.range);
  const { transitions, next } = await api.get("/alerts/history", { from: new Date(from).toISOString(), limit: 1000 });
  const standing = state.events.map((one) => ({ topic: one.topic, id: one.id, level: one.state.level }));
  const rows = rowsOf(transitions, from, until, standing.filter((one) => one.level !== "OK"));
  if (!rows.length) return empty("No level changed in this time");
  return [
    timeline(rows.slice(0, MOST_DRAWN), { from, to: until, href: (row) => to("alerts", row.topic, row.id) }),
    (next || rows.length > MOST_DRAWN) && h("p", { class: "muted" }, `Drawn are the last ${transitions.length} changes, of ${Math.min(rows.length, MOST_DRAWN)} alerts.`),
  ];
}
