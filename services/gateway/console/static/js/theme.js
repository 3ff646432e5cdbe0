// Light and dark: as the system has it, unless somebody says otherwise.

import { h } from "./dom.js";

const KEY = "tickbus.theme";
const NEXT = { "": "dark", dark: "light", light: "" };
const TEXT = { "": "Auto", dark: "Dark", light: "Light" };

apply(localStorage.getItem(KEY) ?? "");

/** The button that goes round: auto, dark, light. */
export function themeSwitch() {
  const node = h("button", { type: "button", class: "button plain theme" });
  const show = () => {
    const now = document.documentElement.dataset.theme ?? "";
    node.textContent = TEXT[now];
    node.setAttribute("aria-label", `Colours: ${TEXT[now]}`);
  };
  node.addEventListener("click", () => {
    const next = NEXT[document.documentElement.dataset.theme ?? ""];
    localStorage.setItem(KEY, next);
    apply(next);
    show();
  });
  show();
  return node;
}

function apply(theme) {
  if (theme in NEXT && theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}
