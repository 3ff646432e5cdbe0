// Users, and what they may do.

import { api, path } from "../api.js";
import { h } from "../dom.js";
import { live } from "../live.js";
import { userName } from "../session.js";
import { button, empty, heading, select, status, table, toast } from "../ui.js";
import { form, formDialog, keyed, showing, twice } from "../parts/forms.js";
import { afterwards, settled } from "../parts/loading.js";

const RIGHTS = [
  ["api", "see and define tasks, handlers, silences and so on"],
  ["write_points", "write points, to every database"],
  ["config_api", "change the configuration"],
  ["all", "all of these, and change users"],
];

export const title = "Users";
export const route = "/users";

export async function render(root, params, signal) {
  const update = async () => {
    const { users } = await api.get("/users", { limit: 1000 }, signal);
    rows.update(users);
  };
  const rows = userTable(update);
  root.append(heading("Users", button("New user", () => edit(null, update), { kind: "primary" })), rows.element);
  const later = settled(() => update().catch(() => {}), signal);
  live.on("change", (one) => one.kind === "user" && later(), { signal, begin: afterwards(later) });
  await update();
}

function userTable(update) {
  const remove = async (one) => {
    await api.del(path("users", one.name));
    await update();
  };
  return table(
    [
      { head: "Name", cell: (one) => [h("b", {}, one.name), one.name === userName() && h("span", { class: "muted" }, " you")], sort: (one) => one.name },
      { head: "May", class: "wide", cell: (one) => h("span", { class: "chips" }, rights(one)) },
      {
        head: "",
        class: "actions",
        cell: (one) => [
          button("Change", () => edit(one, update), { kind: "small" }),
          twice("Delete", "Delete?", () => remove(one), "small danger"),
        ],
      },
    ],
    {
      caption: "Users",
      key: (one) => one.name,
      empty: empty("No users", "They count where auth-enabled is set in [http]; the first one, an admin, is made on the command line: tickbus user add."),
    },
  );
}

function rights({ type, permissions }) {
  if (type === "admin") return status("good", "everything: admin");
  if (!permissions?.length) return h("span", { class: "muted" }, "nothing");
  return permissions.map((one) => h("span", { class: "chip", title: RIGHTS.find(([name]) => name === one)?.[1] }, one));
}

function edit(before, update) {
  const name = h("input", { value: before?.name ?? "", disabled: Boolean(before), autocomplete: "off" });
  const password = h("input", { type: "password", autocomplete: "new-password" });
  const boxes = RIGHTS.map(([right, text]) => {
    const box = h("input", { type: "checkbox", value: right, checked: before?.permissions?.includes(right) ?? right === "api" });
    return { box, node: h("label", { class: "check" }, box, h("span", {}, h("b", {}, right), h("span", { class: "muted" }, ` ${text}`))) };
  });
  const list = showing("permissions", h("fieldset", {}, h("legend", {}, "May"), boxes.map(({ node }) => node)));
  const type = select([["normal", "what is ticked below"], ["admin", "everything"]], before?.type ?? "normal", (value) => (list.hidden = value === "admin"));
  list.hidden = before?.type === "admin";
  return formDialog(before ? `Change ${before.name}` : "New user", (close) =>
    form(
      [
        keyed("username", "Name", name),
        keyed("password", "Password", password, { help: before && "Stays as it is, where it is left out" }),
        keyed("type", "May do", type),
        list,
      ],
      before ? "Change" : "Make the user",
      async () => {
        const permissions = type.value === "admin" ? [] : boxes.filter(({ box }) => box.checked).map(({ box }) => box.value);
        const body = { type: type.value, permissions, ...(password.value && { password: password.value }) };
        await (before ? api.patch(path("users", before.name), body) : api.post("/users", { name: name.value, ...body }));
        close();
        toast(before ? `${before.name} is changed.` : `${name.value} is there.`, "good");
        await update();
      },
    ),
  );
}
