// What views are made of.

import { clear, h, svg } from "./dom.js";
import { ago, time } from "./format.js";

/** The heading of a view, with what can be done there beside it. */
export function heading(title, ...actions) {
  return h("header", { class: "heading" }, h("h1", { tabindex: -1 }, title), h("div", { class: "actions" }, actions));
}

/** A button. options: kind ("primary", "danger", "plain"), and props as of `h`. While an async onclick runs it is off. */
export function button(label, onclick, { kind = "", ...props } = {}) {
  const node = h("button", { type: "button", class: ["button", kind], ...props }, label);
  node.addEventListener("click", async (event) => {
    const running = onclick?.(event);
    if (!(running instanceof Promise)) return;
    node.disabled = true;
    try {
      await running;
    } catch (error) {
      toast(error.message, "error");
    } finally {
      node.disabled = false;
    }
  });
  return node;
}

/** A level of alerts, in its colour and as a word. */
export function badge(level, text = level) {
  return h("span", { class: ["badge", `is-${String(level).toLowerCase()}`] }, text);
}

/** What a status is like: "good", "bad", "idle", "warn". */
export function status(kind, text) {
  return h("span", { class: ["status", `is-${kind}`] }, text);
}

/** A moment: how long ago it was, with the whole time to hover on; or the other way round. */
export function when(value, { exact = false } = {}) {
  const whole = time(value);
  if (!whole) return h("span", { class: "muted" }, "–");
  const date = new Date(value).toISOString();
  return h("time", { datetime: date, title: exact ? ago(value) : whole, dataset: exact ? {} : { ago: "" } }, exact ? whole : ago(value));
}

// how long ago something was goes on while nothing else changes
setInterval(() => {
  for (const node of document.querySelectorAll("time[data-ago]")) node.textContent = ago(node.dateTime);
}, 5000);

/**
 * A table. columns: `head`, `cell(row)` (a node or text), `class` ("number", "wide", "narrow", "actions"), `sort(row)`
 * (a key, where the column can be sorted by). options: `key(row)`, `caption` (for readers), `empty` (a node), `sorted`
 * (index of the column, from 1, negative: falling). Gives `{ element, update(rows) }`; rows of a key keep their element
 * where `same(row)` (a string) is as before.
 */
export function table(columns, { key, caption, empty: nothing, same, sorted = 0 } = {}) {
  let rows = [];
  let order = sorted;
  const kept = new Map();
  const body = h("tbody");
  const heads = columns.map((column, i) => {
    const label = column.sort
      ? h("button", { type: "button", class: "sorter", onclick: () => sortBy(i + 1) }, column.head)
      : column.head;
    return h("th", { scope: "col", class: column.class }, label);
  });
  const grid = h("table", { class: "table" }, h("caption", { class: "unseen" }, caption ?? ""), h("thead", {}, h("tr", {}, heads)), body);
  const frame = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption ?? "table" }, grid);
  const element = h("div", { class: "table-frame" }, frame);

  function sortBy(column) {
    order = order === column ? -column : order === -column ? column : columns[column - 1].class === "number" ? -column : column;
    draw();
  }

  function draw() {
    heads.forEach((head, i) => {
      const by = Math.abs(order) === i + 1 ? (order > 0 ? "ascending" : "descending") : null;
      if (by) head.setAttribute("aria-sort", by);
      else head.removeAttribute("aria-sort");
    });
    const shown = order ? [...rows].sort(comparing(columns[Math.abs(order) - 1].sort, Math.sign(order))) : rows;
    const left = new Set(kept.keys());
    const elements = shown.map((row, i) => {
      const name = key ? key(row) : i;
      left.delete(name);
      return rowOf(name, row);
    });
    for (const name of left) kept.delete(name);
    put(body, elements);
    if (nothing) {
      frame.hidden = !rows.length;
      if (rows.length) nothing.remove();
      else element.append(nothing);
    }
  }

  function rowOf(name, row) {
    const now = same?.(row);
    const before = kept.get(name);
    if (before && now !== undefined && before.now === now) return before.element;
    const made = columns.map((column) => h("td", { class: column.class, "data-head": column.head }, column.cell(row)));
    const one = before?.element ?? h("tr", { dataset: { key: String(name) } });
    if (!one.contains(document.activeElement)) clear(one, made);
    kept.set(name, { element: one, now });
    return one;
  }

  return {
    element,
    update(found) {
      rows = found;
      draw();
    },
  };
}

function comparing(keyOf, sign) {
  return (a, b) => {
    const [one, other] = [keyOf(a), keyOf(b)];
    if (typeof one === "string") return sign * one.localeCompare(String(other), "en", { numeric: true });
    return sign * ((one ?? -Infinity) - (other ?? -Infinity) || 0);
  };
}

/** Puts elements into a node in this order, moving as few as can be: what has the focus keeps it. */
export function put(node, elements) {
  elements.forEach((element, i) => {
    if (node.children[i] !== element) node.insertBefore(element, node.children[i] ?? null);
  });
  while (node.children.length > elements.length) node.lastElementChild.remove();
}

/** What stands where there is nothing to be shown. */
export function empty(title, text, ...actions) {
  return h("div", { class: "empty" }, h("p", { class: "empty-title" }, title), text && h("p", { class: "muted" }, text), actions.length > 0 && h("div", { class: "actions" }, actions));
}

/** An error, as a line; who may not is told what to do about it. */
export function errorLine(error) {
  const status = error?.status ? ` (${error.status})` : "";
  const denied = error?.status === 403 && [h("b", {}, MAY_NOT), h("br")];
  return h("p", { class: "error-line", role: "alert" }, denied, `${error?.message ?? error}${status}`);
}

const MAY_NOT = "You are not allowed this. Somebody who administers users can give you the right.";

let fields = 0;

/** A form's field: label, input, help below. input: an element of `h`. */
export function field(label, input, { help, wide = false } = {}) {
  const id = input.id || (input.id = `field-${++fields}`);
  const about = help && h("p", { class: "help", id: `${id}-help` }, help);
  if (about) input.setAttribute("aria-describedby", `${id}-help`);
  return h("div", { class: ["field", wide && "wide"] }, h("label", { for: id }, label), input, about);
}

/** A select. choices: values, or pairs of value and text. */
export function select(choices, value, onchange, props = {}) {
  const pairs = choices.map((one) => (Array.isArray(one) ? one : [one, one]));
  const options = pairs.map(([it, text]) => h("option", { value: it, selected: it === value }, text));
  return h("select", { onchange: onchange && ((event) => onchange(event.target.value)), ...props }, options);
}

/** Buttons of which one is pressed. Gives the element; onchange(value). */
export function choice(label, choices, value, onchange) {
  const buttons = choices.map(([it, text]) =>
    h("button", { type: "button", class: "segment", "aria-pressed": String(it === value), onclick: () => set(it) }, text),
  );
  function set(now) {
    buttons.forEach((one, i) => one.setAttribute("aria-pressed", String(choices[i][0] === now)));
    onchange(now);
  }
  return h("div", { class: "segments", role: "group", "aria-label": label }, buttons);
}

/**
 * A dialog over the page. body: nodes. actions: `[label, value, kind]`, or none where the body has its own. Resolves to
 * the value of the action, null where it was closed. ready(close): for bodies that close it themselves.
 */
export function dialog(title, body, actions = [], { wide = false, ready } = {}) {
  const before = document.activeElement;
  const id = `dialog-${++fields}`;
  return new Promise((resolve) => {
    const close = (value) => {
      if (!node.isConnected) return;
      node.close();
      node.remove();
      before?.focus?.();
      resolve(value);
    };
    const buttons = actions.map(([label, value, kind]) => button(label, () => close(value), { kind }));
    const node = h(
      "dialog",
      { class: ["dialog", wide && "wide"], "aria-labelledby": id },
      h("header", {}, h("h2", { id }, title), button("✕", () => close(null), { kind: "plain", "aria-label": "Close" })),
      h("div", { class: "dialog-body" }, body),
      buttons.length > 0 && h("footer", { class: "actions" }, buttons),
    );
    node.addEventListener("cancel", (event) => {
      event.preventDefault();
      close(null);
    });
    document.body.append(node);
    node.showModal();
    ready?.(close);
  });
}

/** Asks whether something is meant. Resolves to true or false. */
export async function confirmed(title, text, label = "Delete", kind = "danger") {
  return (await dialog(title, h("p", {}, text), [["Cancel", false], [label, true, kind]])) === true;
}

/** Says something for some seconds. kind: "info", "error", "good". */
export function toast(text, kind = "info") {
  let place = document.getElementById("toasts");
  if (!place) {
    place = h("div", { id: "toasts", role: "status", "aria-live": "polite" });
    document.body.append(place);
  }
  const one = h("div", { class: ["toast", `is-${kind}`] }, text);
  place.append(one);
  setTimeout(() => one.remove(), kind === "error" ? 10_000 : 5_000);
}

/** Does something now and every so often until `signal` is aborted; not while the page is not looked at. */
export async function every(ms, work, signal) {
  const again = async () => {
    if (!document.hidden) await work();
    if (!signal.aborted) timer = setTimeout(() => again().catch(() => {}), ms);
  };
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));
  await again();
}

/** A line of the latest values, as a picture that says its last one. values: numbers; null where there is none. */
export function sparkline(values, { width = 84, height = 20, label = "" } = {}) {
  const known = values.filter((one) => typeof one === "number");
  const most = Math.max(...known, 1e-9);
  const step = width / Math.max(values.length - 1, 1);
  const points = values
    .map((one, i) => (typeof one === "number" ? `${(i * step).toFixed(1)},${(height - 1.5 - (one / most) * (height - 3)).toFixed(1)}` : ""))
    .filter(Boolean);
  return svg(
    "svg",
    { class: "sparkline", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label },
    points.length > 1 && svg("polyline", { points: points.join(" ") }),
  );
}
