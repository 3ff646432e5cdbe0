// The log of all processes from now on, by task and level.

import { clear, h } from "../dom.js";
import { live } from "../live.js";
import { note } from "../router.js";
import { button, errorLine, heading, select } from "../ui.js";
import { settled } from "../parts/loading.js";

const LEVELS = [
  ["debug", "debug and above"],
  ["info", "info and above"],
  ["warn", "warn and above"],
  ["error", "errors"],
];
const LOOKS = { error: "is-critical", warn: "is-warning", info: "is-info" };
const KEPT = 1000;
const PLAIN = new Set(["ts", "lvl", "msg", "service", "task"]);

export const title = "Log";
export const route = "/log";

export function render(root, params, signal) {
  const state = { level: params.level ?? "info", task: params.task ?? "", search: "", paused: false, held: [] };
  const list = h("ol", { class: "log", role: "log", tabindex: 0, "aria-label": "Log", "aria-live": "off" });
  const told = h("p", { class: "muted" }, "What is logged from now on is shown here, the latest first.");
  const denied = h("div");
  const show = (line) => {
    const node = lineOf(line);
    node.hidden = !node.textContent.toLowerCase().includes(state.search);
    list.prepend(node);
    while (list.children.length > KEPT) list.lastElementChild.remove();
  };
  const take = (line) => {
    if (!state.paused) return show(line);
    state.held.push(line);
    if (state.held.length > KEPT) state.held.shift();
    pause.textContent = `Go on (${state.held.length})`;
    return undefined;
  };
  let off = () => {};
  const listen = () => {
    off();
    off = live.on("log", take, { level: state.level, task: state.task || undefined, signal });
    note({ level: state.level, task: state.task });
  };
  const pause = button("Pause", () => {
    state.paused = !state.paused;
    pause.textContent = state.paused ? "Go on" : "Pause";
    state.held.splice(0).forEach(show);
  });
  root.append(heading("Log", filters(state, list, listen, signal), pause, button("Clear", () => void clear(list))), denied, told, list);
  listen();
  const unheard = live.onState(() => clear(denied, live.error?.status === 403 && errorLine(live.error)));
  signal.addEventListener("abort", unheard);
}

function filters(state, list, listen, signal) {
  const level = select(
    LEVELS,
    state.level,
    (value) => {
      state.level = value;
      listen();
    },
    { "aria-label": "Least level" },
  );
  const task = h("input", { placeholder: "Of the task …", "aria-label": "Task", value: state.task });
  const chosen = settled(() => {
    state.task = task.value.trim();
    listen();
  }, signal);
  task.addEventListener("input", chosen);
  const search = h("input", { type: "search", placeholder: "Search these lines", "aria-label": "Search" });
  search.addEventListener("input", () => {
    state.search = search.value.toLowerCase();
    for (const node of list.children) node.hidden = !node.textContent.toLowerCase().includes(state.search);
  });
  return [level, task, search];
}

function lineOf(line) {
  const more = Object.entries(line).filter(([key]) => !PLAIN.has(key));
  return h(
    "li",
    {},
    h("time", { datetime: line.ts, title: line.ts }, new Date(line.ts).toTimeString().slice(0, 8)),
    h("span", { class: ["status", LOOKS[line.lvl]] }, line.lvl),
    h("span", { class: "muted" }, line.service),
    line.task && h("b", {}, line.task),
    h("span", { class: "log-message" }, line.msg),
    more.map(([key, value]) => h("span", { class: "pair" }, h("span", { class: "muted" }, `${key}=`), String(value))),
  );
}
