// Silences: those that count, that will, and that did; made, and ended early. Below them, mute windows.

import { api, path } from "../api.js";
import { h } from "../dom.js";
import { live } from "../live.js";
import { note } from "../router.js";
import { button, choice, empty, heading, status, table, when } from "../ui.js";
import { formDialog, twice } from "../parts/forms.js";
import { afterwards, repeat, settled } from "../parts/loading.js";
import { chips } from "../parts/matchers.js";
import { mutePanel } from "../parts/mutes.js";
import { silenceForm } from "../parts/silence_form.js";

const STATES = [
  ["active", "Active"],
  ["pending", "To come"],
  ["expired", "Over"],
];
const LOOKS = { active: "good", pending: "warn", expired: "idle" };

export const title = "Silences";
export const route = "/silences";

export async function render(root, params, signal) {
  let chosen = params.status ?? "active";
  const nothing = empty("No such silence", "A silence keeps alerts from being sent for a while. They are still recorded and shown.");
  const update = async () => {
    const { silences } = await api.get("/silences", { status: chosen, limit: 1000 }, signal);
    rows.update(silences);
  };
  const rows = silenceTable(nothing, update);
  const make = () =>
    formDialog("New silence", (close) => silenceForm([], signal, () => (close(), update())), { wide: true });
  const states = choice("Which ones", STATES, chosen, (value) => {
    chosen = value;
    note({ status: value });
    return update();
  });
  root.append(heading("Silences", states, button("New silence", make, { kind: "primary" })), rows.element);
  const later = settled(() => update().catch(() => {}), signal, 500);
  live.on("change", (one) => one.kind === "silence" && later(), { signal, begin: afterwards(later) });
  repeat(20_000, signal, later);
  await Promise.all([update(), mutePanel(root, signal)]);
}

function silenceTable(nothing, update) {
  const end = async (one) => {
    await api.del(path("silences", one.id));
    await update();
  };
  return table(
    [
      { head: "", class: "narrow", cell: (one) => status(LOOKS[one.status], one.status) },
      { head: "Alerts", class: "wide", cell: (one) => h("span", { class: "chips" }, chips(one.matchers)) },
      { head: "Why", cell: (one) => one.comment || h("span", { class: "muted" }, "–") },
      { head: "By", class: "narrow named", cell: (one) => one["created-by"] || h("span", { class: "muted" }, "–") },
      { head: "From", class: "narrow named", cell: (one) => when(one.start, { exact: true }), sort: (one) => one.start },
      { head: "Until", class: "narrow named", cell: (one) => [when(one.end, { exact: true }), " ", h("span", { class: "muted" }, when(one.end))], sort: (one) => one.end },
      { head: "", class: "actions", cell: (one) => one.status !== "expired" && twice("End now", "End it?", () => end(one), "small danger") },
    ],
    { caption: "Silences", key: (one) => one.id, empty: nothing },
  );
}
