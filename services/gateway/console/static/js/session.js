// Who looks on: what is sent as Authorization, kept for as long as this tab is open, and the form that asks for it.

import { h } from "./dom.js";

const KEY = "tickbus.session";
let asking = null;

/** The Authorization header; "" for nobody. */
export function credentials() {
  return stored()?.header ?? "";
}

/** The name of who has logged in; "" for nobody, or a token. */
export function userName() {
  return stored()?.name ?? "";
}

/** Forgets who looks on, and begins anew. */
export function logOut() {
  sessionStorage.removeItem(KEY);
  location.reload();
}

/**
 * Resolves once somebody has logged in with other credentials than those that were refused. Asked by several at once,
 * there is one form. message: what the server said.
 */
export function loggedIn(refused, message) {
  if (credentials() !== refused) return Promise.resolve();
  asking ??= ask(refused, message).finally(() => {
    asking = null;
  });
  return asking;
}

function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  } catch {
    return null;
  }
}

function ask(refused, message) {
  return new Promise((resolve) => {
    const name = h("input", { id: "login-name", autocomplete: "username", autocapitalize: "none", spellcheck: "false" });
    const password = h("input", { id: "login-password", type: "password", autocomplete: "current-password" });
    const token = h("input", { id: "login-token", autocomplete: "off", spellcheck: "false" });
    const problem = h("p", { class: "error-line", role: "alert", hidden: !refused }, refused ? message : "");
    const form = h(
      "form",
      {
        class: "login",
        onsubmit: (event) => {
          event.preventDefault();
          const given = token.value.trim();
          if (!given && !name.value) {
            problem.textContent = "Give a name and a password, or a token.";
            problem.hidden = false;
            return;
          }
          const header = given ? `Bearer ${given}` : `Basic ${base64(`${name.value}:${password.value}`)}`;
          sessionStorage.setItem(KEY, JSON.stringify({ header, name: given ? "" : name.value }));
          document.dispatchEvent(new CustomEvent("session"));
          dialog.close();
          dialog.remove();
          resolve();
        },
      },
      h("h2", { id: "login-title" }, "Log in"),
      h("p", { class: "muted" }, "This tickbus asks who you are."),
      problem,
      h("label", { for: "login-name" }, "Name"),
      name,
      h("label", { for: "login-password" }, "Password"),
      password,
      h("label", { for: "login-token" }, "Or a token"),
      token,
      h("button", { class: "button primary", type: "submit" }, "Log in"),
    );
    const dialog = h("dialog", { class: "dialog narrow", "aria-labelledby": "login-title" }, form);
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    document.body.append(dialog);
    dialog.showModal();
    name.focus();
  });
}

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
