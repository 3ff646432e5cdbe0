// Handlers of topics: what they do, what they did, and trying out the services that they send to.

import { api, path } from "../api.js";
import { clear, h } from "../dom.js";
import { live } from "../live.js";
import { note } from "../router.js";
import { button, empty, heading, table } from "../ui.js";
import { form, formDialog, keyed, mistake, twice } from "../parts/forms.js";
import { figureCells, figureKey, knownFigures } from "../parts/handler_figures.js";
import { afterwards, gone, panel, repeat, settled } from "../parts/loading.js";

const AT_ONCE = 6;
const MOST = 300;
const KINDS =
  "aggregate alerta bigpanda discord escalate exec group hipchat kafka log mqtt nats opsgenie opsgenie2 pagerduty pagerduty2 post publish pushover sensu servicenow slack smtp snmptrap talk tcp teams telegram victorops zenoss";
// kinds of handlers whose service has another name
const SERVICES = { post: "httppost" };

export const title = "Handlers";
export const route = "/handlers";

export async function render(root, params, signal) {
  const state = { topic: params.topic ?? "", handlers: [], services: new Map(), figures: new Map() };
  const told = h("p", { class: "more muted" });
  const update = async () => {
    await read(state, signal);
    if (signal.aborted) return;
    rows.update(state.handlers);
    told.textContent = state.more ? `Only the first ${MOST} topics are shown: say which ones.` : "";
  };
  const rows = handlerTable(state, update);
  const topic = h("input", { type: "search", placeholder: "Topic", "aria-label": "Topic", value: state.topic });
  const later = settled(() => update().catch(() => {}), signal);
  topic.addEventListener("input", () => {
    state.topic = topic.value;
    note({ topic: topic.value });
    later();
  });
  const make = () => edit(state, { topic: state.topic }, update);
  const services = h("div", { class: "chips" });
  root.append(
    heading("Handlers", topic, button("New handler", make, { kind: "primary" })),
    panel("By topic", { flush: true }, rows.element, told),
    panel("Services", {}, h("p", { class: "explain muted" }, "A test sends with the configuration as it is now."), services),
  );
  live.on("change", (one) => one.kind === "handler" && later(), { signal, begin: afterwards(later) });
  repeat(30_000, signal, later);
  const all = await api.get("/service-tests", {}, signal);
  for (const one of all.services ?? []) state.services.set(one.name, one);
  clear(services, [...state.services.values()].map((one) => button(`Test ${one.name}`, () => test(one, {}), { kind: "small" })));
  await update();
}

async function read(state, signal) {
  const { topics } = await api.get("/alerts/topics", {}, signal);
  const wanted = state.topic.toLowerCase();
  const fits = topics.filter((one) => one.id.toLowerCase().includes(wanted));
  const left = fits.slice(0, MOST);
  const found = [];
  const next = async () => {
    for (let topic = left.pop(); topic; topic = left.pop()) {
      const { handlers } = await api.get(path("alerts", "topics", topic.id, "handlers"), {}, signal).catch(gone({ handlers: [] }));
      found.push(...handlers.map((one) => ({ ...one, topic: topic.id })));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  const order = (one) => `${one.topic}\0${one.id}`;
  found.sort((a, b) => (order(a) < order(b) ? -1 : 1));
  Object.assign(state, { handlers: found, more: fits.length > MOST, figures: await knownFigures() });
}

function handlerTable(state, update) {
  const remove = async (one) => {
    await api.del(path("alerts", "topics", one.topic, "handlers", one.id));
    await update();
  };
  return table(
    [
      { head: "Topic", cell: (one) => one.topic, sort: (one) => one.topic },
      { head: "Handler", cell: (one) => h("b", {}, one.id), sort: (one) => one.id },
      { head: "Kind", class: "narrow", cell: (one) => one.kind, sort: (one) => one.kind },
      { head: "Options", class: "wide", cell: (one) => pairs(one.options) },
      { head: "When", cell: (one) => (one.match ? h("code", {}, one.match) : h("span", { class: "muted" }, "each event")) },
      { head: "Sent", cell: (one) => figureCells(state.figures.get(figureKey(one.topic, one.kind))) },
      {
        head: "",
        class: "actions",
        cell: (one) => [
          serviceOf(state, one) && button("Test", () => test(serviceOf(state, one), one.options), { kind: "small" }),
          button("Edit", () => edit(state, one, update), { kind: "small" }),
          twice("Delete", "Delete it?", () => remove(one), "small danger"),
        ],
      },
    ],
    {
      caption: "Handlers",
      key: (one) => JSON.stringify([one.topic, one.id]),
      empty: empty("No handlers", "A handler tells somebody of a topic's alerts. Without one, only what scripts send by themselves is sent."),
    },
  );
}

function pairs(options) {
  const shown = Object.entries(options ?? {});
  return h(
    "span",
    { class: "chips" },
    shown.map(([name, value]) => h("span", { class: "chip" }, h("span", { class: "muted" }, name), " ", typeof value === "string" ? value : JSON.stringify(value))),
  );
}

function serviceOf(state, { kind }) {
  return state.services.get(SERVICES[kind] ?? kind);
}

function edit(state, before, update) {
  const id = h("input", { value: before.id ?? "", maxlength: 200 });
  const topic = h("input", { value: before.topic ?? "", disabled: Boolean(before.id) });
  const kind = h("input", { value: before.kind ?? "", list: "handler-kinds" });
  const match = h("input", { value: before.match ?? "", placeholder: "changed() == TRUE" });
  const options = h("textarea", { rows: 6, value: JSON.stringify(before.options ?? {}, null, 2), spellcheck: "false" });
  const kinds = h("datalist", { id: "handler-kinds" }, KINDS.split(" ").map((value) => h("option", { value })));
  const fields = h(
    "div",
    { class: "fields" },
    keyed("topic", "Topic", topic),
    keyed("id", "Id", id),
    keyed("kind", "Kind", kind, { help: h("span", {}, "What it does: ", h("code", {}, "tickbus handlers"), " tells all") }),
    kinds,
    keyed("match", "When", match, { help: "A lambda; each event, where it is left out" }),
    keyed("options", "Options", options, { wide: true, help: "Of its kind, as JSON" }),
  );
  return formDialog(before.id ? "Change a handler" : "New handler", (close) =>
    form([fields], before.id ? "Change" : "Make it", async () => {
      const body = { id: id.value, kind: kind.value, match: match.value, options: object("options", options.value) };
      if (!topic.value) throw mistake("topic: which one?");
      const place = path("alerts", "topics", topic.value, "handlers");
      await (before.id ? api.put(`${place}/${encodeURIComponent(before.id)}`, body) : api.post(place, body));
      close();
      await update();
    }),
  );
}

function test(service, options) {
  const known = Object.entries(options ?? {}).filter(([name]) => name in service.options);
  const given = h("textarea", { rows: 8, spellcheck: "false", value: JSON.stringify({ ...service.options, ...Object.fromEntries(known) }, null, 2) });
  const answer = h("div", { role: "status" });
  return formDialog(`Test ${service.name}`, () =>
    form([keyed("options", "With", given, { help: "Options of the test, as JSON" }), answer], "Send a test", async () => {
      clear(answer, h("p", { class: "muted" }, "Sending …"));
      try {
        const { success, message } = await api.post(path("service-tests", service.name), object("options", given.value));
        clear(answer, h("p", { class: success ? "note" : "error-line" }, success ? "It was sent." : `It was not sent: ${message}`));
      } catch (error) {
        clear(answer);
        throw error;
      }
    }),
  );
}

function object(key, text) {
  try {
    const read = JSON.parse(text || "{}");
    if (read && typeof read === "object" && !Array.isArray(read)) return read;
  } catch {
    // said below
  }
  throw mistake(`${key}: must be an object in JSON`);
}
