// Lines that a replay, a trace or a backtest found, page by page.

import { api } from "../api.js";
import { clear, h } from "../dom.js";
import { number } from "../format.js";
import { badge, button, empty, when } from "../ui.js";
import { fill } from "./loading.js";
import { value } from "./why.js";

const PAGE = 100;

/** The lines that GET `place` gives under `key`, a page at first, and more of them at a button. */
export function findings(place, key) {
  const node = h("div", {}, h("p", { class: "muted" }, "Asking …"));
  const list = h("ol", { class: "found" });
  const foot = h("div", { class: "actions" });
  let next = 0;
  const { signal } = new AbortController();
  const more = async () => {
    const page = await api.get(place, { offset: next, limit: PAGE });
    list.append(...page[key].map(line));
    next = page.next;
    const left = page.count - next;
    clear(foot, h("span", { class: "muted" }, `${number(next)} of ${number(page.count)}`), left > 0 && button("More", more));
    return page.count ? [list, foot] : empty("Nothing was found");
  };
  fill(node, signal, more);
  return node;
}

function line(one) {
  const told = one.level && one.id !== undefined ? [badge(one.level), " ", h("b", {}, one.id), " ", one.message] : fieldsOf(one);
  return h("li", {}, h("span", { class: "muted" }, one.node ?? "", " ", one.kind ?? ""), " ", when(one.time, { exact: true }), " ", told);
}

function fieldsOf(one) {
  const pairs = Object.entries({ ...one.tags, ...one.fields });
  if (one.points) return `batch of ${one.points.length} ${one.group ?? ""}`;
  if (pairs.length) return pairs.map(([name, given]) => h("span", { class: "reading" }, name, " ", h("b", {}, value(given)), " "));
  const { node, kind, time, origin, ...rest } = one;
  return h("code", {}, JSON.stringify(rest).slice(0, 400));
}
