// What an edited script would have done, beside what the live one did.

import { api, path, sleep } from "../../api.js";
import { ago, now } from "../../clock.js";
import { clear, h } from "../../dom.js";
import { number } from "../../format.js";
import { badge, button, choice, empty, errorLine, field, status, table, when } from "../../ui.js";

const SPANS = [["1h", "Last hour"], ["24h", "Last day"], ["range", "Range"]];
const HOURS = { "1h": 1, "24h": 24 };
const MOST = 5000; // lines that are read of a result
const SHOWN = 500;
const LOOK_MS = 300;
const WORDS = { new: "new", missing: "missing", level: "other level" };

/**
 * The panel. asked(): the definition that is tried, as a body of POST /backtests without its times; throws what is to
 * be told where there is none. against: a task that it is compared with, "" for none.
 */
export function backtestPanel({ asked, against, signal }) {
  let span = "1h";
  const from = h("input", { type: "datetime-local", step: 1, value: local(now() - 2 * 3600_000) });
  const until = h("input", { type: "datetime-local", step: 1, value: local(now()) });
  const range = h("div", { class: "toolbar", hidden: true }, field("From", from), field("To", until));
  const result = h("div", { "aria-live": "polite" });
  const run = button("Run backtest", () => tried(), { kind: "primary" });
  const spans = choice("Time", SPANS, span, (now) => {
    span = now;
    range.hidden = now !== "range";
  });

  function times() {
    if (span !== "range") return { start: ago(HOURS[span] * 3600_000) };
    return { start: new Date(from.value).toISOString(), stop: new Date(until.value).toISOString() };
  }

  async function tried() {
    const bar = h("progress", { max: 1, value: 0, "aria-label": "Progress" });
    clear(result, h("p", { class: "span" }, bar, "The script runs over what was …"));
    let id = "";
    try {
      const begun = await api.post("/backtests", { ...asked(), ...(against && { against }), ...times() });
      id = begun.id;
      const done = await ended(id, (progress) => (bar.value = progress));
      if (done.status === "failed" || done.error) throw new Error(done.error || "it failed");
      clear(result, verdict(done, await linesOf(id), against));
    } catch (error) {
      if (!signal.aborted) clear(result, h("div", { class: "panel-body" }, errorLine(error)));
    } finally {
      if (id) api.del(path("backtests", id)).catch(() => {});
    }
  }

  async function ended(id, progressed) {
    for (;;) {
      const found = await api.get(path("backtests", id), {}, signal);
      if (found.status !== "running") return found;
      progressed(found.progress);
      await sleep(LOOK_MS, signal);
    }
  }

  return h(
    "section",
    { class: "panel" },
    h("header", {}, h("h2", {}, "Backtest"), h("span", { class: "muted" }, "What this script would have alerted. Nothing is sent.")),
    h("div", { class: "span" }, spans, range, run),
    result,
  );
}

async function linesOf(id) {
  const found = [];
  let offset = 0;
  for (;;) {
    const { results, next, count } = await api.get(`${path("backtests", id)}/results`, { offset, limit: 1000 });
    found.push(...results);
    offset = next;
    if (!results.length || offset >= count || found.length >= MOST) return found;
  }
}

function verdict(done, lines, against) {
  const rows = compared(lines, against);
  const { summary } = done;
  const counts = { new: 0, missing: 0, level: 0, same: 0 };
  for (const row of rows) counts[row.difference]++;
  const words = against
    ? [`${number(counts.same)} as the live task's`, `${number(counts.new)} new`, `${number(counts.missing)} missing`, `${number(counts.level)} at another level`]
    : [];
  const errors = Object.values(summary.errors ?? {}).reduce((sum, one) => sum + one, 0);
  const facts = [h("strong", {}, `${number(summary.alerts)} alerts`), ...words, `${number(summary.points)} ${summary.of ?? "points"} read`, errors > 0 && h("span", { class: "problem" }, `${number(errors)} errors`)];
  const notes = [...(summary.notes ?? []), summary.difference?.note, summary.failed].filter(Boolean);
  const only = h("input", { type: "checkbox", checked: against && rows.some((row) => row.difference !== "same") });
  const grid = table(columns(against), { caption: "Alerts that there would have been", empty: empty("No alert", "There would have been none in this time.") });
  const draw = () => grid.update(rows.filter((row) => !only.checked || row.difference !== "same").slice(0, SHOWN));
  only.addEventListener("change", draw);
  draw();
  return [
    h("div", { class: "verdict" }, facts.map((one) => one && h("span", {}, one)), against && h("label", {}, only, " only what differs")),
    notes.map((one) => h("p", { class: "note" }, one)),
    h("div", { class: "bounded" }, grid.element),
    rows.length > SHOWN && h("p", { class: "panel-body muted" }, `The first ${SHOWN} of ${number(rows.length)} are shown.`),
  ];
}

function columns(against) {
  const level = (value) => (value ? badge(value) : h("span", { class: "muted" }, "–"));
  const tried = { head: against ? "Edited script" : "Level", class: "narrow", cell: (row) => level(row.edited) };
  const difference = { head: "Difference", class: "narrow", cell: (row) => row.difference !== "same" && status(row.difference === "missing" ? "bad" : "warn", WORDS[row.difference]) };
  return [
    { head: "Time", class: "narrow", cell: (row) => when(row.time, { exact: true }) },
    { head: "Alert", cell: (row) => row.id },
    tried,
    ...(against ? [{ head: "Live task", class: "narrow", cell: (row) => level(row.live) }, difference] : []),
    { head: "Message", class: "wide", cell: (row) => row.message },
  ];
}

/** Alerts of both, by time: `{time, id, edited, live, difference, message}`. */
function compared(lines, against) {
  const differences = lines.filter((one) => one.kind === "difference");
  const key = (one) => `${one.time} ${one.id}`;
  const by = new Map(differences.map((one) => [key(one), one]));
  const rows = lines
    .filter((one) => one.kind === "alert")
    .map((one) => {
      const found = by.get(key(one));
      const difference = found?.difference ?? (against ? "same" : "new");
      const live = !against || difference === "new" ? "" : difference === "level" ? found.against : one.level;
      return { time: one.time, id: one.id, edited: one.level, live, difference, message: one.message };
    });
  const missing = differences.filter((one) => one.difference === "missing");
  rows.push(...missing.map((one) => ({ time: one.time, id: one.id, edited: "", live: one.level, difference: "missing", message: one.message })));
  return rows.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

function local(ms) {
  const date = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return date.toISOString().slice(0, 19);
}
