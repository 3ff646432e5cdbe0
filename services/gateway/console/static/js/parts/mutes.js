// Windows that come again, in which alerts are not sent: nights, weekends.

import { api, path } from "../api.js";
import { h } from "../dom.js";
import { live } from "../live.js";
import { button, empty, status, table, when } from "../ui.js";
import { form, formDialog, keyed, showing, twice } from "./forms.js";
import { panel, settled } from "./loading.js";
import { chips, matcherFields } from "./matchers.js";

const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/** A panel with all of them. Resolves once they are read. */
export async function mutePanel(root, signal) {
  const update = async () => rows.update((await api.get("/mutes", { limit: 1000 }, signal)).mutes);
  const rows = muteTable(() => update());
  const make = () => formDialog("New mute window", (close) => muteForm(() => (close(), update())), { wide: true });
  root.append(panel("Mute windows", { flush: true, actions: button("New mute window", make, { kind: "small" }) }, rows.element));
  const later = settled(() => update().catch(() => {}), signal);
  live.on("change", (one) => one.kind === "mute" && later(), { signal });
  await update();
}

/** An interval as it is told: `22:00-06:00, saturday, sunday (Europe/Berlin)`. */
export function intervalText(interval) {
  const times = (interval.times ?? []).map((one) => (typeof one === "string" ? one : `${one.start_time}-${one.end_time}`));
  const parts = [times, interval.weekdays, interval.days_of_month, interval.months, interval.years];
  const told = parts.filter((one) => one?.length).map((one) => one.join(", "));
  return `${told.join("; ") || "always"}${interval.location ? ` (${interval.location})` : ""}`;
}

// An interval ends on the day on which it begins.
function timesOf(from, till) {
  return from < till ? [`${from}-${till}`] : [`${from}-24:00`, `00:00-${till}`];
}

function muteTable(update) {
  const remove = async (one) => {
    await api.del(path("mutes", one.id));
    await update();
  };
  return table(
    [
      { head: "", class: "narrow", cell: (one) => (one.status === "active" ? [status("good", "active"), one.until && [" until ", when(one.until, { exact: true })]] : status("idle", one.status)) },
      { head: "Id", cell: (one) => h("b", {}, one.id) },
      { head: "When", class: "wide", cell: (one) => one.intervals.map((interval) => h("div", {}, intervalText(interval))) },
      { head: "Alerts", cell: (one) => h("span", { class: "chips" }, one.matchers.length ? chips(one.matchers) : "all") },
      { head: "Handlers", cell: (one) => (one.handlers?.length ? one.handlers.join(", ") : "all") },
      { head: "Why", cell: (one) => one.comment },
      { head: "", class: "actions", cell: (one) => twice("Delete", "Delete it?", () => remove(one), "small danger") },
    ],
    { caption: "Mute windows", key: (one) => one.id, empty: empty("No mute windows", "One keeps alerts from being sent at certain times: at night, at weekends.") },
  );
}

function muteForm(done) {
  const fits = matcherFields([], () => {});
  const [from, till] = ["22:00", "06:00"].map((value) => h("input", { value, placeholder: "hh:mm", pattern: "[0-9:]+" }));
  const days = DAYS.map((day) => h("input", { type: "checkbox", value: day }));
  const dates = h("input", { placeholder: "1:7, -1" });
  const zone = h("input", { value: Intl.DateTimeFormat().resolvedOptions().timeZone });
  const handlers = h("input", { placeholder: "slack, pagerduty" });
  const [id, comment] = [h("input", { maxlength: 200, placeholder: "nights" }), h("input", { maxlength: 1000 })];
  const week = h("fieldset", {}, h("legend", {}, "On"), h("div", { class: "days" }, days.map((box) => h("label", { class: "check" }, box, box.value))), h("p", { class: "muted" }, "Every day, where none is ticked."));
  const list = (input) => input.value.split(",").map((one) => one.trim()).filter(Boolean);
  return form(
    [
      showing("matchers", fits.node),
      h(
        "div",
        { class: "fields" },
        keyed("id", "Id", id, { help: "One is made, where it is left out" }),
        keyed("handlers", "Handlers", handlers, { help: "Ids or kinds; all, where it is left out" }),
        keyed("times", "From", from),
        keyed("till", "To", till, { help: "Of the next day, where it is earlier" }),
        keyed("days_of_month", "Days of the month", dates, { help: "All, where it is left out" }),
        keyed("location", "Time zone", zone),
      ),
      showing("intervals", week),
      keyed("comment", "Why", comment),
    ],
    "Make it",
    async () => {
      const weekdays = days.filter((box) => box.checked).map((box) => box.value);
      const interval = {
        ...(from.value && { times: timesOf(from.value, till.value) }),
        ...(weekdays.length && { weekdays }),
        ...(dates.value && { days_of_month: list(dates) }),
        ...(zone.value && { location: zone.value }),
      };
      const body = { matchers: fits.read(), handlers: list(handlers), intervals: [interval], comment: comment.value };
      await api.post("/mutes", id.value ? { id: id.value, ...body } : body);
      await done();
    },
  );
}
