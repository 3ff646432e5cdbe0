// When alerts of a topic flap: shown, and said.

import { api, path } from "../api.js";
import { h } from "../dom.js";
import { number } from "../format.js";
import { button } from "../ui.js";
import { form, formDialog, keyed, mistake } from "./forms.js";

const USUAL = { window: "10m", low: 0.25, high: 0.5 };

/** What is said of a topic and how many of its alerts flap, with a button to say something else; then `changed()`. */
export function flappingCell(topic, changed) {
  const { id, flapping, flaps } = topic;
  return [
    flapping && h("span", { class: "muted" }, `over ${share(flapping.high)} changes in ${flapping.window} `),
    flaps > 0 && h("span", { class: "status is-warn" }, `${number(flaps)} flap`),
    " ",
    button(flapping ? "Change" : "Set", () => say(topic, changed), { kind: "small", "aria-label": `Flapping of ${id}` }),
  ];
}

function say({ id, flapping }, changed) {
  const { window, low, high } = flapping ?? USUAL;
  const inputs = [
    h("input", { value: window, maxlength: 20 }),
    h("input", { value: String(low), inputmode: "decimal" }),
    h("input", { value: String(high), inputmode: "decimal" }),
  ];
  const put = async (said) => {
    await api.patch(path("alerts", "topics", id), { flapping: said });
    await changed();
  };
  const fields = [
    h("p", { class: "explain muted" }, "Handlers are told that an alert flaps, and that it is steady again, and of nothing between."),
    keyed("window", "Window", inputs[0], { help: "Within which changes are counted, as 10m" }),
    keyed("high", "It flaps above", inputs[2], { help: "The share of its events that changed its level" }),
    keyed("low", "It is steady below", inputs[1]),
  ];
  return formDialog(`Flapping of ${id}`, (close) => {
    const done = async (said) => {
      await put(said);
      close(null);
    };
    const never = flapping && button("Never", () => done(null));
    const send = () => done({ window: inputs[0].value, low: decimal("low", inputs[1]), high: decimal("high", inputs[2]) });
    return form(fields, "Set", send, never);
  });
}

function decimal(key, input) {
  const value = Number(input.value.replace(",", "."));
  if (!input.value || !Number.isFinite(value)) throw mistake(`${key}: must be a number between 0 and 1`);
  return value;
}

function share(value) {
  return `${Math.round(value * 100)} %`;
}
