// A task that is not there yet: written, looked through, tried on what was, defined.

import { api } from "../api.js";
import { append, clear, h } from "../dom.js";
import { go, hold, to } from "../router.js";
import { button, field, heading, select, toast } from "../ui.js";
import { backtestPanel } from "./task/backtest.js";
import { dbrpsOf } from "./task/dbrps.js";
import { scriptEditor } from "./task/editor.js";
import { examples } from "./task/examples.js";
import { varsForm } from "./task/vars.js";

export const title = "New task";
export const route = "/new-task";
export const section = "/";

const BEGINNING = `stream
    |from()
        .measurement('cpu')
        .groupBy('host')
    |alert()
        .id('{{ index .Tags "host" }}')
        .message('{{ .ID }} is {{ .Level }}')
        .crit(lambda: "usage_idle" < 10.0)
        .stateChangesOnly()
        .topic('cpu')
`;

export async function render(root, params, signal) {
  const id = h("input", { spellcheck: "false", autocapitalize: "none", autocomplete: "off", required: true });
  const dbrps = h("input", { value: "telegraf.autogen", spellcheck: "false" });
  const script = scriptEditor(BEGINNING, { editable: true, signal, label: "Script of the new task", oninput: () => !template && drawVars() });
  const written = h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Script")), script.element);
  const vars = h("div", {});
  const templates = (await api.get("/templates", { fields: ["id", "script"], limit: 1000 }, signal)).templates ?? [];
  let template = "";
  let form;
  let created = false;
  hold(() => !created && !template && script.value() !== BEGINNING, signal);

  function choose(name) {
    template = name;
    written.hidden = Boolean(template);
    drawVars();
  }

  function drawVars() {
    const text = template ? (templates.find((one) => one.id === template)?.script ?? "") : script.value();
    form = varsForm(text, {});
    clear(vars, form.element && h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Vars"), h("span", { class: "muted" }, "What is given here counts instead of what the script says.")), form.element));
  }

  function definition() {
    const reads = dbrpsOf(dbrps.value);
    const values = form.values();
    return { ...(template ? { "template-id": template } : { script: script.value() }), ...(reads.length && { dbrps: reads }), ...(Object.keys(values).length && { vars: values }) };
  }

  async function create(enabled) {
    if (!id.value.trim()) {
      id.focus();
      throw new Error("id: give the task a name");
    }
    const made = await api.post("/tasks", { id: id.value.trim(), ...definition(), status: enabled ? "enabled" : "disabled" });
    created = true;
    toast(`${made.id} is ${enabled ? "enabled" : "there, disabled"}`, "good");
    go(to("tasks", made.id));
  }

  append(
    root,
    heading("New task", button("Create disabled", () => create(false)), button("Create and enable", () => create(true), { kind: "primary" })),
    h(
      "section",
      { class: "panel panel-body fields" },
      field("Id", id, { help: "Letters, digits, '-', '.' and '_'." }),
      field("Reads", dbrps, { help: "database.retention, with commas between" }),
      templates.length > 0 && field("Template", select([["", "None: a script of its own"], ...templates.map((one) => [one.id, one.id])], params.template ?? "", choose)),
    ),
    written,
    vars,
    backtestPanel({ asked: definition, against: "", signal }),
    h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Or begin with an example")), h("div", { class: "panel-body" }, examples())),
  );
  if (templates.some((one) => one.id === params.template)) choose(params.template);
  else drawVars();
  id.focus();
}
