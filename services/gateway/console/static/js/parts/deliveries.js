// What handlers did with the last events of an alert.

import { h } from "../dom.js";
import { number, seconds } from "../format.js";
import { badge, empty, status, table, when } from "../ui.js";

const KINDS = { sent: "good", retrying: "warn", "given-up": "bad" };
const WORDS = { retrying: "is tried again", "given-up": "given up" };

/** What became of one, with how many attempts that took and how long ago it was. */
export function outcome(one) {
  const { outcome: what, attempts, at } = one;
  const after = attempts > 1 && `${number(attempts)} attempts, `;
  return [status(KINDS[what] ?? "idle", WORDS[what] ?? what), " ", h("span", { class: "muted" }, after, when(at))];
}

/** A table of them; `found`: as the API shows them, newest first. */
export function deliveryTable(found) {
  const rows = table(
    [
      { head: "Outcome", class: "narrow", cell: outcome },
      { head: "Handler", cell: (one) => [one.handler || h("span", { class: "muted" }, "of a script"), h("span", { class: "muted" }, ` ${one.kind}`)] },
      { head: "Event", class: "narrow", cell: (one) => [badge(one.level), " ", when(one["event-time"], { exact: true })] },
      { head: "Took", class: "number", cell: (one) => (one.attempts ? seconds(one.took / 1e9) : "–") },
      { head: "Error", class: "wide", cell: (one) => one.error },
    ],
    { caption: "What was sent, the latest first", empty: empty("Nothing was sent", "As far as the alertings that run know: what was before they began they do not.") },
  );
  rows.update(found);
  return rows.element;
}
