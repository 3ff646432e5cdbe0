// Templates: scripts that tasks are made of, each with vars of its own.

import { api } from "../api.js";
import { h } from "../dom.js";
import { live } from "../live.js";
import { to } from "../router.js";
import { empty, heading, status, table, when } from "../ui.js";
import { afterwards, settled } from "../parts/loading.js";

export const title = "Templates";
export const route = "/templates";

export async function render(root, params, signal) {
  const rows = templateTable();
  const update = async () => {
    const [templates, tasks] = await Promise.all([
      all("templates", { fields: ["id", "type", "error", "modified"] }, signal),
      all("tasks", { fields: ["id", "made-from"] }, signal),
    ]);
    const made = Map.groupBy(tasks, (task) => task["made-from"]);
    rows.update(templates.map((one) => ({ ...one, tasks: made.get(one.id)?.length ?? 0 })));
  };
  root.append(heading("Templates", h("a", { class: "button primary", href: to("new-template") }, "New template")), rows.element);
  const later = settled(() => update().catch(() => {}), signal);
  live.on("change", ({ kind }) => (kind === "template" || kind === "task") && later(), { signal, begin: afterwards(later) });
  await update();
}

/** All tasks, or all templates, however many pages that takes. */
export async function all(what, params, signal) {
  const found = [];
  for (;;) {
    const page = (await api.get(`/${what}`, { ...params, offset: found.length, limit: 1000 }, signal))[what];
    found.push(...page);
    if (page.length < 1000) return found;
  }
}

function templateTable() {
  return table(
    [
      { head: "Id", class: "wide", cell: (one) => h("a", { href: to("templates", one.id) }, one.id), sort: (one) => one.id },
      { head: "", class: "narrow", cell: (one) => one.error && status("bad", one.error) },
      { head: "Type", class: "narrow named", cell: (one) => one.type, sort: (one) => one.type },
      { head: "Tasks", class: "number", cell: (one) => String(one.tasks), sort: (one) => one.tasks },
      { head: "Modified", class: "narrow named", cell: (one) => when(one.modified), sort: (one) => one.modified },
    ],
    {
      caption: "Templates",
      key: (one) => one.id,
      sorted: 1,
      empty: empty("No template yet", "A template is a script that several tasks are made of, each with values of its own for the script's vars."),
    },
  );
}
