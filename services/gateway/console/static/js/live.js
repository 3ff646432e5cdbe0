// One live stream for the whole page, of whatever the views that are shown want to hear.

import { stream } from "./api.js";

const wanted = new Set();
const watchers = new Set();
let running = null; // the connection's AbortController
let asked = ""; // what it was asked for
let due = 0;

export const live = {
  /** Whether the stream is there. */
  connected: false,
  /** Why it is not; null where it is, or not known. */
  error: null,

  /**
   * Calls `callback(data)` for each event of a kind, until `off()`, which this gives, or until `options.signal` is
   * aborted. options: `task` (node-stats, log), `topic` (alert) and `level` (log) leave out what is of others; `begin` is
   * called when a stream begins anew: what was shown may be old.
   */
  on(kind, callback, options = {}) {
    const one = { kind, callback, ...options };
    wanted.add(one);
    settle();
    const off = () => {
      wanted.delete(one);
      settle();
    };
    options.signal?.addEventListener("abort", off, { once: true });
    return off;
  },

  /** What the server itself cannot have at present: "bus", "alerting", "logs", each with why. */
  problems: new Map(),

  /** Calls `callback()` as any of these changes. */
  onState(callback) {
    watchers.add(callback);
    callback();
    return () => watchers.delete(callback);
  },
};

// What is asked for by which name of the parameter `kinds`.
const KINDS = { overview: "overview", tasks: "tasks", alert: "alerts", change: "changes", log: "logs", "node-stats": "node-stats" };
const LEVELS = ["debug", "info", "warn", "error"];

// A view that goes and one that comes do so within one turn: the stream is begun anew once for both.
function settle() {
  clearTimeout(due);
  due = setTimeout(connect, 20);
}

function connect() {
  const params = parameters();
  const next = JSON.stringify(params);
  if (next === asked && running) return;
  asked = next;
  running?.abort();
  running = null;
  if (!wanted.size) return;
  running = new AbortController();
  for (const one of wanted) one.begin?.();
  stream("/live", params, told, running.signal, (connected, error = null) => {
    if (connected && !live.connected) for (const one of wanted) one.begin?.();
    if (connected) live.problems.clear();
    live.connected = connected;
    live.error = error;
    for (const callback of watchers) callback();
  });
}

function parameters() {
  const all = [...wanted];
  const kinds = new Set(all.map((one) => KINDS[one.kind]).filter(Boolean));
  const params = { kinds: [...kinds].sort().join(",") };
  const task = all.find((one) => one.kind === "node-stats")?.task ?? all.find((one) => one.kind === "log")?.task;
  if (task) params.task = task;
  const logs = all.filter((one) => one.kind === "log");
  if (logs.length) params.level = LEVELS[Math.min(...logs.map((one) => Math.max(LEVELS.indexOf(one.level), 0)))];
  return params;
}

function told(kind, data) {
  if (kind === "unavailable" || kind === "available") {
    if (kind === "available") live.problems.delete(data.what);
    else live.problems.set(data.what, data.error);
    for (const callback of watchers) callback();
  }
  for (const one of [...wanted]) {
    if (one.kind !== kind || !concerns(one, data)) continue;
    try {
      one.callback(data);
    } catch (error) {
      console.error(error);
    }
  }
}

function concerns(one, data) {
  if (one.topic && data.topic !== one.topic) return false;
  if (one.kind === "log" && one.task && data.task !== one.task) return false;
  return !(one.kind === "log" && one.level && LEVELS.indexOf(data.lvl) < LEVELS.indexOf(one.level));
}

document.addEventListener("session", () => {
  asked = "";
  settle();
});
