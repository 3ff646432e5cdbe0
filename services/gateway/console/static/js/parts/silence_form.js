// The form that makes a silence, and shows what it would keep quiet.

import { api } from "../api.js";
import { ago, now } from "../clock.js";
import { clear, h } from "../dom.js";
import { badge, errorLine, select } from "../ui.js";
import { ofInput, toInput } from "./durations.js";
import { form, keyed, showing } from "./forms.js";
import { settled } from "./loading.js";
import { matcherFields, textOf } from "./matchers.js";

const DAY = 24 * 3600 * 1000;
const DURATIONS = [
  ["30m", "30 minutes"],
  ["1h", "1 hour"],
  ["2h", "2 hours"],
  ["8h", "8 hours"],
  ["24h", "1 day"],
  ["168h", "1 week"],
  ["", "until …"],
];
const SHOWN = 8;

/** The form. matchers: what it begins with. done(silence): with what was made. */
export function silenceForm(matchers, signal, done) {
  const preview = h("div", { class: "preview", "aria-live": "polite" });
  const shown = settled(() => show(preview, fits.read()), signal);
  const fits = matcherFields(matchers, shown);
  const until = h("input", { type: "datetime-local", value: toInput(now() + DAY) });
  const untilField = keyed("end", "Until", until, { help: "In this browser's time zone" });
  const duration = select(DURATIONS, "2h", (value) => (untilField.hidden = value !== ""));
  const start = h("input", { type: "datetime-local" });
  const comment = h("input", { maxlength: 1000, placeholder: "kernel update of the web servers" });
  untilField.hidden = true;
  shown();
  return form(
    [
      showing("matchers", fits.node),
      preview,
      h(
        "div",
        { class: "fields" },
        keyed("duration", "For", duration),
        untilField,
        keyed("start", "From", start, { help: "Now, where it is left out" }),
        keyed("comment", "Why", comment, { wide: true }),
      ),
    ],
    "Silence",
    async () => {
      clear(preview);
      const end = duration.value ? { duration: duration.value } : { end: ofInput(until.value) };
      const from = start.value ? { start: ofInput(start.value) } : {};
      await done(await api.post("/silences", { matchers: fits.read(), comment: comment.value, ...end, ...from }));
    },
  );
}

/** Alerts that fit, by the changes of their levels in the last week: the latest change of each, and whether that is all. */
async function matching(matchers) {
  const from = ago(7 * DAY);
  const page = await api.get("/alerts/history", { match: matchers.map(textOf), from, limit: 1000 });
  const found = new Map();
  for (const one of page.transitions) {
    const key = JSON.stringify([one.topic, one.id]);
    if (!found.has(key)) found.set(key, one); // the latest come first
  }
  return { alerts: [...found.values()], more: page.next !== "" };
}

async function show(node, matchers) {
  if (!matchers.length) return clear(node, h("p", { class: "muted" }, "Say which alerts are to be silent."));
  try {
    const { alerts, more } = await matching(matchers);
    return clear(node, told(alerts, more));
  } catch (error) {
    const why = error.message.replace(/^invalid match parameter: (\d+: )?/, "");
    return clear(node, errorLine(why));
  }
}

function told(alerts, more) {
  if (!alerts.length) return h("p", { class: "muted" }, "No alert of the last 7 days fits.");
  const firing = alerts.filter((one) => one.level !== "OK");
  const rows = [...firing, ...alerts.filter((one) => one.level === "OK")];
  return [
    h("p", {}, `${firing.length} of these ${firing.length === 1 ? "fires" : "fire"} now. Of the last 7 days, ${alerts.length}${more ? " or more" : ""} fit:`),
    h(
      "ul",
      {},
      rows.slice(0, SHOWN).map((one) => h("li", {}, badge(one.level), " ", one.id, " ", h("span", { class: "muted" }, one.topic))),
    ),
    rows.length > SHOWN && h("p", { class: "muted" }, `and ${rows.length - SHOWN} more`),
  ];
}
