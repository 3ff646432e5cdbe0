// A script, in colours: to be read, or to be written and looked through by the linter meanwhile.

import { api } from "../../api.js";
import { clear, h } from "../../dom.js";
import { status } from "../../ui.js";
import { tell } from "./docs.js";
import { tokens, wordAt } from "./tickscript.js";

const LINT_MS = 350;
const LINE_PX = 20;
const LEFT_PX = 12;
const TOP_PX = 10;
const COLOURED = 200_000; // characters; more are shown plain

/**
 * The element, and `value()`. options: `editable`, `oninput()`. `signal` ends what goes on meanwhile. What a word means
 * is told beside the script: of the one under the pointer, with the caret in it, or with the focus.
 */
export function scriptEditor(text, { editable = false, oninput = () => {}, signal, label = "Script" }) {
  const lines = h("pre", { class: "lines script", "aria-hidden": "true" });
  const shown = h("pre", { class: "script", "aria-hidden": editable ? "true" : null });
  const area = editable && h("textarea", { spellcheck: "false", autocapitalize: "off", autocomplete: "off", "aria-label": label, value: text });
  const layers = h("div", { class: "layers" }, shown, area);
  const hint = `Point at a word of the script, or put the cursor into it, to see what it means.${editable ? " Tab indents; Escape, then Tab leaves the script." : ""}`;
  const about = h("div", { class: "about", "aria-live": "polite" }, h("p", { class: "muted" }, hint));
  const findings = h("ul", { class: "findings", "aria-label": "What the linter finds" });
  const frame = h("div", { class: "field-of-text", tabindex: editable ? null : 0, role: "group", "aria-label": label }, layers);
  const element = h(
    "div",
    { class: "script-columns" },
    h("div", {}, h("div", { class: "code" }, lines, frame), editable && findings),
    about,
  );
  let words = [];
  let marks = [];
  let due = 0;
  let asking = 0;

  function draw() {
    const now = value();
    words = now.length > COLOURED ? [{ text: now, kind: "other", start: 0 }] : tokens(now);
    clear(shown, words.map((word) => coloured(word, marks, editable)), "\n");
    const count = now.split("\n").length;
    if (lines.dataset.count !== String(count)) {
      lines.dataset.count = count;
      lines.textContent = Array.from({ length: count }, (_, i) => i + 1).join("\n");
    }
  }

  function value() {
    return area ? area.value : text;
  }

  async function lint() {
    const now = value();
    const mine = ++asking;
    try {
      const found = now.trim() ? (await api.post("/lint", { script: now })).findings : [];
      if (signal.aborted || mine !== asking) return;
      const starts = lineStarts(now);
      marks = found.map((one) => ({ ...one, from: starts(one.line, one.column), to: starts(one.line, one.end) }));
      clear(findings, marks.length ? marks.map(finding) : h("li", { class: "muted" }, now.trim() ? "No mistakes found." : "Nothing is written yet."));
      draw();
    } catch (error) {
      if (!signal.aborted) clear(findings, h("li", { class: "muted" }, `It cannot be looked through: ${error.message}`));
    }
  }

  function finding(one) {
    const lead = () => {
      area.focus();
      area.setSelectionRange(one.from, one.to);
    };
    return h(
      "li",
      {},
      status(one.severity === "error" ? "bad" : "warn", one.severity),
      h("button", { type: "button", class: "place", onclick: lead }, `line ${one.line}`),
      h("span", {}, one.message, one.help && h("span", { class: "muted" }, ` – ${one.help}`)),
    );
  }

  function changed() {
    draw();
    oninput();
    clearTimeout(due);
    due = setTimeout(lint, LINT_MS);
  }

  const tellAt = (offset) => tell(about, wordAt(words, offset));
  layers.addEventListener("mousemove", (event) => {
    const offset = offsetAt(value(), layers, event);
    if (offset !== null) tellAt(offset);
  });
  shown.addEventListener("focusin", (event) => tellAt(Number(event.target.dataset.start)));
  if (area) {
    area.addEventListener("input", changed);
    area.addEventListener("keydown", (event) => indent(event, area, changed));
    for (const kind of ["keyup", "click"]) area.addEventListener(kind, () => tellAt(area.selectionStart));
    lint();
  }
  signal.addEventListener("abort", () => clearTimeout(due));
  draw();
  // with the caret at the beginning: a narrow window would begin with the end of the last line
  const focus = () => {
    area?.setSelectionRange(0, 0);
    area?.focus();
  };
  return { element, value, focus };
}

/** A word, and within it what the linter has marked. Where nothing is edited, nodes can be reached by keyboard. */
function coloured(word, marks, editable) {
  if (word.kind === "space") return word.text;
  const end = word.start + word.text.length;
  const mark = marks.find((one) => one.from < end && one.to > word.start);
  const reached = !editable && word.kind === "node" ? { tabindex: 0, dataset: { start: word.start } } : {};
  return h("span", { class: [`t-${word.kind}`, mark && `mark-${mark.severity}`], ...reached }, word.text);
}

/** Offsets of places that count characters from 1, as the linter's do. */
function lineStarts(text) {
  const lines = text.split("\n");
  const starts = [0];
  for (const line of lines) starts.push(starts.at(-1) + line.length + 1);
  return (line, column) => {
    const before = Array.from(lines[line - 1] ?? "").slice(0, column - 1).join("");
    return Math.min(starts[line - 1] + before.length, text.length);
  };
}

let width = 0;

/** The offset of the character under the pointer: all are as wide, and lines are not broken. */
function offsetAt(text, layers, event) {
  const box = layers.getBoundingClientRect();
  width ||= charWidth(layers);
  const line = Math.floor((event.clientY - box.top - TOP_PX) / LINE_PX);
  const column = Math.floor((event.clientX - box.left - LEFT_PX) / width);
  const lines = text.split("\n");
  if (line < 0 || line >= lines.length || column < 0 || column >= lines[line].length) return null;
  return lines.slice(0, line).reduce((sum, one) => sum + one.length + 1, 0) + column;
}

function charWidth(layers) {
  const probe = h("span", {}, "x".repeat(100));
  layers.firstChild.append(probe);
  const found = probe.getBoundingClientRect().width / 100;
  probe.remove();
  return found;
}

/** Tab indents where text is selected or the line is being begun; Escape first lets Tab leave, as everywhere. */
function indent(event, area, changed) {
  if (event.key === "Escape") area.dataset.leaves = "yes";
  else if (event.key === "Tab" && !event.shiftKey && !area.dataset.leaves) {
    event.preventDefault();
    area.setRangeText("    ", area.selectionStart, area.selectionEnd, "end");
    changed();
  } else if (event.key !== "Shift") delete area.dataset.leaves;
}
