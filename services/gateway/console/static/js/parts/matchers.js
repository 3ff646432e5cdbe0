// Matchers of silences: as the API has them, `{name, value, "is-regex", "is-equal"}`, as texts, and as a form.

import { h } from "../dom.js";
import { button, select } from "../ui.js";

const OPERATORS = [
  ["=", "is", false, true],
  ["!=", "is not", false, false],
  ["=~", "fits", true, true],
  ["!~", "does not fit", true, false],
];
const NONE = { name: "", value: "", "is-regex": false, "is-equal": true };
const NAMES = ["topic", "id", "task", "level", "name"];

/** A matcher as a text that the API reads: `host=~"web.*"`. */
export function textOf(matcher) {
  const value = String(matcher.value).replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  return `${matcher.name}${operator(matcher)}"${value}"`;
}

/** Matchers that an alert fits, and hardly another: its topic and its tags, or its id where it has no tags. */
export function ofAlert({ topic, id, tags }) {
  const named = Object.entries(tags ?? {});
  const of = (name, value) => ({ name, value, "is-regex": false, "is-equal": true });
  const rest = named.length ? named.map(([name, value]) => of(tagName(name), value)) : [of("id", id)];
  return [of("topic", topic), ...rest];
}

/** A fieldset of matchers to change; `read()` gives those that say anything. changed(): after each change. */
export function matcherFields(given, changed) {
  const rows = h("div", { class: "matchers" });
  const add = (matcher) => rows.append(rowOf(matcher, changed));
  (given.length ? given : [NONE]).forEach(add);
  const more = button("Add a matcher", () => {
    add(NONE);
    rows.lastElementChild.querySelector("input").focus();
  }, { kind: "small" });
  const names = h("datalist", { id: "matcher-names" }, NAMES.map((name) => h("option", { value: name })));
  const node = h("fieldset", { class: "matcher-fields" }, h("legend", {}, "Alerts that fit all of"), names, rows, more);
  return { node, read: () => [...rows.children].map(read).filter((one) => one.name || one.value) };
}

/** Matchers as chips. */
export function chips(matchers) {
  return matchers.map((one) =>
    h("span", { class: "chip" }, h("b", {}, one.name), ` ${operator(one)} `, one.value === "" ? '""' : one.value),
  );
}

/** Tags as chips, by name. */
export function tagChips(tags) {
  return Object.entries(tags ?? {})
    .sort()
    .map(([name, value]) => h("span", { class: "chip" }, h("b", {}, name), " ", value));
}

function tagName(name) {
  return NAMES.includes(name) || name.startsWith("tag:") ? `tag:${name}` : name;
}

function operator(matcher) {
  return OPERATORS.find(([, , regex, equal]) => regex === matcher["is-regex"] && equal === matcher["is-equal"])[0];
}

function rowOf(matcher, changed) {
  const choices = OPERATORS.map(([sign, text]) => [sign, `${sign}  ${text}`]);
  const node = h(
    "div",
    { class: "matcher", "data-part": "" },
    h("input", { "aria-label": "Name", list: "matcher-names", value: matcher.name, placeholder: "topic, id, a tag", oninput: changed }),
    select(choices, operator(matcher), changed, { "aria-label": "Operator" }),
    h("input", { "aria-label": "Value", value: matcher.value, placeholder: "value", oninput: changed }),
  );
  const away = () => {
    node.remove();
    changed();
  };
  node.append(button("✕", away, { kind: "plain", "aria-label": "Remove this matcher" }));
  return node;
}

function read(node) {
  const [name, value] = node.querySelectorAll("input");
  const [, , regex, equal] = OPERATORS.find(([sign]) => sign === node.querySelector("select").value);
  return { name: name.value.trim(), value: value.value, "is-regex": regex, "is-equal": equal };
}
