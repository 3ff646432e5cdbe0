// Elements are made here and nowhere else. Texts become text nodes: nothing that comes from a server is ever markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element. props: `class` (a string, or a list of which what is falsy is left out), `dataset` (an object),
 * `onclick` and the like (functions), properties that are set as such (`value`, `checked`, `disabled`, …), and
 * attributes for all else; null, undefined and false leave a prop out. children: nodes, texts, numbers, lists of them.
 */
export function h(tag, props, ...children) {
  return filled(document.createElement(tag), props, children);
}

/** The same for an element of SVG. */
export function svg(tag, props, ...children) {
  return filled(document.createElementNS(SVG, tag), props, children);
}

/** Takes everything out of a node, and puts children into it; gives the node. */
export function clear(node, ...children) {
  node.replaceChildren();
  add(node, children);
  return node;
}

/** Puts children behind those that a node has; gives the node. */
export function append(node, ...children) {
  add(node, children);
  return node;
}

const AS_PROPERTY = new Set(["value", "checked", "disabled", "selected", "open", "hidden", "indeterminate", "readOnly"]);

function filled(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) set(node, name, value);
  add(node, children);
  return node;
}

function set(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "class") node.setAttribute("class", Array.isArray(value) ? value.filter(Boolean).join(" ") : value);
  else if (name === "dataset") Object.assign(node.dataset, value);
  else if (name.startsWith("on")) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
  } else if (AS_PROPERTY.has(name)) node[name] = value;
  else node.setAttribute(name, value === true ? "" : String(value));
}

function add(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === true) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}
