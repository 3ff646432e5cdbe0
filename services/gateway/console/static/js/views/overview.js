// All at a glance: what fires, what runs, how it keeps up.

import { api } from "../api.js";
import { clear, h } from "../dom.js";
import { number, rate, seconds } from "../format.js";
import { live } from "../live.js";
import { note, to } from "../router.js";
import { badge, button, empty, errorLine, heading, select, sparkline, status, table, when } from "../ui.js";
import { examples } from "./task/examples.js";

export const title = "Overview";
export const route = "/";

const SAMPLES = 30; // of a sparkline: a minute
const PERIOD_MS = 2000;
const ROWS = 200; // of tasks at once
const CHANGES = 8;
const LEVELS = ["CRITICAL", "WARNING", "INFO"];

export function render(root, params, signal) {
  const tiles = h("div", { class: "tiles" });
  const services = serviceTable();
  const changes = changeTable();
  const tasks = taskList(params);
  root.append(
    heading("Overview", h("a", { class: "button primary", href: to("new-task") }, "New task")),
    tiles,
    h("div", { class: "columns" }, panel("Services and workers", services.element), panel("Latest changes of alerts", changes.element)),
    tasks.element,
  );

  const rates = [];
  live.on(
    "overview",
    (found) => {
      rates.push(found["points-per-second"]);
      if (rates.length > SAMPLES) rates.shift();
      clear(tiles, tilesOf(found, rates));
      services.update(found.services);
    },
    { signal },
  );
  live.on("tasks", tasks.told, { signal });
  const timer = setInterval(tasks.tick, PERIOD_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  return followChanges(changes, signal);
}

function panel(name, ...content) {
  return h("section", { class: "panel" }, h("header", {}, h("h2", {}, name)), content);
}

function tilesOf({ alerts, tasks, errors, "points-per-second": points }, rates) {
  const levels = LEVELS.map((level) => {
    const n = alerts[level] ?? 0;
    const kind = n ? `is-${level.toLowerCase()}` : "";
    return h("a", { class: ["tile", kind], href: to("alerts", { level }) }, h("span", { class: "figure" }, number(n)), h("span", {}, level));
  });
  return [
    ...levels,
    h("div", { class: "tile" }, h("span", { class: "figure" }, rate(points)), sparkline(rates, { width: 56, label: "points a second of the last minute" }), h("span", {}, "points")),
    h("div", { class: ["tile", tasks.failed && "is-critical"] }, h("span", { class: "figure" }, number(tasks.enabled)), h("span", {}, `tasks enabled, ${number(tasks.disabled)} disabled, ${number(tasks.failed)} failed`)),
    h("div", { class: "tile" }, h("span", { class: "figure" }, number(errors)), h("span", {}, "errors of nodes")),
  ];
}

function serviceTable() {
  return table(
    [
      { head: "Service", cell: (one) => [one.kind, " ", one.name !== one.kind && h("span", { class: "muted mono" }, one.name)] },
      { head: "State", class: "narrow", cell: (one) => (one.up ? status("good", "up") : status("bad", "gone")) },
      { head: "Lag", class: "number", cell: (one) => late(one["lag-seconds"]) },
      { head: "Points", class: "number", cell: (one) => rate(one["points-per-second"]) },
      { head: "Errors", class: "number", cell: (one) => errorsOf(one.errors) },
    ],
    { key: (one) => `${one.kind} ${one.name}`, same: JSON.stringify, caption: "Services and workers", empty: empty("Nothing is known yet") },
  );
}

function changeTable() {
  return table(
    [
      { head: "Level", class: "narrow", cell: (one) => badge(one.level) },
      { head: "Alert", cell: (one) => h("a", { href: to("alerts", one.topic, one.id), title: `${one.topic} / ${one.id}` }, one.message || one.id) },
      { head: "When", class: "narrow", cell: (one) => when(one.time) },
    ],
    { caption: "Latest changes of alerts", empty: empty("All is quiet", "No alert has changed its level.") },
  );
}

/** What is kept of the past first, then what happens. */
async function followChanges(changes, signal) {
  let found = [];
  live.on("alert", (one) => changes.update((found = [one, ...found].slice(0, CHANGES))), { signal });
  try {
    const kept = (await api.get("/alerts/history", { limit: CHANGES }, signal)).transitions;
    changes.update((found = [...found, ...kept].slice(0, CHANGES)));
  } catch (error) {
    if (signal.aborted) return;
    changes.update([]);
    changes.element.append(errorLine(error));
  }
}

const STATES = [["", "All tasks"], ["enabled", "Enabled"], ["disabled", "Disabled"], ["failed", "With errors"]];

function taskList(params) {
  const known = new Map();
  const wanted = { q: params.q ?? "", state: params.state ?? "", most: ROWS };
  let heard = false;
  const search = h("input", { type: "search", placeholder: "Search tasks   /", "aria-label": "Search tasks", value: wanted.q });
  search.addEventListener("input", () => choose({ q: search.value }));
  const states = select(STATES, wanted.state, (state) => choose({ state }), { "aria-label": "State" });
  const count = h("span", { class: "muted", role: "status" });
  const grid = table(
    [
      { head: "Task", class: "wide", sort: (one) => one.id, cell: (one) => [h("a", { href: to("tasks", one.id) }, one.id), one.error && h("div", { class: "problem" }, one.error)] },
      { head: "State", class: "narrow", sort: stateOf, cell: (one) => stateBadge(one) },
      { head: "Type", class: "narrow", sort: (one) => one.type, cell: (one) => one.type },
      { head: "Points", class: "number", sort: (one) => one["points-per-second"], cell: (one) => h("div", { class: "rate-line" }, sparkline(one.samples, { label: "of the last minute" }), h("span", {}, one.executing ? rate(one["points-per-second"]) : "–")) },
      { head: "Errors", class: "number", sort: (one) => one.errors, cell: (one) => errorsOf(one.errors) },
      { head: "Groups", class: "number", sort: (one) => one.groups, cell: (one) => number(one.groups) },
      { head: "Lag", class: "number", sort: (one) => one["lag-seconds"], cell: (one) => (one.executing ? late(one["lag-seconds"]) : "–") },
      { head: "Worker", class: "narrow", cell: (one) => h("span", { class: "muted" }, one.workers.join(", ")) },
    ],
    { key: (one) => one.id, same: JSON.stringify, caption: "Tasks", sorted: 1, empty: empty("No task is like that") },
  );
  const more = button("Show more", () => choose({ most: wanted.most + 1000 }));
  const first = h("div", {});
  const element = h(
    "section",
    { class: "panel" },
    h("header", {}, h("h2", {}, "Tasks"), h("div", { class: "toolbar" }, count, states, search)),
    grid.element,
    h("div", { class: "panel-body", hidden: true }, more),
    first,
  );

  function choose(change) {
    Object.assign(wanted, change);
    note({ q: wanted.q, state: wanted.state });
    draw();
  }

  function draw() {
    if (!heard) return;
    const none = known.size === 0;
    grid.element.hidden = none;
    first.hidden = !none;
    if (none && !first.hasChildNodes()) first.append(firstVisit());
    const text = wanted.q.toLowerCase();
    const found = [...known.values()].filter((one) => one.id.toLowerCase().includes(text) && (!wanted.state || isIn(one, wanted.state)));
    grid.update(found.sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, wanted.most));
    count.textContent = none ? "" : found.length === known.size ? `${number(found.length)} ${found.length === 1 ? "task" : "tasks"}` : `${number(found.length)} of ${number(known.size)}`;
    more.parentElement.hidden = found.length <= wanted.most;
  }

  return {
    element,
    told({ all, tasks, gone }) {
      const begins = all || gone.length > 0 || tasks.some((one) => stateOf(known.get(one.id) ?? {}) !== stateOf(one));
      heard = true;
      if (all) for (const id of known.keys()) if (!tasks.some((one) => one.id === id)) known.delete(id);
      for (const one of tasks) known.set(one.id, { ...one, samples: known.get(one.id)?.samples ?? [] });
      for (const id of gone) known.delete(id);
      if (begins) draw(); // figures alone can wait for the next tick
    },
    /** What does not change is not told: the line goes on all the same. */
    tick() {
      if (document.hidden || !live.connected) return;
      for (const one of known.values()) {
        if (one.executing) one.samples = [...one.samples, one["points-per-second"]].slice(-SAMPLES);
      }
      draw();
    },
  };
}

function isIn(one, state) {
  return state === "failed" ? Boolean(one.error) || one.errors > 0 : one.status === state;
}

function stateOf(one) {
  if (one.error) return "failed";
  if (one.status !== "enabled") return one.status;
  return one.executing ? "running" : "starting";
}

/** A task's state in its colour. one: a task of the API, or of the live stream. */
export function stateBadge(one) {
  const state = stateOf(one);
  return status({ failed: "bad", running: "good", starting: "warn" }[state] ?? "idle", state);
}

function late(lag) {
  if (typeof lag !== "number") return "–";
  return lag >= 10 ? status("bad", seconds(lag)) : seconds(lag);
}

function errorsOf(errors) {
  return errors > 0 ? status("bad", number(errors)) : number(errors);
}

function firstVisit() {
  return h(
    "div",
    { class: "panel-body welcome" },
    h("p", { class: "empty-title" }, "There is no task yet"),
    h("p", { class: "muted" }, "A task is a script that looks at points as they are written and raises alerts. Begin with one of these, for what Telegraf writes to telegraf.autogen:"),
    examples(),
  );
}
