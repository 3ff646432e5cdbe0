// Values for a script's vars.

import { h } from "../../dom.js";
import { field } from "../../ui.js";
import { declaredVars } from "./tickscript.js";

const NUMBERED = new Set(["int", "float"]);

/**
 * A form for the vars that a script declares, and those that have values. Gives the element and `values()`, as the API
 * has them, of those that are filled in; values throws an Error for what is none of its type.
 */
export function varsForm(script, given) {
  const declared = declaredVars(script);
  const known = new Set(declared.map((one) => one.name));
  const all = [...declared, ...Object.entries(given).filter(([name]) => !known.has(name)).map(([name, one]) => ({ name, type: one.type, value: "" }))];
  const inputs = all.map((one) => {
    const input = h("input", { name: one.name, placeholder: one.value, value: given[one.name] ? text(given[one.name]) : "", spellcheck: "false", autocomplete: "off" });
    return { ...one, input };
  });
  return {
    element: inputs.length ? h("div", { class: "vars" }, inputs.map((one) => field(`${one.name} (${one.type})`, one.input, { help: hint(one) }))) : null,
    values() {
      const filled = inputs.filter((one) => one.input.value.trim() !== "");
      return Object.fromEntries(filled.map((one) => [one.name, { type: one.type, value: parsed(one), description: given[one.name]?.description ?? "" }]));
    },
  };
}

/** A var's value as it is written in the form. */
export function text({ type, value }) {
  if (type === "duration") return typeof value === "number" ? duration(value) : String(value);
  if (type === "list") return (value ?? []).map((one) => (one.type === "star" ? "*" : one.value)).join(", ");
  return type === "star" ? "*" : String(value ?? "");
}

function hint({ type, value }) {
  if (type === "list") return "Texts with commas between.";
  return value === "" ? undefined : `${value} unless given.`;
}

function parsed({ name, type, input }) {
  const written = input.value.trim();
  if (NUMBERED.has(type)) {
    const value = Number(written);
    if (!Number.isFinite(value) || (type === "int" && !Number.isInteger(value))) throw new Error(`${name}: ${written} is no ${type}`);
    return value;
  }
  if (type === "bool") {
    if (!/^(true|false)$/i.test(written)) throw new Error(`${name}: say true or false`);
    return written.toLowerCase() === "true";
  }
  if (type === "star") return null;
  if (type === "list") return written.split(",").map((one) => one.trim()).map((one) => (one === "*" ? { type: "star", value: null } : { type: "string", value: one }));
  return written;
}

function duration(ns) {
  for (const [unit, size] of [["w", 604800e9], ["d", 86400e9], ["h", 3600e9], ["m", 60e9], ["s", 1e9], ["ms", 1e6], ["u", 1e3]]) {
    if (ns && ns % size === 0) return `${ns / size}${unit}`;
  }
  return `${ns}ns`;
}
