// Three tasks that can be had with a click, from static/examples/.

import { api } from "../../api.js";
import { h } from "../../dom.js";
import { go, to } from "../../router.js";
import { button, toast } from "../../ui.js";

const FOLDER = new URL("examples/", document.baseURI);

/** A card for each. */
export function examples() {
  const place = h("div", { class: "cards" });
  load()
    .then((found) => place.append(...found.map(card)))
    .catch((error) => place.append(error.message));
  return place;
}

/** `{id, title, about, dbrps, script}` of each. */
async function load() {
  const list = await (await fetch(new URL("examples.json", FOLDER))).json();
  return Promise.all(list.map(async (one) => ({ ...one, script: await (await fetch(new URL(`${one.id}.tick`, FOLDER))).text() })));
}

function card(one) {
  const enable = async () => {
    await api.post("/tasks", { id: one.id, type: "stream", dbrps: one.dbrps, script: one.script, status: "enabled" });
    toast(`${one.id} is enabled`, "good");
    go(to("tasks", one.id));
  };
  return h(
    "section",
    { class: "card" },
    h("h3", {}, one.title),
    h("p", { class: "muted" }, one.about),
    h("details", {}, h("summary", {}, "Script"), h("pre", { class: "script" }, one.script)),
    h("div", { class: "actions" }, button("Enable", enable, { kind: "primary", "aria-label": `Enable: ${one.title}` })),
  );
}
