// Durations and times that the API words in Go's way, that inputs take, and that stand on an axis. All in ms.

import { now } from "../clock.js";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const UNITS = { ns: 1e-6, us: 1e-3, "µs": 1e-3, ms: 1, s: 1000, m: MINUTE, h: 60 * MINUTE };
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080].map((minutes) => minutes * MINUTE);
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** ms of a Go duration as `1h12m0.5s`; 0 for what is none. */
export function ofGo(text) {
  const parts = [...String(text).matchAll(/([\d.]+)(ns|us|µs|ms|h|m|s)/g)];
  const sum = parts.reduce((all, [, number, unit]) => all + Number(number) * UNITS[unit], 0);
  return String(text).startsWith("-") ? -sum : sum;
}

/** What an input of the type datetime-local takes for a time. */
export function toInput(at) {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** RFC 3339 in UTC of what such an input holds; "" where it holds nothing. */
export function ofInput(text) {
  const at = Date.parse(text);
  return Number.isFinite(at) ? new Date(at).toISOString() : "";
}

/** The time of day; with the day before it where that is not today. */
export function clock(at) {
  const date = new Date(at);
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return date.toDateString() === new Date(now()).toDateString() ? text : `${day(date)} ${text}`;
}

/** Round times between two, at most `most`, each `{at, text}`. */
export function ticks(from, to, most) {
  const step = STEPS.find((one) => (to - from) / one <= most) ?? Math.ceil((to - from) / most / DAY) * DAY;
  const shift = new Date(from).getTimezoneOffset() * MINUTE;
  const found = [];
  for (let at = Math.ceil((from - shift) / step) * step + shift; at <= to; at += step) {
    const date = new Date(at);
    const midnight = date.getHours() + date.getMinutes() === 0;
    found.push({ at, text: midnight ? day(date) : `${two(date.getHours())}:${two(date.getMinutes())}` });
  }
  return found;
}

function day(date) {
  return `${date.getDate()} ${MONTHS[date.getMonth()]}`;
}

function two(number) {
  return String(number).padStart(2, "0");
}
