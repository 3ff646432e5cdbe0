// One alert: how it stands, what was, why, who is told; and what can be done about it.

import { api, path } from "../api.js";
import { ago, now } from "../clock.js";
import { h } from "../dom.js";
import { number, seconds } from "../format.js";
import { live } from "../live.js";
import { to } from "../router.js";
import { badge, button, choice, confirmed, empty, heading, table, when } from "../ui.js";
import { csvButton } from "../parts/csv.js";
import { deliveryTable, outcome } from "../parts/deliveries.js";
import { ofGo } from "../parts/durations.js";
import { form, formDialog, keyed } from "../parts/forms.js";
import { afterwards, fill, panel, repeat, settled } from "../parts/loading.js";
import { ofAlert, tagChips, textOf } from "../parts/matchers.js";
import { silenceForm } from "../parts/silence_form.js";
import { axis, bar, rowsOf } from "../parts/timeline.js";
import { whyPicture } from "../parts/why.js";
import { began, marks } from "./alerts.js";

const RANGES = [
  ["1h", "1 hour"],
  ["24h", "24 hours"],
  ["168h", "7 days"],
];
const SHOWN = 10;

export const title = "Alert";
export const route = "/alerts/:topic/:id";
export const section = "/alerts";

export async function render(root, { topic, id }, signal) {
  document.title = `${id} · tickbus`;
  const alert = { topic, id, path: path("alerts", "topics", topic, "events", id), range: "24h", tags: {}, task: "" };
  const head = h("div", { class: "alert-head" });
  const [past, why, told, said] = [h("div"), h("div"), h("div"), h("div")];
  const explain = (at) => fill(why, signal, async () => whyPicture(await api.get(`${alert.path}/why`, { at }, signal)));
  const explained = (at) => explain(at).then(() => why.scrollIntoView({ block: "start" }));
  const history = () => fill(past, signal, () => readPast(alert, explained));
  const readTold = () => fill(told, signal, () => readHandlers(alert, signal, toldLater));
  const toldLater = settled(readTold, signal, 3000);
  const update = async () => {
    await history();
    await fill(head, signal, () => readHead(alert, signal, update));
    await readTold();
    await fill(said, signal, () => readComments(alert));
  };
  const problems = h("ul", { class: "log-lines", "aria-label": "Troubles" });
  const range = choice("How far back", RANGES, alert.range, (value) => {
    alert.range = value;
    history();
  });
  const csv = csvButton("changes of an alert", "/alerts/history", () => changesOf(alert));
  root.append(
    head,
    panel("Levels", { actions: [range, csv] }, past),
    panel("Why", {}, why),
    panel("Who is told", {}, told, problems),
    panel("Comments", {}, said, commentForm(alert, () => fill(said, signal, () => readComments(alert)))),
  );
  const later = settled(update, signal, 1000);
  live.on("alert", (one) => one.id === id && later(), { topic, signal, begin: afterwards(later) });
  live.on("log", (line) => trouble(problems, alert, line), { level: "warn", signal });
  repeat(30_000, signal, update);
  await Promise.all([update(), explain("")]);
}

async function readHead(alert, signal, changed) {
  const event = await api.get(alert.path, {}, signal);
  const { level, message, details, time, duration } = event.state;
  const lasting = level === "OK" ? `lasted ${seconds(ofGo(duration) / 1000)}` : `for ${seconds((now() - began(event.state)) / 1000)}`;
  return [
    h("p", { class: "crumbs" }, h("a", { href: to("alerts") }, "Alerts"), " / ", alert.topic),
    heading(h("span", { class: "alert-title" }, badge(level), " ", alert.id), actions(alert, event, signal, changed)),
    h("p", { class: "alert-message" }, message),
    h("p", { class: "muted" }, lasting, " · last event ", when(time), alert.task && [" · raised by the task ", h("a", { href: to("tasks", alert.task) }, alert.task)]),
    h("p", { class: "chips" }, tagChips(alert.tags), marks({ ...event, acknowledged: null })),
    event.acknowledged && acknowledged(event.acknowledged),
    details && h("details", {}, h("summary", {}, "Details"), h("pre", { class: "details" }, details)),
  ];
}

function acknowledged({ by, time, comment }) {
  return h("p", { class: "note" }, h("b", {}, by || "Somebody"), " sees to it since ", when(time), comment && `: ${comment}`);
}

function actions(alert, event, signal, changed) {
  const done = (close) => () => {
    close();
    return changed();
  };
  const silence = () => formDialog("Silence", (close) => silenceForm(ofAlert(alert), signal, done(close)), { wide: true });
  const takeBack = async () => {
    if (!(await confirmed("Take it back", "Nobody sees to this alert any more?", "Take back", "primary"))) return;
    await api.del(`${alert.path}/acknowledge`);
    await changed();
  };
  const see = () => formDialog("Acknowledge", (close) => acknowledgeForm(alert, done(close)));
  return [
    event.state.level !== "OK" && !event.acknowledged && button("Acknowledge", see, { kind: "primary" }),
    event.acknowledged && button("Take back", takeBack),
    button("Silence", silence),
  ];
}

function acknowledgeForm(alert, done) {
  const comment = h("input", { maxlength: 1000, placeholder: "on it" });
  const by = h("input", { maxlength: 200, autocomplete: "username" });
  const fields = [
    keyed("comment", "What is done", comment),
    keyed("by", "Who", by, { help: "Left out, it is who is logged in" }),
  ];
  return form(fields, "I see to it", async () => {
    await api.post(`${alert.path}/acknowledge`, { comment: comment.value, by: by.value });
    await done();
  });
}

async function readPast(alert, explained) {
  const until = now();
  const from = until - ofGo(alert.range);
  const { match, ...since } = changesOf(alert);
  const { transitions, next } = await api.get("/alerts/history", { match, ...since, limit: 500 });
  const [last] = transitions.length ? transitions : (await api.get("/alerts/history", { match, limit: 1 })).transitions;
  if (last) Object.assign(alert, { tags: last.tags, task: last.task });
  if (!transitions.length) {
    return empty("Its level did not change in this time", null, ...(last ? [h("span", {}, "The last change was ", when(last.stored))] : []));
  }
  const [row] = rowsOf(transitions, from, until);
  const rows = changeTable(explained);
  const before = transitions.length - SHOWN;
  const more = button(`${number(before)}${next ? " and more" : ""} before`, () => {
    rows.update(transitions);
    more.remove();
  }, { kind: "small" });
  rows.update(transitions.slice(0, SHOWN));
  return [
    h("div", { class: "timeline single" }, bar(row, from, until), axis(from, until)),
    rows.element,
    before > 0 && h("p", { class: "more-before" }, more),
  ];
}

/** Which changes are shown, as the history is asked. */
function changesOf({ topic, id, range }) {
  const is = (name, value) => textOf({ name, value, "is-regex": false, "is-equal": true });
  return { match: [is("topic", topic), is("id", id)], from: ago(ofGo(range)) };
}

function changeTable(explained) {
  return table(
    [
      { head: "Level", class: "narrow", cell: (one) => [badge(one.level), h("span", { class: "muted" }, ` was ${one.previousLevel}`)] },
      { head: "At", class: "narrow", cell: (one) => when(one.time, { exact: true }) },
      { head: "Had lasted", class: "number", cell: (one) => seconds(ofGo(one.duration) / 1000) },
      { head: "Message", class: "wide", cell: (one) => one.message },
      { head: "", class: "narrow", cell: (one) => [one.silenced && h("span", { class: "status is-idle" }, "silenced"), " ", button("Why", () => explained(one.time), { kind: "small" })] },
    ],
    { caption: "Changes of the level, the latest first" },
  );
}

async function readHandlers(alert, signal, again) {
  const [{ handlers }, { deliveries }] = await Promise.all([
    api.get(path("alerts", "topics", alert.topic, "handlers"), {}, signal),
    api.get(`${alert.path}/deliveries`, {}, signal),
  ]);
  if (deliveries.some((one) => one.outcome === "retrying")) again();
  if (!handlers.length && !deliveries.length) return empty("Nobody is told", "The topic has no handler, and no script sent this alert.");
  return [handlers.length > 0 && handlerTable(alert.topic, handlers, deliveries), deliveryTable(deliveries)];
}

function handlerTable(topic, handlers, deliveries) {
  const last = (one) => deliveries.find(({ handler, kind }) => handler === one.id && kind === one.kind);
  const rows = table(
    [
      { head: "Handler", cell: (one) => h("a", { href: to("handlers", { topic }) }, one.id) },
      { head: "Kind", cell: (one) => one.kind },
      { head: "When", cell: (one) => (one.match ? h("code", {}, one.match) : h("span", { class: "muted" }, "each event")) },
      { head: "Last", cell: (one) => (last(one) ? outcome(last(one)) : h("span", { class: "muted" }, "nothing yet")) },
    ],
    { caption: "Handlers of the topic" },
  );
  rows.update(handlers);
  return rows.element;
}

async function readComments(alert) {
  const { comments } = await api.get(`${alert.path}/comments`);
  return h(
    "ul",
    { class: "comments" },
    comments.map((one) => h("li", {}, h("b", {}, one.by || "Somebody"), " ", h("span", { class: "muted" }, when(one.time)), h("p", {}, one.text))),
  );
}

function commentForm(alert, changed) {
  const text = h("textarea", { rows: 2, maxlength: 4000, placeholder: "what was found, what was done" });
  return form([keyed("text", "Comment", text)], "Comment", async () => {
    await api.post(`${alert.path}/comments`, { text: text.value });
    text.value = "";
    await changed();
  });
}

function trouble(list, { topic, id }, line) {
  if (line.service !== "alerting" || line.topic !== topic || (line.id && line.id !== id)) return;
  list.prepend(h("li", {}, when(line.ts, { exact: true }), ` ${line.msg} `, h("span", { class: "muted" }, line.kind, " ", line.err)));
  while (list.children.length > 20) list.lastElementChild.remove();
}
