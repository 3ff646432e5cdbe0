// TICKscript's words, for colours and for what there is to say of one. Whether a script is right the server says.

const KEYWORDS = new Set(["var", "lambda", "AND", "OR", "TRUE", "FALSE", "dbrp"]);
const SOURCES = new Set(["stream", "batch"]);
// In this order: what is longer or more special first. `y` matches only where the text goes on.
const RULES = [
  ["comment", /\/\/[^\n]*/y],
  ["string", /'''[\s\S]*?(?:'''|$)|'(?:\\[\s\S]|[^'\\])*(?:'|$)/y],
  ["reference", /"(?:\\[\s\S]|[^"\\])*(?:"|$)/y],
  ["duration", /\d+(?:u|µ|ms|s|m|h|d|w)(?![\w])/y],
  ["number", /\d+(?:\.\d+)?|\.\d+/y],
  ["name", /[\p{L}_][\p{L}\p{N}_]*/uy],
  ["space", /\s+/y],
  ["operator", /=~|!~|==|!=|<=|>=|[-+*/%<>=|@.,():[\]!]/y],
];
const REGEX = /\/(?:\\[\s\S]|[^/\\\n])+\//y;
// A regular expression stands where a value is expected; elsewhere "/" divides.
const BEFORE_REGEX = new Set(["", "=~", "!~", "(", ",", "=", ":"]);

/** The words of a script: `{text, kind, start}`, all characters of it in their order. */
export function tokens(text) {
  const found = [];
  let before = "";
  let at = 0;
  while (at < text.length) {
    const token = next(text, at, before);
    found.push(token);
    at += token.text.length;
    if (token.kind !== "space" && token.kind !== "comment") before = token.text;
  }
  return refined(found);
}

function next(text, at, before) {
  if (text[at] === "/" && text[at + 1] !== "/" && BEFORE_REGEX.has(before)) {
    REGEX.lastIndex = at;
    const match = REGEX.exec(text);
    if (match) return { text: match[0], kind: "regex", start: at };
  }
  for (const [kind, rule] of RULES) {
    rule.lastIndex = at;
    const match = rule.exec(text);
    if (match) return { text: match[0], kind, start: at };
  }
  return { text: String.fromCodePoint(text.codePointAt(at)), kind: "other", start: at };
}

/** What a name is shows by what stands before and behind it. */
function refined(found) {
  const words = found.filter((one) => one.kind !== "space" && one.kind !== "comment");
  words.forEach((one, i) => {
    if (one.kind !== "name") return;
    const before = words[i - 1]?.text;
    const behind = words[i + 1]?.text;
    if (before === "|") one.kind = "node";
    else if (before === "@") one.kind = "udf";
    else if (before === ".") one.kind = "property";
    else if (KEYWORDS.has(one.text)) one.kind = "word";
    else if (SOURCES.has(one.text)) one.kind = "node";
    else if (behind === "(") one.kind = "function";
  });
  return found;
}

/** The word at an offset that there may be something to say of, with the chain before it; null for none. */
export function wordAt(found, offset) {
  const i = found.findIndex((one) => one.start <= offset && offset < one.start + one.text.length);
  const near = [found[i], found[i < 0 ? found.length - 1 : i - 1]].find((one) => one && /^(node|udf|property|function)$/.test(one.kind) && offset <= one.start + one.text.length);
  return near ? { kind: near.kind, name: near.text, owner: near.kind === "property" ? ownerOf(found, near) : null } : null;
}

/** Whose property one is: the node before it, and the properties between them, nearest first. */
function ownerOf(found, property) {
  const between = [];
  let depth = 0;
  for (let i = found.indexOf(property) - 1; i >= 0; i--) {
    const one = found[i];
    if (one.text === ")") depth++;
    else if (one.text === "(") depth--;
    if (depth < 0) return null;
    if (depth > 0) continue;
    if (one.kind === "property") between.push(one.text);
    if (one.kind === "node" || one.kind === "udf") return { node: one.text, between };
  }
  return null;
}

/** The vars that a script declares: `{name, type, value}`; value is "" where it has none. */
export function declaredVars(text) {
  const words = tokens(text).filter((one) => one.kind !== "space" && one.kind !== "comment");
  const vars = [];
  words.forEach((one, i) => {
    if (one.text !== "var" || words[i + 1]?.kind !== "name") return;
    const name = words[i + 1].text;
    if (words[i + 2]?.text !== "=") {
      if (words[i + 2]?.kind === "name") vars.push({ name, type: words[i + 2].text, value: "" });
      return;
    }
    const type = literalType(words[i + 3], words[i + 4]);
    if (type) vars.push({ name, type, value: type === "list" || type === "lambda" ? "" : plain(words[i + 3]) });
  });
  return vars;
}

function literalType(word, behind) {
  if (!word || behind?.text === "|" || behind?.text === "@") return null;
  if (word.text === "lambda") return "lambda";
  if (word.text === "[") return "list";
  if (word.text === "*") return "star";
  if (word.text === "TRUE" || word.text === "FALSE") return "bool";
  if (word.kind === "number") return word.text.includes(".") ? "float" : "int";
  return { string: "string", duration: "duration", regex: "regex" }[word.kind] ?? null;
}

function plain(word) {
  if (word.kind === "string") return word.text.startsWith("'''") ? word.text.slice(3, -3) : word.text.slice(1, -1).replaceAll("\\'", "'");
  return word.kind === "regex" ? word.text.slice(1, -1) : word.text;
}
