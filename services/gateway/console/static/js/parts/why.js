// Why an alert was raised, as a picture: the nodes that its point went through, one below the other, with what flowed
// between them, what their lambdas came to, and what they kept.

import { h, svg } from "../dom.js";
import { time } from "../format.js";
import { badge, when } from "../ui.js";
import { tagChips } from "./matchers.js";

const MOST = 12;
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** The picture of an answer of GET …/why. */
export function whyPicture(why) {
  return h(
    "div",
    { class: "why" },
    cause(why),
    h("ol", { class: "path" }, (why.path ?? []).map(step)),
    why.event && outcome(why),
    why.agrees === false &&
      h("p", { class: "note" }, "Gone through again, the task raised another level: this may not be the whole truth."),
    (why.notes ?? []).map((note) => h("p", { class: "note" }, note)),
    (why.others ?? []).length > 0 && others(why.others),
  );
}

/** A number as it is told beside others: six digits that count. */
export function value(given) {
  if (typeof given !== "number" || Number.isInteger(given)) return String(given);
  return String(Number(given.toPrecision(6)));
}

function cause({ cause: given }) {
  if (!given) return null;
  const texts = { clock: "The clock set it off", query: "What a query gave", deletion: "The task was deleted" };
  return h(
    "div",
    { class: "cause" },
    h("span", { class: "muted" }, texts[given.kind] ?? "This point was written"),
    given.line && h("code", {}, given.line),
    h("span", { class: "muted" }, given.database && `${given.database}.${given["retention-policy"]} `, when(given.received ?? given.time, { exact: true })),
  );
}

function step(one) {
  return h(
    "li",
    {},
    arrow(),
    h("div", { class: "flow" }, flows(one.in)),
    h(
      "div",
      { class: ["node-box", (one.silence || one.errors?.length > 0) && "ended"] },
      h("h3", {}, one.node, h("span", { class: "muted" }, one.kind)),
      (one.lambdas ?? []).map(lambda),
      (one.groups ?? []).map(kept),
      (one.errors ?? []).map((error) => h("p", { class: "error-line" }, error)),
      one.tick && h("p", { class: "muted" }, "due at ", when(one.tick, { exact: true })),
      one.silence && h("p", { class: "note" }, one.silence),
    ),
  );
}

function arrow() {
  return svg(
    "svg",
    { class: "arrow", width: 12, height: 20, viewBox: "0 0 12 20", "aria-hidden": "true" },
    svg("path", { d: "M6 0V14M2 11l4 6 4-6" }),
  );
}

function flows(items) {
  const shown = (items ?? []).slice(0, 3).map(flow);
  const more = (items ?? []).length - shown.length;
  return [shown, more > 0 && h("span", { class: "muted" }, `and ${more} more`)];
}

function flow(item) {
  if (item.points) return [h("span", {}, `batch of ${item.points.length}`), strip(item.points)];
  return fieldsOf(item.fields ?? {});
}

function fieldsOf(fields) {
  const named = Object.entries(fields);
  const shown = named.slice(0, 6).map(([name, one]) => h("span", { class: "reading" }, name, " ", h("b", {}, value(one))));
  return [shown, named.length > 6 && h("span", { class: "muted" }, `and ${named.length - 6} more fields`)];
}

function lambda(one) {
  const answer = one.error ? "error" : String(one.value);
  return h(
    "p",
    { class: "lambda" },
    h("span", { class: `truth truth-${["true", "false", "error"].includes(answer) ? answer : "value"}` }, answer.slice(0, 40)),
    h("b", {}, one.lambda),
    h("code", {}, one.error || one.text),
  );
}

function kept(group) {
  const names = Object.keys({ ...group.before, ...group.after });
  return [
    names
      .filter((name) => name !== "points")
      .map((name) => h("p", { class: "kept" }, name, " ", change(group.before?.[name], group.after?.[name]))),
    group.after?.points && h("p", { class: "kept" }, `${group.after.points.length} points `, strip(group.after.points)),
  ];
}

function change(before, after) {
  const text = (one) => (typeof one === "object" && one !== null ? JSON.stringify(one) : TIME.test(one) ? time(one) : value(one ?? "–"));
  if (before === undefined || text(before) === text(after)) return h("b", {}, text(after));
  return [h("span", {}, text(before)), " → ", h("b", {}, text(after))];
}

/** The numbers of points' first field, as a row of bars with the values beside it. */
function strip(points) {
  const name = Object.keys(points[0]?.fields ?? {}).find((one) => typeof points[0].fields[one] === "number");
  if (!name) return null;
  const numbers = points.slice(-60).map((one) => Number(one.fields?.[name]));
  const [least, most] = [Math.min(...numbers, 0), Math.max(...numbers)];
  const height = (one) => 1 + ((one - least) / (most - least || 1)) * 15;
  return [
    h("span", { class: "reading" }, name, " "),
    svg(
      "svg",
      { class: "strip", width: numbers.length * 5, height: 16, role: "img", "aria-label": numbers.map(value).join(", ") },
      numbers.map((one, i) => svg("rect", { x: i * 5, width: 4, y: 16 - height(one), height: height(one) })),
    ),
    h("b", {}, numbers.length > MOST ? `… ${numbers.slice(-3).map(value).join(", ")}` : numbers.map(value).join(", ")),
  ];
}

function outcome({ event, via }) {
  return h(
    "div",
    { class: "outcome" },
    arrow(),
    h("p", {}, badge(event.level), event.previous && h("span", { class: "muted" }, ` was ${event.previous}`)),
    h("p", {}, event.message),
    h("p", {}, tagChips(event.tags)),
    via?.length > 0 && h("p", { class: "muted" }, `through ${via.join(", ")}`),
  );
}

function others(points) {
  return h(
    "details",
    {},
    h("summary", {}, `${points.length} other point${points.length === 1 ? "" : "s"} took part`),
    h("ul", { class: "log-lines" }, points.slice(0, 200).map((one) => h("li", {}, h("code", {}, one.line ?? one.time ?? "")))),
  );
}
