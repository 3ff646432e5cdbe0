// How numbers, times and durations are written.

import { now } from "./clock.js";

const UNITS = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];

/** 1234 as "1,234", 12345 as "12.3k", 0.123 as "0.12"; "–" for what is no number. */
export function number(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e9) return `${trimmed(value / 1e9)}G`;
  if (size >= 1e6) return `${trimmed(value / 1e6)}M`;
  if (size >= 1e4) return `${trimmed(value / 1e3)}k`;
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return size >= 100 ? Math.round(value).toLocaleString("en") : String(Number(value.toFixed(size >= 10 ? 1 : 2)));
}

/** Points a second. */
export function rate(value) {
  return typeof value === "number" ? `${number(value)}/s` : "–";
}

/** Seconds as "250ms", "4.2s", "3m 5s", "2h 10m". */
export function seconds(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  if (value < 0.0005) return "0s";
  if (value < 1) return `${Math.round(value * 1000)}ms`;
  if (value < 10) return `${Number(value.toFixed(1))}s`;
  const parts = [];
  let left = Math.round(value);
  for (const [unit, size] of UNITS) {
    const n = Math.floor(left / size);
    left -= n * size;
    if (n) parts.push(`${n}${unit}`);
    else if (parts.length) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ") || "0s";
}

/** A moment as "2026-11-30 14:03:07" of this browser's zone; "" for none (Go's zero time among them). */
export function time(value) {
  const date = moment(value);
  if (!date) return "";
  const two = (n) => String(n).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** How long ago a moment was: "3m 5s ago", "in 2h". */
export function ago(value) {
  const date = moment(value);
  if (!date) return "never";
  const past = (now() - date) / 1000;
  if (Math.abs(past) < 1) return "now";
  return past > 0 ? `${seconds(Math.round(past))} ago` : `in ${seconds(Math.round(-past))}`;
}

/** A Date of RFC 3339, of a Date, or of ms; null for none. */
export function moment(value) {
  if (value === null || value === undefined || value === "") return null;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) || date.getFullYear() < 1900 ? null : date;
}

function trimmed(value) {
  return String(Number(value.toFixed(Math.abs(value) >= 100 ? 0 : 1)));
}
