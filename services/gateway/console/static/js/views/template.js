// One template: its script, its vars, the tasks made of it; changing it, and making one.

import { api, path } from "../api.js";
import { append, clear, h } from "../dom.js";
import { go, hold, mayLeave, to } from "../router.js";
import { button, confirmed, errorLine, field, heading, toast, when } from "../ui.js";
import { panel } from "../parts/loading.js";
import { all } from "./templates.js";
import { scriptEditor } from "./task/editor.js";
import { text as varText } from "./task/vars.js";

const BEGINNING = `// The measurement that is looked at
var measurement string
// Above this an alert is raised
var most = 90.0

stream
    |from()
        .measurement(measurement)
        .groupBy('host')
    |alert()
        .id('{{ index .Tags "host" }}')
        .crit(lambda: "value" > most)
        .stateChangesOnly()
`;

export const title = "Template";
export const route = "/templates/:id";
export const section = "/templates";

export async function render(root, { id }, signal) {
  document.title = `${id} · tickbus`;
  await show(root, id, signal);
}

/** The view in which one is made: of its own address. */
export const making = {
  title: "New template",
  route: "/new-template",
  section,
  render(root, params, signal) {
    const id = h("input", { spellcheck: "false", autocapitalize: "none", autocomplete: "off", required: true });
    const script = scriptEditor(BEGINNING, { editable: true, signal, label: "Script of the new template" });
    let made = false;
    hold(() => !made && script.value() !== BEGINNING, signal);
    const make = async () => {
      if (!id.value.trim()) {
        id.focus();
        throw new Error("id: give the template a name");
      }
      const template = await api.post("/templates", { id: id.value.trim(), script: script.value() });
      made = true;
      go(to("templates", template.id));
    };
    append(
      root,
      heading("New template", button("Create", make, { kind: "primary" })),
      h("section", { class: "panel panel-body fields" }, field("Id", id, { help: "Letters, digits, '-', '.' and '_'." })),
      panel("Script", { flush: true }, script.element),
    );
    id.focus();
  },
};

async function show(root, id, signal) {
  const [template, tasks] = await Promise.all([
    api.get(path("templates", id), { "script-format": "raw" }, signal),
    all("tasks", { fields: ["id", "made-from", "status"] }, signal),
  ]);
  const made = tasks.filter((task) => task["made-from"] === id);
  const remove = async () => {
    if (!(await confirmed(`Delete ${id}?`, "Tasks made of it stay as they are."))) return;
    await api.del(path("templates", id));
    toast(`${id} is deleted`);
    go(to("templates"));
  };
  clear(
    root,
    heading(
      id,
      button("Delete", remove, { kind: "plain" }),
      h("a", { class: "button", href: to("new-task", { template: id }) }, "New task of it"),
      button("Edit", () => edit(root, template, made, signal), { kind: "primary" }),
    ),
    template.error && errorLine(template.error),
    panel("Script", { flush: true, actions: [h("span", { class: "muted" }, `${template.type}, modified `, when(template.modified))] }, scriptEditor(template.script, { signal }).element),
    panel("Vars", {}, vars(template.vars ?? {})),
    panel("Tasks made of it", {}, made.length ? h("ul", {}, made.map((task) => h("li", {}, h("a", { href: to("tasks", task.id) }, task.id), " ", h("span", { class: "muted" }, task.status)))) : h("p", { class: "muted" }, "None yet.")),
  );
}

function vars(found) {
  const rows = Object.entries(found).map(([name, one]) => [
    h("dt", {}, name),
    h("dd", {}, h("code", {}, one.value === null ? "must be given" : varText(one)), " ", h("span", { class: "muted" }, one.type, one.description && `: ${one.description}`)),
  ]);
  return rows.length ? h("dl", { class: "facts" }, rows) : h("p", { class: "muted" }, "It has none.");
}

function edit(root, template, made, signal) {
  const script = scriptEditor(template.script, { editable: true, signal, label: `Script of ${template.id}` });
  const mode = new AbortController();
  signal.addEventListener("abort", () => mode.abort());
  const unsaved = () => script.value() !== template.script;
  hold(unsaved, mode.signal);
  const shown = () => {
    mode.abort();
    return show(root, template.id, signal);
  };
  const cancel = async () => (!unsaved() || (await mayLeave())) && shown();
  const save = async () => {
    if (unsaved()) await api.patch(path("templates", template.id), { script: script.value() });
    toast(`${template.id} is saved`, "good");
    await shown();
  };
  clear(
    root,
    heading([h("span", { class: "muted" }, "Edit "), template.id], button("Cancel", cancel), button("Save", save, { kind: "primary" })),
    made.length > 0 && h("p", { class: "note" }, `Saved, it counts for the tasks made of it: ${made.map((task) => task.id).join(", ")}. Where one of them would not do with it, nothing is changed.`),
    panel("Script", { flush: true }, script.element),
  );
}
