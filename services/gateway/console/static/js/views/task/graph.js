// A task's graph, with what goes through it now; a click on a node or an edge shows what leaves it.

import { api, path } from "../../api.js";
import { clear, h, svg } from "../../dom.js";
import { number, rate } from "../../format.js";
import { live } from "../../live.js";
import { button, errorLine } from "../../ui.js";

const ELEMENTS = new Set(["g", "rect", "path", "text", "title", "defs", "marker", "line", "polygon", "polyline", "circle", "ellipse", "tspan"]);
const LINES = 200;
const ROWS_A_SECOND = 20;

/** The panel. It draws itself, and goes on until `signal` is aborted. */
export function graphPanel(id, signal) {
  const picture = h("div", { class: "graph", tabindex: 0, role: "region", "aria-label": "Graph" });
  const below = h("div", {});
  const element = h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Graph"), h("span", { class: "muted" }, "Points a second; click on a node to see what leaves it")), picture, below);
  const tap = tapping(id, below, signal);
  let latest = null;

  async function draw() {
    try {
      const text = await api.text(path("tasks", id), { view: "svg" }, signal);
      // its colours are the console's here; parsing a style alone would be told as against the policy
      const bare = text.replace(/<style>[^<]*<\/style>/, "");
      const drawn = copied(new DOMParser().parseFromString(bare, "image/svg+xml").documentElement);
      clear(picture, drawn);
      prepare(drawn, (node) => tap(node, drawn));
      if (latest) told(latest);
    } catch (error) {
      if (!signal.aborted) clear(picture, errorLine(error));
    }
  }

  function told(stats) {
    latest = stats;
    for (const edge of picture.querySelectorAll(".edge")) {
      const { from, to } = edge.dataset;
      const found = stats.edges.find((one) => one.from === from && one.to === to);
      const text = edge.querySelector(".rate");
      if (text) text.textContent = found ? rate(found["points-per-second"]) : "";
    }
    for (const node of picture.querySelectorAll(".node")) {
      const errors = stats.nodes[node.dataset.node]?.errors ?? 0;
      node.classList.toggle("has-errors", errors > 0);
      const text = node.querySelector(".errors");
      if (text) text.textContent = errors > 0 ? `${number(errors)} errors` : "";
    }
  }

  live.on("node-stats", (stats) => stats.task === id && told(stats), { task: id, signal });
  draw();
  return { element, draw };
}

/** What the server has drawn, made anew of the few elements that drawings have: no script, style or link comes along. */
function copied(from) {
  const attributes = {};
  for (const { name, value } of from.attributes) {
    if (!name.startsWith("on") && !/^(style|href|xmlns|xlink:)/.test(name)) attributes[name] = value;
  }
  const children = [...from.childNodes].flatMap((child) => {
    if (child.nodeType === Node.TEXT_NODE) return [child.data];
    return child.nodeType === Node.ELEMENT_NODE && ELEMENTS.has(child.localName) ? [copied(child)] : [];
  });
  return svg(from.localName, attributes, children);
}

function prepare(drawn, tap) {
  drawn.removeAttribute("role"); // a picture's parts could not be reached
  for (const node of drawn.querySelectorAll(".node")) {
    node.setAttribute("tabindex", "0");
    node.setAttribute("role", "button");
    node.setAttribute("aria-label", `Tap ${node.dataset.node}`);
    node.addEventListener("click", () => tap(node.dataset.node));
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      tap(node.dataset.node);
    });
  }
  for (const edge of drawn.querySelectorAll(".edge")) {
    const line = edge.querySelector(".line");
    if (line) edge.append(svg("path", { class: "hit", d: line.getAttribute("d") })); // wide enough for a finger
    edge.addEventListener("click", () => tap(edge.dataset.from));
  }
}

/** Shows what leaves a node, below the picture, until it is closed or another is tapped. */
function tapping(id, place, signal) {
  let running = null;
  signal.addEventListener("abort", () => running?.abort());
  const end = (drawn) => {
    running?.abort();
    running = null;
    clear(place);
    for (const one of drawn.querySelectorAll(".is-tapped")) one.classList.remove("is-tapped");
  };
  return (node, drawn) => {
    end(drawn);
    running = new AbortController();
    const mine = running;
    drawn.querySelector(`.node[data-node="${CSS.escape(node)}"]`)?.classList.add("is-tapped");
    const lines = h("pre", { class: "tap", tabindex: 0, "aria-label": `What leaves ${node}` });
    const waiting = h("p", { class: "panel-body muted" }, "Nothing has left it yet …");
    const close = button("Close", () => end(drawn), { kind: "small" });
    clear(place, h("section", { class: "tapped" }, h("header", { class: "toolbar panel-body" }, h("h3", {}, `What leaves ${node}`), close), waiting, lines));
    const told = (line) => {
      waiting.remove();
      lines.append(readable(line), "\n");
      while (lines.childNodes.length > 2 * LINES) lines.firstChild.remove();
      lines.scrollTop = lines.scrollHeight;
    };
    readLines(path("tasks", id) + "/tap", { node, rate: ROWS_A_SECOND }, told, mine.signal).catch((error) => {
      if (!mine.signal.aborted) clear(place, errorLine(error));
    });
  };
}

async function readLines(address, params, told, signal) {
  const answer = await api.raw(address, params, signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) if (part) told(JSON.parse(part));
  }
}

function readable(line) {
  const time = line.time ? `${String(line.time).slice(11, 23)} ` : "";
  const values = (of) => Object.entries(of ?? {}).map(([name, value]) => `${name}=${typeof value === "number" ? Number(value.toPrecision(6)) : JSON.stringify(value)}`).join(" ");
  if (line.point !== undefined) return `${time}${line.point} ${line.group || ""}  ${values(line.fields)}`;
  return JSON.stringify(line);
}
