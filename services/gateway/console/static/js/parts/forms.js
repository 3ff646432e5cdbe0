// Forms whose fields show the errors of the API that name them.

import { ApiError } from "../api.js";
import { clear, h } from "../dom.js";
import { button, dialog, errorLine, field } from "../ui.js";

/** A field of `ui.js` that shows the errors whose key it is. */
export function keyed(key, label, input, options = {}) {
  return showing(key, field(label, input, options));
}

/** The same for any node: an error is put below it. Parts of it with `data-part` are counted as the API does. */
export function showing(key, node) {
  node.dataset.key = key;
  node.append(h("div", { class: "field-error" }));
  return node;
}

/** A form. `send()` is what it does; what that throws is shown at the field that it names, else below. */
export function form(fields, label, send, ...more) {
  const node = h(
    "form",
    { class: "form", novalidate: true },
    fields,
    h("div", { class: "form-error" }),
    h("div", { class: "actions" }, h("button", { type: "submit", class: "button primary" }, label), more),
  );
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    const submit = node.querySelector("[type=submit]");
    submit.disabled = true;
    showError(node, null);
    try {
      await send();
    } catch (error) {
      showError(node, error);
    } finally {
      submit.disabled = false;
    }
  });
  return node;
}

/** What is wrong with what was filled in, `key: why`, before anything is asked: to be thrown by `send`. */
export function mistake(text) {
  return new ApiError(0, text);
}

/** Puts an error, `key: why` as the API words it, at its field; null takes all of them away. */
export function showError(node, error) {
  for (const one of node.querySelectorAll(".field-error, .form-error")) clear(one);
  for (const one of node.querySelectorAll("[aria-invalid]")) one.removeAttribute("aria-invalid");
  if (!error) return;
  if (error.status === undefined) console.error(error);
  const { named, index, why } = place(node, error.message);
  const told = named?.querySelector(".field-error") ?? node.querySelector(".form-error");
  clear(told, errorLine(named ? why : error));
  const part = named && index !== undefined ? named.querySelectorAll("[data-part]")[index] : null;
  const inputs = [...(part ?? named ?? told).querySelectorAll("input, select, textarea")];
  const wrong = part ? inputs.at(-1) : inputs[0];
  wrong?.setAttribute("aria-invalid", "true");
  wrong?.focus();
}

/** The field that an error is about: that of the last name in `intervals.0.times.1: why`; index is what follows it. */
function place(node, message) {
  const [, path, why] = /^([\w.-]+): (.*)$/s.exec(message) ?? [];
  const names = path?.split(".") ?? [];
  for (let i = names.length - 1; i >= 0; i--) {
    const named = [...node.querySelectorAll("[data-key]")].find((one) => one.dataset.key === names[i]);
    if (named) return { named, index: names[i + 1], why };
  }
  return {};
}

/** A dialog with a form in it; `make(close)` gives the form. Resolves to what it was closed with. */
export function formDialog(title, make, options = {}) {
  let close;
  const node = make((value) => close(value));
  return dialog(title, node, [], { ...options, ready: (given) => (close = given) });
}

/** A button that has to be pressed twice: what it does cannot be undone, and is not worth a dialog. */
export function twice(label, sure, act, kind = "small") {
  let asked = false;
  const node = button(
    label,
    () => {
      if (asked) return act();
      asked = true;
      node.textContent = sure;
      return undefined;
    },
    { kind: `${kind} twice` },
  );
  node.addEventListener("blur", () => {
    asked = false;
    node.textContent = label;
  });
  return node;
}
