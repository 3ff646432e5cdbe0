// Saving what the API gives as comma-separated values.

import { api } from "../api.js";
import { h } from "../dom.js";
import { button, toast } from "../ui.js";

const MOST_PAGES = 100;

/** A button that saves what is asked for as a file. name: of the file; `params()`: of the request. */
export function csvButton(name, path, params) {
  return button("CSV", () => save(name, path, params()), { kind: "small", title: "Save as comma-separated values", "aria-label": `Save ${name} as CSV` });
}

async function save(name, path, params) {
  const parts = [];
  let after = "";
  for (let page = 0; page < MOST_PAGES && after !== null; page++) {
    const answer = await api.raw(path, { limit: 1000, ...params, format: "csv", after });
    const text = await answer.text();
    parts.push(parts.length ? text.slice(text.indexOf("\n") + 1) : text); // the first line of each page is the header
    after = /[?&]after=([^&>]+)/.exec(answer.headers.get("Link") ?? "")?.[1] ?? null;
  }
  if (after !== null) toast(`Only the first ${MOST_PAGES} pages are saved`);
  const url = URL.createObjectURL(new Blob(parts, { type: "text/csv" }));
  h("a", { href: url, download: `${name}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
