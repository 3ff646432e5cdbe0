"""Finds the context of every action of a template, and appends to its pipeline what that context asks for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

from grammar.golang.quoting import quote
from grammar.gotemplate import nodes
from grammar.gotemplate.errors import TemplateError
from grammar.gotemplate.html import context as at
from grammar.gotemplate.html import filters
from grammar.gotemplate.html.context import Context, Problem, error, join, nudge
from grammar.gotemplate.html.transitions import after_text

_PREDEFINED = frozenset(("html", "urlquery"))
# Escapers that a predefined one stands for, where the author wrote it.
_EQUIVALENT = {
    filters.ATTR_ESCAPER: "html",
    filters.HTML_ESCAPER: "html",
    filters.RCDATA_ESCAPER: "html",
    filters.URL_ESCAPER: "urlquery",
    filters.URL_NORMALIZER: "urlquery",
}
# What adds nothing after another escaper.
_REDUNDANT = {
    filters.COMMENT_ESCAPER: {filters.ATTR_ESCAPER, filters.NOSPACE_ESCAPER, filters.HTML_ESCAPER},
    filters.CSS_ESCAPER: {filters.ATTR_ESCAPER},
    filters.JS_REGEXP_ESCAPER: {filters.ATTR_ESCAPER},
    filters.JS_STRING_ESCAPER: {filters.ATTR_ESCAPER},
    filters.URL_ESCAPER: {filters.URL_NORMALIZER},
}
_BY_STATE = {
    at.JS: filters.JS_VALUE_ESCAPER,
    at.JS_DQ: filters.JS_STRING_ESCAPER,
    at.JS_SQ: filters.JS_STRING_ESCAPER,
    at.JS_REGEXP: filters.JS_REGEXP_ESCAPER,
    at.CSS: filters.CSS_VALUE_FILTER,
    at.TEXT: filters.HTML_ESCAPER,
    at.RCDATA: filters.RCDATA_ESCAPER,
    at.ATTR_NAME: filters.NAME_FILTER,
    at.TAG: filters.NAME_FILTER,
    at.SRCSET: filters.SRCSET_ESCAPER,
}
_URL_STATES = frozenset((at.URL, at.CSS_DQ, at.CSS_SQ, at.CSS_DQ_URL, at.CSS_SQ_URL, at.CSS_URL))


def escape_trees(text: str, name: str, trees: dict[str, nodes.NodeList]) -> dict[str, nodes.NodeList]:
    """The trees with escapers in their pipelines; a template called in several contexts appears once for each.

    The given trees stay as they are. Raises TemplateError "html/template:…" where a context cannot be told.
    """
    trees = {one: copy.deepcopy(tree) for one, tree in trees.items()}
    escaper = _Escaper(trees)
    end, _ = escaper.tree(Context(), None, name, 0)
    problem = end.problem
    if problem is None and end.state != at.TEXT:
        problem = Problem(f"ends in a non-text context: {end}")
    if problem is not None:
        raise TemplateError(_message(text, name, problem))
    escaper.commit()
    return {**trees, **escaper.derived}


def _message(text: str, name: str, problem: Problem) -> str:
    place = name
    if problem.node is not None:
        before = text[: problem.node.pos]
        column = len(before[before.rfind("\n") + 1 :].encode("utf-8", "surrogateescape"))
        place = f"{name}:{before.count(chr(10)) + 1}:{column}"
    elif problem.line:
        place = f"{name}:{problem.line}"
    return f"html/template:{place}: {problem.message}"


class _Loop:
    """The contexts at the breaks and continues of a range."""

    def __init__(self, outer: _Loop | None) -> None:
        self.outer = outer
        self.jumps: list[tuple[Context, nodes.Jump]] = []


class _Escaper:
    """Follows the context through the trees, and collects the changes to make, by node."""

    def __init__(self, trees: dict[str, nodes.NodeList]) -> None:
        self.trees = trees
        self.output: dict[str, Context] = {}
        self.derived: dict[str, nodes.NodeList] = {}
        self.called: set[str] = set()
        self.pipes: dict[nodes.Action, list[str]] = {}
        self.calls: dict[nodes.Call, str] = {}
        self.texts: dict[nodes.Text, str] = {}
        self.loop: _Loop | None = None

    def commit(self) -> None:
        for action, names in self.pipes.items():
            _extend(action.pipe, names)
        for call, name in self.calls.items():
            call.name = name
        for node, text in self.texts.items():
            node.text = text

    def node(self, c: Context, node: nodes.Node) -> Context:
        match node:
            case nodes.Text():
                return self.text(c, node)
            case nodes.Action():
                return self.action(c, node)
            case nodes.Branch():
                return self.branch(c, node)
            case nodes.Jump():
                assert self.loop is not None
                self.loop.jumps.append((c, node))
                return Context(state=at.DEAD)
            case nodes.Call():
                c, name = self.tree(c, node, node.name, node.line)
                if name != node.name:
                    self.calls[node] = name
                return c
        raise AssertionError(node)

    def list_of(self, c: Context, tree: nodes.NodeList | None) -> Context:
        for node in tree.nodes if tree is not None else ():
            c = self.node(c, node)
            if c.state == at.DEAD:
                break
        return c

    # Actions

    def action(self, c: Context, node: nodes.Action) -> Context:
        if node.pipe.decl:
            return c
        c = nudge(c)
        for number, command in enumerate(node.pipe.cmds):
            first = command.args[0]
            if not isinstance(first, nodes.Identifier) or first.name not in _PREDEFINED:
                continue
            unquoted = c.state == at.ATTR and c.delim == at.SPACE_OR_TAG_END and first.name == "html"
            if number < len(node.pipe.cmds) - 1 or unquoted:
                message = f"predefined escaper {quote(first.name)} disallowed in template"
                return error(message, node, node.line)
        if c.state == at.ERROR:
            return c
        if c.state == at.JS_BQ:
            return error(f"{node} appears in a JS template literal", node, node.line)
        if c.state in _URL_STATES:
            if c.url_part == at.UNKNOWN_URL:
                return error(f"{node} appears in an ambiguous context within a URL", node, node.line)
            names = _url_escapers(c)
        elif c.state == at.ATTR:
            names = []
        elif c.state in at.COMMENTS:
            names = [filters.COMMENT_ESCAPER]
        else:
            names = [_BY_STATE[c.state]]
        if c.delim == at.SPACE_OR_TAG_END:
            names.append(filters.NOSPACE_ESCAPER)
        elif c.delim != at.NO_DELIM:
            names.append(filters.ATTR_ESCAPER)
        self.pipes[node] = names
        if c.state == at.JS:
            # After a value a slash divides.
            return replace(c, js=at.DIVISION)
        return replace(c, state=at.ATTR_NAME) if c.state == at.TAG else c

    # Branches

    def branch(self, c: Context, node: nodes.Branch) -> Context:
        if node.kind != "range":
            return join(self.list_of(c, node.body), self.list_of(c, node.otherwise), node, node.kind)
        once = self.loop_body(lambda: self.list_of(c, node.body))
        if once.state == at.ERROR:
            return once
        # A second pass must end where the first one did.
        twice = self.loop_body(lambda: join(once, self.dry_run(once, node.body), node, node.kind), node)
        if twice.state == at.ERROR:
            return twice
        return join(twice, self.list_of(c, node.otherwise), node, node.kind)

    def loop_body(self, walk: Callable[[], Context], again: nodes.Branch | None = None) -> Context:
        self.loop = _Loop(self.loop)
        c = walk()
        loop, self.loop = self.loop, self.loop.outer
        if c.state == at.ERROR:
            if again is not None and c.problem is not None:
                c.problem.line = again.line
                c.problem.message = "on range loop re-entry: " + c.problem.message
            return c
        for jumped, node in loop.jumps:
            c = join(c, jumped, node, "range")
            if c.problem is not None:
                c.problem.line = node.line
                c.problem.message = f"at range loop {node.kind}: {c.problem.message}"
                return c
        return c

    def dry_run(self, c: Context, tree: nodes.NodeList) -> Context:
        """The context after the tree, with nothing kept of what was found on the way."""
        return self.trial().list_of(c, tree)

    def trial(self) -> _Escaper:
        other = _Escaper(self.trees)
        other.loop = self.loop
        other.output = dict(self.output)
        other.derived = dict(self.derived)
        return other

    # Templates

    def tree(self, c: Context, node: nodes.Node | None, name: str, line: int) -> tuple[Context, str]:
        """The context after the named template, and the name of its copy for a start in context c."""
        mangled = c.mangle(name)
        self.called.add(mangled)
        if mangled in self.output:
            return self.output[mangled], mangled
        tree = self.trees.get(name)
        if tree is None:
            return error(f"no such template {quote(name)}", node, line), mangled
        if mangled != name:
            tree = self.derived.setdefault(mangled, copy.deepcopy(tree))
        return self.end_of(c, mangled, tree), mangled

    def end_of(self, c: Context, name: str, tree: nodes.NodeList) -> Context:
        found, good = self.body(c, name, tree)
        if not good:
            # Where it calls itself, the end must be the one that was assumed: try the end just found.
            second, good = self.body(found, name, tree)
            if good:
                return second
        if not good and found.state != at.ERROR:
            return error(f"cannot compute output context for template {name}", tree)
        return found

    def body(self, assumed: Context, name: str, tree: nodes.NodeList) -> tuple[Context, bool]:
        """The context after a body that starts, and whose calls of itself end, in one; and whether that held."""
        self.output[name] = assumed
        trial = self.trial()
        end = trial.list_of(assumed, tree)
        good = end.state != at.ERROR and (name not in trial.called or end == assumed)
        if good:
            self.output.update(trial.output)
            self.derived.update(trial.derived)
            self.called |= trial.called
            self.pipes.update(trial.pipes)
            self.calls.update(trial.calls)
            self.texts.update(trial.texts)
        return end, good

    # Text

    def text(self, c: Context, node: nodes.Text) -> Context:
        """Follow the text; a stray < is escaped, and comments are left out."""
        text = node.text
        written = i = 0
        out: list[str] = []
        while i < len(text):
            after, length = after_text(c, text[i:])
            end = i + length
            if c.state in (at.TEXT, at.RCDATA):
                stop = end
                if after.state != c.state:
                    stop = max(text.rfind("<", i, end), i) if "<" in text[i:end] else end
                for j in range(i, stop):
                    if text[j] == "<" and not text[j : j + 9].upper().startswith("<!DOCTYPE"):
                        out += [text[written:j], "&lt;"]
                        written = j + 1
            elif c.state in at.COMMENTS and c.delim == at.NO_DELIM:
                if c.state == at.JS_BLOCK_COMMENT:
                    # To JavaScript a comment with a line end is a line end.
                    out.append("\n" if set(text[written:end]) & set("\n\r\u2028\u2029") else " ")
                elif c.state == at.CSS_BLOCK_COMMENT:
                    out.append(" ")
                written = end
            if c.state != after.state and after.state in at.COMMENTS and after.delim == at.NO_DELIM:
                out.append(text[written : end - (4 if after.state == at.HTML_COMMENT else 2)])
                written = end
            c, i = after, end
        if written and c.state != at.ERROR:
            if c.state not in at.COMMENTS or c.delim != at.NO_DELIM:
                out.append(text[written:])
            self.texts[node] = "".join(out)
        return c


def _url_escapers(c: Context) -> list[str]:
    if c.url_part == at.QUERY_OR_FRAGMENT:
        return [filters.URL_ESCAPER]
    inner = filters.CSS_ESCAPER if c.state in (at.CSS_DQ, at.CSS_SQ) else filters.URL_NORMALIZER
    return [filters.URL_FILTER, inner] if c.url_part == at.NO_URL else [inner]


def _extend(pipe: nodes.Pipe, names: list[str]) -> None:
    """Append the escapers to a pipeline; html or urlquery at its end takes the place of one that is its equal."""
    if not names:
        return
    keep = len(pipe.cmds)
    last = pipe.cmds[-1]
    first = last.args[0]
    if isinstance(first, nodes.Identifier) and first.name in _PREDEFINED:
        if keep == 1 and len(last.args) > 1:
            # {{ html .A .B }} is {{ .A and .B as text | html }}
            last.args[0] = nodes.Identifier(first.pos, filters.EVAL_ARGS)
            _append(pipe.cmds, pipe.pos, first.name)
            keep += 1
        equal = [_EQUIVALENT.get(name, name) == first.name for name in names]
        if any(equal):
            names = [first.name if same else name for name, same in zip(names, equal, strict=True)]
            keep -= 1
    commands = pipe.cmds[:keep]
    known = {_normal(command) for command in commands}
    for name in names:
        if _EQUIVALENT.get(name, name) not in known:
            _append(commands, pipe.pos, name)
    pipe.cmds = commands


def _normal(command: nodes.Command) -> str:
    first = command.args[0]
    return _EQUIVALENT.get(first.name, first.name) if isinstance(first, nodes.Identifier) else ""


def _append(commands: list[nodes.Command], pos: int, name: str) -> None:
    last = commands[-1].args[0] if commands else None
    if isinstance(last, nodes.Identifier) and name in _REDUNDANT.get(last.name, ()):
        return
    commands.append(nodes.Command(pos, [nodes.Identifier(pos, name)]))
