// One task: how it is doing, its script, its graph; changing it, and trying a change on what was.

import { api, path } from "../api.js";
import { append, clear, h } from "../dom.js";
import { number, rate, seconds } from "../format.js";
import { live } from "../live.js";
import { go, hold, mayLeave, to } from "../router.js";
import { button, confirmed, dialog, errorLine, field, heading, toast, when } from "../ui.js";
import { stateBadge } from "./overview.js";
import { backtestPanel } from "./task/backtest.js";
import { dbrpsOf, dbrpsText } from "./task/dbrps.js";
import { scriptEditor } from "./task/editor.js";
import { graphPanel } from "./task/graph.js";
import { text as varText, varsForm } from "./task/vars.js";

export const title = "Task";
export const route = "/tasks/:id";
export const section = "/";

export async function render(root, { id, edit }, signal) {
  document.title = `${id} · tickbus`;
  let editing = false;
  let turn = 0;
  let mode = new AbortController(); // ends what only one of reading and editing needs
  signal.addEventListener("abort", () => mode.abort());

  async function show(toEdit) {
    const mine = ++turn;
    editing = toEdit;
    const task = await load(id, signal);
    if (mine !== turn) return; // what was asked for later counts: nobody loses what they have begun to write
    mode.abort();
    mode = new AbortController();
    clear(root);
    if (toEdit) edited(root, task, mode.signal, show);
    else shown(root, task, mode.signal, show);
  }

  live.on(
    "change",
    ({ kind, id: changed, what }) => {
      if (kind !== "task" || changed !== id) return;
      if (what === "deleted" && editing) root.prepend(h("p", { class: "note", role: "alert" }, "Somebody has deleted this task meanwhile. What you have written can be copied into a new one: here it cannot be saved any more."));
      else if (what === "deleted") clear(root, heading(id), h("p", { class: "note" }, "This task has been deleted. ", h("a", { href: "#/" }, "To the overview")));
      else if (!editing) show(false).catch(() => {});
    },
    { signal },
  );
  await show(edit === "yes");
}

const load = (id, signal) => api.get(path("tasks", id), { "script-format": "raw" }, signal);

function shown(root, task, signal, show) {
  const state = h("span", {}, stateBadge(task));
  const problem = h("div", {}, task.error && errorLine(task.error));
  const figures = h("dl", { class: "figures" });
  append(
    root,
    heading([task.id, " ", state], ...actions(task, show)),
    problem,
    figures,
    graphPanel(task.id, signal).element,
    h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Script"), h("span", { class: "muted" }, whatItReads(task))), scriptEditor(task.script, { signal }).element),
    Object.keys(task.vars ?? {}).length > 0 && varsShown(task.vars),
    about(task),
  );
  live.on(
    "tasks",
    ({ tasks }) => {
      const now = tasks.find((one) => one.id === task.id);
      if (!now) return;
      clear(state, stateBadge(now));
      clear(problem, now.error && errorLine(now.error));
      clear(figures, figuresOf(now));
    },
    { signal },
  );
}

function figuresOf(now) {
  const figures = [
    ["Points", now.executing ? rate(now["points-per-second"]) : "–"],
    ["Errors", number(now.errors)],
    ["Groups", number(now.groups)],
    ["Lag", now.executing ? seconds(now["lag-seconds"]) : "–"],
    ["Worker", now.workers.join(", ") || "–"],
  ];
  return figures.map(([name, value]) => h("div", { class: name === "Errors" && now.errors > 0 && "problem" }, h("dt", {}, name), h("dd", {}, value)));
}

function actions(task, show) {
  const enabled = task.status === "enabled";
  const turn = async () => {
    await api.patch(path("tasks", task.id), { status: enabled ? "disabled" : "enabled" });
    toast(`${task.id} is ${enabled ? "disabled" : "enabled"}`, "good");
    await show(false);
  };
  const remove = async () => {
    if (!(await confirmed(`Delete ${task.id}?`, "The task and its script are gone then. What its alerts were is kept in their history."))) return;
    await api.del(path("tasks", task.id));
    toast(`${task.id} is deleted`);
    go("#/");
  };
  return [
    h("a", { class: "button plain", href: to("log", { task: task.id }) }, "Log"),
    button("Delete", remove, { kind: "plain" }),
    button(enabled ? "Disable" : "Enable", turn),
    button("Edit", () => show(true), { kind: "primary" }),
  ];
}

function whatItReads(task) {
  return `${task.type} of ${dbrpsText(task.dbrps) || "nothing"}`;
}

function varsShown(vars) {
  const rows = Object.entries(vars).map(([name, one]) => [h("dt", {}, name), h("dd", {}, h("code", {}, varText(one)), " ", h("span", { class: "muted" }, one.type))]);
  return h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Vars")), h("dl", { class: "facts panel-body" }, rows));
}

function about(task) {
  const facts = [
    ["Template", task["template-id"] || "none"],
    ["Created", when(task.created, { exact: true })],
    ["Modified", when(task.modified, { exact: true })],
    ["Last enabled", when(task["last-enabled"], { exact: true })],
  ];
  return h("section", { class: "panel" }, h("header", {}, h("h2", {}, "About")), h("dl", { class: "facts panel-body" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
}

function edited(root, task, signal, show) {
  const template = task["template-id"];
  const dbrps = h("input", { value: dbrpsText(task.dbrps), spellcheck: "false" });
  const vars = h("div", {});
  let form = null;
  const script = template ? null : scriptEditor(task.script, { editable: true, signal, label: `Script of ${task.id}`, oninput: () => later() });
  const now = () => (script ? script.value() : task.script);
  let due = 0;
  const later = () => {
    clearTimeout(due);
    due = setTimeout(drawVars, 500);
  };
  signal.addEventListener("abort", () => clearTimeout(due));

  function drawVars() {
    if (vars.contains(document.activeElement)) return;
    const given = form ? { ...task.vars, ...tolerant(form) } : (task.vars ?? {});
    form = varsForm(now(), given);
    clear(vars, form.element && h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Vars"), h("span", { class: "muted" }, "What is given here counts instead of what the script says.")), form.element));
  }

  /** What is to be sent: only what differs. Throws where a var is none. */
  function changes() {
    const found = {};
    if (script && script.value() !== task.script) found.script = script.value();
    if (dbrps.value !== dbrpsText(task.dbrps)) found.dbrps = dbrpsOf(dbrps.value);
    const values = form.values();
    if (JSON.stringify(values) !== JSON.stringify(sorted(task.vars ?? {}, values))) {
      if (!Object.keys(values).length) throw new Error("vars: at least one value has to stay, since a task without any keeps those it had");
      found.vars = values;
    }
    return found;
  }

  async function save(then) {
    const found = changes();
    let since = task.modified;
    while (Object.keys(found).length || then) {
      try {
        await api.patch(path("tasks", task.id), { ...found, ...then, "unmodified-since": since });
        break;
      } catch (error) {
        if (error.status !== 409) throw error;
        const latest = await load(task.id, signal);
        if (!(await overwritten(task, latest))) return;
        since = latest.modified;
      }
    }
    toast(`${task.id} is saved`, "good");
    await show(false);
  }

  const unsaved = () => Boolean(script) && script.value() !== task.script;
  hold(unsaved, signal);

  const cancel = async () => {
    if (unsaved() && !(await mayLeave())) return;
    await show(false);
  };
  append(
    root,
    heading(
      [h("span", { class: "muted" }, "Edit "), task.id],
      button("Cancel", cancel),
      task.status === "enabled" ? null : button("Save and enable", () => save({ status: "enabled" })),
      button("Save", () => save(), { kind: "primary" }),
    ),
    h("section", { class: "panel panel-body fields" }, field("Reads", dbrps, { help: "database.retention, with commas between" })),
    script
      ? h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Script")), script.element)
      : h("p", { class: "note" }, `The script is that of the template ${template}.`),
    vars,
    backtestPanel({ asked: () => ({ task: task.id, ...changes() }), against: task.id, signal }),
  );
  drawVars();
  script?.focus();
}

function tolerant(form) {
  try {
    return form.values();
  } catch {
    return {};
  }
}

/** The vars of a task as the form would give them, so that the two can be compared. */
function sorted(given, like) {
  const names = [...Object.keys(like), ...Object.keys(given).filter((name) => !(name in like))];
  return Object.fromEntries(names.filter((name) => name in given).map((name) => [name, { type: given[name].type, value: given[name].value, description: given[name].description ?? "" }]));
}

/** Two have edited one task: who comes later is shown what the other has made of it. Whether to save all the same. */
async function overwritten(before, latest) {
  const body = [
    h("p", {}, "Somebody else has changed this task while you edited it, ", when(latest.modified), "."),
    latest.script === before.script ? h("p", {}, "The script is as before.") : h("pre", { class: "script theirs", tabindex: 0, "aria-label": "The script as it is now" }, latest.script),
  ];
  return (await dialog(`${before.id} has changed meanwhile`, body, [["Go on editing", false], ["Overwrite it", true, "danger"]], { wide: true })) === true;
}
