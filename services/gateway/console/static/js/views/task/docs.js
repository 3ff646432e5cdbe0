// What there is to say of a word of a script: from GET /nodes.

import { api } from "../../api.js";
import { clear, h } from "../../dom.js";

let asked = null;

/** Shows what a word means in `place`, which is left as it is where there is nothing to say. word: of `wordAt`. */
export async function tell(place, word) {
  if (!word) return;
  asked ??= api.get("/nodes").catch((error) => {
    asked = null;
    throw error;
  });
  const found = await asked.then((all) => page(all, word), () => null);
  if (found) clear(place, found);
}

function page(all, { kind, name, owner }) {
  if (kind === "node") return nodePage(named(all.nodes, name));
  if (kind === "udf") return functionPage(named(all.udfs, name), "@");
  if (kind === "function") return functionPage(named(all.functions, name));
  return owner ? propertyPage(all, name, owner) : null;
}

function named(list, name) {
  return list.find((one) => one.name === name);
}

function nodePage(node) {
  return node && [h("p", { class: "head" }, node.head), node.ends && h("p", { class: "muted" }, node.ends), prose(node.doc), list(node.arguments), list(node.properties)];
}

function functionPage(found) {
  return found && [found.heads.map((head) => h("p", { class: "head" }, head)), prose(found.doc)];
}

/** A property stands behind a handler or a part of its own, or else it is the node's; or it is a handler. */
function propertyPage(all, name, { node, between }) {
  const of = named(all.nodes, node);
  if (!of) return null;
  for (const one of between) {
    const handler = of.handlers && named(all.handlers, one);
    const part = handler || named(of.properties, one);
    const found = part && named(part.properties, name);
    if (found) return partPage(found, one);
    if (handler) break;
  }
  const own = named(of.properties, name);
  if (own) return partPage(own, node);
  const handler = of.handlers && named(all.handlers, name);
  return handler ? nodePage(handler) : null;
}

function partPage(part, of) {
  return [h("p", { class: "head" }, part.head), h("p", { class: "muted" }, `Of ${of}.`), prose(part.doc), list(part.properties)];
}

function list(parts) {
  return parts.length > 0 && h("dl", {}, parts.map((one) => [h("dt", {}, one.head), h("dd", {}, inline(one.doc))]));
}

function prose(doc) {
  return doc
    .split(/\n\s*\n/)
    .filter((one) => one.trim())
    .map((one) => (one.startsWith(" ") ? h("pre", { class: "script" }, one) : h("p", {}, inline(one.replaceAll("\n", " ")))));
}

function inline(text) {
  return text.split(/(`[^`]*`)/).map((part) => (part.startsWith("`") && part.length > 1 ? h("code", {}, part.slice(1, -1)) : part));
}
