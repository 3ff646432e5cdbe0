// Hash routes: `#/tasks/cpu%20alert?tab=script`. Each view is left by aborting its signal.

import { clear, h } from "./dom.js";
import { confirmed, errorLine, heading } from "./ui.js";

let leave = null;
let held = null; // what says whether something would be lost

/** The link to a place: to("tasks", id), with parameters behind it as an object: to("log", { task: id }). */
export function to(...parts) {
  const params = typeof parts.at(-1) === "object" ? parts.pop() : {};
  const given = Object.entries(params).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const query = given.length ? `?${new URLSearchParams(given)}` : "";
  return `#/${parts.map(encodeURIComponent).join("/")}${query}`;
}

/** Goes there. replace: without a step to come back to. */
export function go(link, replace = false) {
  if (link === location.hash) return show.again?.();
  if (!replace) location.hash = link;
  else {
    history.replaceState(null, "", link);
    show.again?.();
  }
}

/** Notes parameters in the address, without showing the view anew: what a search was stands there when it is reloaded. */
export function note(params) {
  const { parts, query } = here();
  for (const [name, value] of Object.entries(params)) {
    if (value === "" || value === null || value === undefined) query.delete(name);
    else query.set(name, value);
  }
  history.replaceState(null, "", to(...parts, Object.fromEntries(query)));
}

/** Until `signal` is aborted: where `unsaved()` is true, whoever goes to another view is asked whether they mean it. */
export function hold(unsaved, signal) {
  held = unsaved;
  addEventListener("beforeunload", (event) => unsaved() && event.preventDefault(), { signal });
  signal.addEventListener("abort", () => held === unsaved && (held = null));
}

/** Asks whether what has been changed may be lost. */
export function mayLeave() {
  return confirmed("Leave it?", "What you have changed is not saved.", "Leave");
}

/**
 * Shows the view of the address in `root`, now and whenever that changes. views: modules with `title`, `route`
 * (`/tasks/:id`) and `render(root, params, signal)`, where params has the route's names and the query, and signal is
 * aborted when the view is left. onShown(view): once one is there.
 */
export function start(root, views, onShown) {
  show.again = () => show(root, views, onShown);
  addEventListener("hashchange", moved);
  return show.again();
}

async function moved({ oldURL }) {
  if (!held?.()) return show.again();
  const wanted = location.hash;
  history.pushState(null, "", oldURL); // where one still is
  if (document.querySelector("dialog[open]") || !(await mayLeave())) return undefined;
  held = null;
  return go(wanted);
}

async function show(root, views, onShown) {
  leave?.abort();
  leave = new AbortController();
  const { signal } = leave;
  const { parts, query } = here();
  const found = match(views, parts);
  if (!found) {
    document.title = "Nothing here · tickbus";
    clear(root, h("h1", { tabindex: -1 }, "Nothing here"), h("p", {}, "There is no such page. ", h("a", { href: "#/" }, "To the overview")));
    return;
  }
  const first = !root.hasChildNodes();
  const body = h("div", { class: "view", dataset: { view: found.view.route } });
  clear(root, body);
  onShown(found.view, { ...Object.fromEntries(query), ...found.names });
  document.title = `${found.view.title} · tickbus`;
  scrollTo(0, 0);
  try {
    await found.view.render(body, { ...Object.fromEntries(query), ...found.names }, signal);
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    if (!error.status && error.status !== 0) console.error(error);
    if (!body.querySelector("h1")) body.append(heading(found.view.title));
    body.append(errorLine(error));
  }
  // whoever uses a keyboard or a reader is led to what has changed
  if (!first && !signal.aborted && !body.contains(document.activeElement)) body.querySelector("h1")?.focus();
}

function here() {
  const [place, query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { parts: place === "" ? [] : place.split("/").map(decoded), query: new URLSearchParams(query) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function match(views, parts) {
  for (const view of views) {
    const wanted = view.route.split("/").filter(Boolean);
    if (wanted.length !== parts.length) continue;
    const names = {};
    const fits = wanted.every((one, i) => (one.startsWith(":") ? ((names[one.slice(1)] = parts[i]), true) : one === parts[i]));
    if (fits) return { view, names };
  }
  return null;
}
