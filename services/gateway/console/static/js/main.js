// The page around the views: who looks on, where one can go, whether it is live.

import { difference } from "./clock.js";
import { h } from "./dom.js";
import { seconds } from "./format.js";
import { live } from "./live.js";
import { start } from "./router.js";
import { logOut, userName } from "./session.js";
import { themeSwitch } from "./theme.js";
import { navigation, views } from "./views/index.js";

const main = h("main", { id: "main" });
const links = navigation.map(({ view, label }) => h("a", { href: `#${view.route}`, dataset: { route: view.route } }, label));
const firing = h("span", { class: "firing" });
const state = h("span", { class: "live-state", role: "status" });
const menu = h("button", { type: "button", class: "button plain menu", "aria-expanded": "false", "aria-controls": "navigation" }, "Menu");
const nav = h("nav", { id: "navigation", "aria-label": "Console" }, links);
const user = h("span", { class: "user" });

document.body.append(
  h("a", { class: "skip", href: "#main", onclick: skip }, "To the content"),
  h("header", { class: "top" }, menu, h("a", { class: "brand", href: "#/" }, "tickbus"), firing, h("span", { class: "gap" }), state, user, themeSwitch()),
  nav,
  main,
);

menu.addEventListener("click", () => open(menu.getAttribute("aria-expanded") !== "true"));
addEventListener("keydown", (event) => {
  if (event.key === "Escape") open(false);
  // where nothing is written into, "/" leads to the search, as it does elsewhere
  if (event.key === "/" && !event.target.closest("input, textarea, select, [contenteditable]")) {
    const search = main.querySelector("input[type=search]");
    if (search) event.preventDefault();
    search?.focus();
  }
});
document.addEventListener("session", showUser);
showUser();

live.onState(() => {
  const away = [...live.problems.keys()];
  const apart = difference();
  const off = apart && `this clock is ${seconds(Math.abs(apart) / 1000)} ${apart > 0 ? "slow" : "fast"}`;
  const text = live.error?.status === 403 ? "live: not allowed" : !live.connected ? "not connected, trying again" : away.length ? `${away.join(", ")} away, trying again` : off || "live";
  state.classList.toggle("is-off", text !== "live");
  state.title = live.error?.message ?? ([...live.problems.values()].join("; ") || (off && "Times are shown by the server's clock"));
  if (state.textContent !== text) state.textContent = text;
});
live.on("overview", ({ alerts = {} }) => {
  const counts = ["CRITICAL", "WARNING", "INFO"].filter((level) => alerts[level]);
  firing.replaceChildren(
    ...counts.map((level) =>
      h("a", { class: ["count", `is-${level.toLowerCase()}`], href: "#/alerts", "aria-label": `${alerts[level]} ${level}` }, alerts[level]),
    ),
  );
});
start(main, views, (view) => {
  open(false);
  const group = view.section ?? view.route;
  for (const link of links) {
    if (link.dataset.route === group) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
});

function open(shown) {
  menu.setAttribute("aria-expanded", String(shown));
  nav.classList.toggle("is-open", shown);
}

function skip(event) {
  event.preventDefault();
  (main.querySelector("h1") ?? main).focus();
}

function showUser() {
  const name = userName();
  const known = sessionStorage.getItem("tickbus.session");
  user.replaceChildren(
    ...(known ? [name && h("span", { class: "muted" }, name), h("button", { type: "button", class: "button plain", onclick: logOut }, "Log out")].filter(Boolean) : []),
  );
}
