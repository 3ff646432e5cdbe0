// The sections of the configuration that may be changed while everything runs.

import { api, path } from "../api.js";
import { clear, h } from "../dom.js";
import { note } from "../router.js";
import { button, empty, heading, status, toast } from "../ui.js";
import { form, formDialog, keyed, mistake, twice } from "../parts/forms.js";

const LISTS = new Set(["discord", "ec2", "httppost", "influxdb", "kafka", "kubernetes", "mqtt", "slack", "swarm"]);
const NAMED_BY = { httppost: "endpoint", kafka: "id", kubernetes: "id", swarm: "id", ec2: "id", slack: "workspace", discord: "workspace" };

export const title = "Configuration";
export const route = "/config";

export async function render(root, params, signal) {
  const list = h("nav", { class: "sections", "aria-label": "Sections" });
  const place = h("div", { class: "section" });
  const search = h("input", { type: "search", placeholder: "Section", "aria-label": "Section" });
  root.append(heading("Configuration", search), h("div", { class: "split" }, list, place));
  const { sections } = await api.get("/config", {}, signal);
  const names = Object.keys(sections).sort();
  const show = (name) => {
    for (const one of list.children) one.setAttribute("aria-current", String(one.dataset.name === name));
    note({ section: name });
    clear(place, sectionOf(name, sections[name], () => again(name)));
  };
  const again = async (name) => {
    sections[name] = await api.get(path("config", name), {}, signal);
    list.querySelector(`[data-name="${CSS.escape(name)}"]`)?.replaceWith(link(name));
    show(name);
  };
  const link = (name) =>
    h("button", { type: "button", dataset: { name }, onclick: () => show(name) }, name, on(sections[name]) && status("good", "on"));
  const draw = () => clear(list, names.filter((one) => one.includes(search.value.toLowerCase())).map(link));
  search.addEventListener("input", draw);
  draw();
  show(names.includes(params.section) ? params.section : names[0]);
}

function on({ elements }) {
  return (elements ?? []).some((one) => one.options.enabled === true);
}

function sectionOf(name, { elements }, again) {
  const add = LISTS.has(name) && button("Add an element", () => addTo(name, again));
  return [
    h("header", { class: "heading" }, h("h2", {}, `[${name}]`), h("div", { class: "actions" }, add)),
    (elements ?? []).map((one) => elementOf(name, one, elements.length > 1 || LISTS.has(name), again)),
    !elements?.length && empty("No elements", "The section is a list, and nothing is in it."),
  ];
}

function elementOf(section, { link, options, redacted }, named, again) {
  const element = decodeURIComponent(link.href.split(`/config/${section}`)[1].replace(/^\//, ""));
  const secrets = new Set(redacted ?? []);
  const inputs = Object.entries(options).map(([key, value]) => inputOf(key, value, secrets.has(key)));
  const place = `${path("config", section)}/${encodeURIComponent(element)}`;
  const save = async () => {
    const set = Object.fromEntries(inputs.filter((one) => one.changed()).map((one) => [one.key, one.read()]));
    if (!Object.keys(set).length) throw mistake("Nothing is changed.");
    await api.post(place, { set }).catch(named);
    await again();
    toast("It counts now.", "good");
  };
  const reset = async () => {
    await api.post(place, { delete: Object.keys(options) });
    await again();
    toast("It is as in the file again.", "good");
  };
  const remove = async () => {
    await api.post(path("config", section), { remove: [element] });
    await again();
  };
  return h(
    "section",
    { class: "panel" },
    named && h("header", {}, h("h3", {}, element || "(no name)"), twice("Remove", "Remove it?", remove, "small danger")),
    h(
      "div",
      { class: "panel-body" },
      form([h("div", { class: "fields" }, inputs.map((one) => one.node))], "Save", save, twice("As in the file", "Forget all changes?", reset, "")),
    ),
  );
}

/** Throws the error again, by the option that it is about. */
function named(error) {
  const [, option, why] = /cannot set option ([\w-]+): (.*)$/s.exec(error.message) ?? [];
  if (option) error.message = `${option}: ${why}`;
  throw error;
}

/** One option: its field, whether it is changed, and what it is now. */
function inputOf(key, value, secret) {
  if (secret) return secretOf(key, value);
  if (typeof value === "boolean") {
    const box = h("input", { type: "checkbox", checked: value });
    return { key, node: keyed(key, key, box), changed: () => box.checked !== value, read: () => box.checked };
  }
  const plain = typeof value === "string";
  const text = plain ? value : JSON.stringify(value);
  const number = typeof value === "number";
  const input = h("input", { value: text, spellcheck: "false", inputmode: number ? "decimal" : null });
  const help = plain || number ? null : "In JSON";
  return {
    key,
    node: keyed(key, key, input, { help }),
    changed: () => input.value !== text,
    read: () => (plain ? input.value : parsed(key, input.value)),
  };
}

function secretOf(key, isSet) {
  const input = h("input", { type: "password", autocomplete: "new-password", placeholder: isSet ? "set, and not shown" : "not set" });
  return { key, node: keyed(key, key, input), changed: () => input.value !== "", read: () => input.value };
}

function parsed(key, text) {
  try {
    return JSON.parse(text);
  } catch {
    throw mistake(`${key}: must be JSON`);
  }
}

function addTo(section, again) {
  const by = NAMED_BY[section] ?? "name";
  const name = h("input", {});
  const more = h("textarea", { rows: 6, value: "{}", spellcheck: "false" });
  return formDialog(`Add to [${section}]`, (close) =>
    form([keyed(by, by, name), keyed("options", "Other options", more, { help: "In JSON" })], "Add", async () => {
      await api.post(path("config", section), { add: { ...parsed("options", more.value), [by]: name.value } });
      close();
      await again();
    }),
  );
}
