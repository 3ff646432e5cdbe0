// What runs over the past: recordings, replays, traces and backtests, with how far they are and what they found.

import { api, path } from "../api.js";
import { now } from "../clock.js";
import { clear, h } from "../dom.js";
import { number } from "../format.js";
import { live } from "../live.js";
import { note } from "../router.js";
import { button, choice, dialog, empty, heading, select, status, table, when } from "../ui.js";
import { ofGo, ofInput, toInput } from "../parts/durations.js";
import { form, formDialog, keyed, twice } from "../parts/forms.js";
import { afterwards, repeat, settled } from "../parts/loading.js";
import { findings } from "../parts/findings.js";

const KINDS = [
  ["recordings", "Recordings"],
  ["replays", "Replays"],
  ["traces", "Traces"],
  ["backtests", "Backtests"],
];
const LOOKS = { running: "warn", finished: "good", failed: "bad" };
const TEXTS = {
  recordings: "What a task's databases were written, or its queries gave, kept to be played again.",
  replays: "A task run on a recording, by an instance of its own.",
  traces: "A task run over a part of the log, to see what came out of each node.",
  backtests: "A script run over a part of the log, to see what it would have sent. They are made where a task is edited.",
};
const FINDINGS = { replays: "effects", traces: "results", backtests: "results" };

export const title = "Recordings and replays";
export const route = "/jobs";

export async function render(root, params, signal) {
  let kind = KINDS.some(([one]) => one === params.kind) ? params.kind : "recordings";
  let jobs = [];
  const place = h("div");
  let rows;
  const update = async () => {
    const asked = kind;
    const answer = await api.get(`/${asked}`, { limit: 200 }, signal);
    if (asked !== kind) return;
    jobs = answer[asked];
    rows.update(jobs);
  };
  const later = settled(() => update().catch(() => {}), signal);
  const show = async (chosen) => {
    kind = chosen;
    note({ kind });
    rows = jobTable(kind, update);
    clear(place, h("p", { class: "explain muted" }, TEXTS[kind]), rows.element);
    await update();
  };
  root.append(
    heading(
      title,
      choice("What", KINDS, kind, show),
      button("Record", () => record(() => show("recordings")), { kind: "primary" }),
      button("Replay", () => replay("", () => show("replays"))),
      button("Trace", () => trace(() => show("traces"))),
    ),
    place,
  );
  live.on("change", (one) => `${one.kind}s` === kind && later(), { signal, begin: afterwards(later) });
  repeat(1000, signal, () => jobs.some((one) => one.status === "running") && later());
  await show(kind);
}

function jobTable(kind, update) {
  const remove = async (one) => {
    await api.del(path(kind, one.id));
    await update();
  };
  const columns = {
    recordings: [
      { head: "Type", class: "narrow", cell: (one) => one.type },
      { head: "Size", class: "number", cell: (one) => `${number(one.size / 1024)} kB`, sort: (one) => one.size },
    ],
    replays: [
      { head: "Task", cell: (one) => one.task },
      { head: "Recording", cell: (one) => one.recording },
      { head: "Sent", class: "narrow named", cell: (one) => (one["side-effects"] === false ? "nothing" : "as ever") },
    ],
    traces: [{ head: "Task", cell: (one) => [one.task, one.node && h("span", { class: "muted" }, ` ${one.node}`)] }, ...range()],
    backtests: [{ head: "Task", cell: (one) => one.task }, { head: "Against", cell: (one) => one.against }, ...range()],
  }[kind];
  return table(
    [
      { head: "State", class: "narrow", cell: state },
      { head: "Id", cell: (one) => h("span", { class: "mono" }, one.id) },
      ...columns,
      { head: "Asked for", class: "narrow named", cell: (one) => when(one.date), sort: (one) => one.date },
      {
        head: "",
        class: "actions",
        cell: (one) => [
          FINDINGS[kind] && one.status !== "failed" && (kind !== "replays" || one["side-effects"] === false) && button("Look", () => look(kind, one), { kind: "small" }),
          kind === "recordings" && one.status === "finished" && button("Replay", () => replay(one.id, update), { kind: "small" }),
          twice("Delete", one.status === "running" ? "Stop and delete?" : "Delete it?", () => remove(one), "small danger"),
        ],
      },
    ],
    { caption: kind, key: (one) => one.id, same: JSON.stringify, empty: empty(`No ${kind}`, null) },
  );
}

function range() {
  return [
    { head: "From", class: "narrow named", cell: (one) => when(one.start, { exact: true }) },
    { head: "To", class: "narrow named", cell: (one) => when(one.stop, { exact: true }) },
  ];
}

function state(one) {
  if (one.status === "running") {
    const percent = Math.round((one.progress ?? 0) * 100);
    return h("span", { class: "progress" }, h("progress", { max: 100, value: percent, "aria-label": "Progress" }), ` ${percent} %`);
  }
  return [status(LOOKS[one.status], one.status), one.error && h("p", { class: "job-error" }, one.error)];
}

function look(kind, one) {
  return dialog(`What ${one.id} found`, findings(path(kind, one.id, FINDINGS[kind]), FINDINGS[kind]), [], { wide: true });
}

async function taskIds() {
  try {
    const { tasks } = await api.get("/tasks", { fields: ["id"], limit: 1000 });
    return h("datalist", { id: "task-ids" }, tasks.map((one) => h("option", { value: one.id })));
  } catch {
    return h("datalist", { id: "task-ids" });
  }
}

async function record(done) {
  const ids = await taskIds();
  const task = h("input", { list: "task-ids" });
  const span = select([["1h", "the last hour"], ["24h", "the last day"], ["", "since …"], ["next", "the next minute"]], "1h", (value) => (since.hidden = value !== ""));
  const from = h("input", { type: "datetime-local", value: toInput(now() - 3600_000) });
  const since = keyed("start", "Since", from);
  since.hidden = true;
  return formDialog("Record", (close) =>
    form([ids, keyed("task", "Of the task", task), keyed("stop", "What was written in", span), since], "Record", async () => {
      const at = now();
      const start = span.value ? new Date(at - ofGo(span.value)).toISOString() : ofInput(from.value);
      const times = span.value === "next" ? { stop: new Date(at + 60_000).toISOString() } : { start };
      const { type } = await api.get(path("tasks", task.value), { fields: ["type"] });
      await api.post(`/recordings/${type}`, { task: task.value, ...times });
      close();
      await done();
    }),
  );
}

async function replay(recording, done) {
  const [ids, { recordings }] = await Promise.all([taskIds(), api.get("/recordings", { limit: 200 })]);
  const finished = recordings.filter((one) => one.status === "finished").map((one) => [one.id, `${one.id} (${one.type})`]);
  const which = select(finished, recording || finished[0]?.[0]);
  const task = h("input", { list: "task-ids" });
  const times = h("input", { type: "checkbox", checked: true });
  const sends = h("input", { type: "checkbox" });
  return formDialog("Replay", (close) =>
    form(
      [
        ids,
        keyed("recording", "Recording", which, { help: finished.length ? null : "There is none that is finished" }),
        keyed("task", "To the task", task),
        h("label", { class: "check" }, times, "Points keep their times"),
        h("label", { class: "check" }, sends, "Alerts are sent, and what nodes do outside is done"),
      ],
      "Replay",
      async () => {
        await api.post("/replays", { recording: which.value, task: task.value, "recording-time": times.checked, "side-effects": sends.checked });
        close();
        await done();
      },
    ),
  );
}

async function trace(done) {
  const ids = await taskIds();
  const task = h("input", { list: "task-ids" });
  const start = h("input", { type: "datetime-local", value: toInput(now() - 3600_000) });
  const group = h("input", { placeholder: "host=db1" });
  const node = h("input", { placeholder: "window2" });
  return formDialog("Trace", (close) =>
    form(
      [
        ids,
        h(
          "div",
          { class: "fields" },
          keyed("task", "Task", task),
          keyed("start", "From", start),
          keyed("group", "Group", group, { help: "Tags; all, where left out" }),
          keyed("node", "Node", node, { help: "All, where left out" }),
        ),
      ],
      "Trace",
      async () => {
        await api.post("/traces", { task: task.value, start: ofInput(start.value), group: group.value, node: node.value });
        close();
        await done();
      },
    ),
  );
}
