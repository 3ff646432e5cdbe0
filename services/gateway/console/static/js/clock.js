// What time it is by the server: this browser's clock may be off, and what alerts say of time is by the server's.

const COARSE_MS = 10_000; // answers take a while, and say whole seconds: less is no difference
let ahead = 0;

/** Now, in ms, by the server's clock. */
export function now() {
  return Date.now() + ahead;
}

/** So many ms ago, RFC 3339 in UTC. */
export function ago(ms) {
  return new Date(now() - ms).toISOString();
}

/** By how many ms the server's clock is ahead of this browser's; 0 where they agree. */
export function difference() {
  return ahead;
}

/** Notes the server's clock, by when it says that an answer was made. */
export function heard(answer) {
  const found = Date.parse(answer.headers.get("Date") ?? "") - Date.now();
  if (Number.isFinite(found)) ahead = Math.abs(found) < COARSE_MS ? 0 : found;
}
