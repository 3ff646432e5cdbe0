// What a task reads, as text: database.retention, with commas between.

export function dbrpsText(dbrps) {
  return (dbrps ?? []).map(({ db, rp }) => `${db}.${rp}`).join(", ");
}

/** Throws an Error for what is no such list. */
export function dbrpsOf(text) {
  return text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean)
    .map((one) => {
      const at = one.lastIndexOf(".");
      if (at <= 0 || at === one.length - 1) throw new Error(`reads: ${one} is no database.retention`);
      return { db: one.slice(0, at), rp: one.slice(at + 1) };
    });
}
