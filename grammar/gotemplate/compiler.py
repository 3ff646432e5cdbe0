"""Syntax trees to Python closures, once for every type of dot that a template is executed with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from grammar.golang.fmt import text_of
from grammar.golang.numbers import format_float
from grammar.golang.quoting import quote
from grammar.golang.values import FLOAT64, STRING, Function, GoType, Int, Struct, type_of
from grammar.gotemplate import nodes
from grammar.gotemplate.closures import Expr, Frame, Read, Run
from grammar.gotemplate.errors import TemplateError
from grammar.gotemplate.expressions import Expressions
from grammar.gotemplate.functions import element


class Body(NamedTuple):
    """A compiled template: what runs it, and how many variables it needs.

    line, where set, gives the whole text of a template without branches, calls and variables.
    """

    run: Run
    slots: int
    line: Read | None = None


class Compiler:
    """Compiles the templates of one set, each when it is first needed for a type of dot."""

    def __init__(
        self, text: str, parse_name: str, trees: Mapping[str, nodes.NodeList], functions: Mapping[str, Function]
    ) -> None:
        self.text = text
        self.parse_name = parse_name
        self.trees = trees
        self.functions = functions
        self.bodies: dict[tuple[str, GoType | None], Body] = {}

    def body(self, name: str, dot: GoType | None) -> Body:
        """The named template, for a dot of the given type (None where that is not known)."""
        found = self.bodies.get((name, dot))
        if found is None:
            statements = _Statements(self, name, dot)
            tree = self.trees[name]
            line = statements.line(tree, dot)
            run = _writing(line) if line is not None else statements.list_of(tree, dot)
            found = self.bodies[name, dot] = Body(run, statements.slots, line)
        return found

    def error(self, name: str, at: nodes.Node, message: str) -> TemplateError:
        """A run-time error at a node of the named template."""
        before = self.text[: at.pos]
        line = before.count("\n") + 1
        column = len(before[before.rfind("\n") + 1 :].encode("utf-8", "surrogateescape"))
        place = f"{self.parse_name}:{line}:{column}"
        return TemplateError(f"template: {place}: executing {quote(name)} at <{at}>: {message}")


def struct_type(value: Any) -> GoType | None:
    """The type by which a template is compiled for a dot: known for a Struct, else looked at as it runs."""
    return value.go_type if isinstance(value, Struct) else None


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class _Statements(Expressions):
    """Compiles one template. dot is always the type of dot where the statement stands, None where not known."""

    def __init__(self, compiler: Compiler, name: str, root: GoType | None) -> None:
        super().__init__(compiler.functions, root, lambda at, message: compiler.error(name, at, message))
        self.compiler = compiler

    def list_of(self, tree: nodes.NodeList | None, dot: GoType | None) -> Run:
        runs = [self.statement(node, dot) for node in tree.nodes] if tree is not None else []
        if len(runs) == 1:
            return runs[0]

        def run(frame: Frame) -> None:
            for one in runs:
                one(frame)

        return run

    def statement(self, node: nodes.Node, dot: GoType | None) -> Run:
        match node:
            case nodes.Text():
                text = node.text
                return lambda frame: frame.write(text)
            case nodes.Action():
                return self.action(node, dot)
            case nodes.Branch(kind="range"):
                return self.range(node, dot)
            case nodes.Branch():
                return self.branch(node, dot)
            case nodes.Call():
                return self.call_template(node, dot)
            case nodes.Jump():
                return _jump(_Break if node.kind == "break" else _Continue)
        raise AssertionError(node)

    def line(self, tree: nodes.NodeList, dot: GoType | None) -> Read | None:
        """The text of a template that is nothing but text and values; None for any other."""
        layout = []
        reads: list[Read] = []
        for node in tree.nodes:
            if isinstance(node, nodes.Text):
                layout.append(node.text.replace("%", "%%"))
            elif isinstance(node, nodes.Action) and not node.pipe.decl:
                layout.append("%s")
                reads.append(self.text(self.pipe(node.pipe, dot)))
            else:
                return None
        whole = "".join(layout)
        if whole == "%s":
            return reads[0]
        return lambda frame: whole % tuple([read(frame) for read in reads])

    def action(self, node: nodes.Action, dot: GoType | None) -> Run:
        value = self.pipe(node.pipe, dot)
        return _silent(value.read) if node.pipe.decl else _writing(self.text(value))

    def text(self, value: Expr) -> Read:
        """The value as the text that an action prints."""
        read = value.read
        if value.type is STRING:
            return read
        if value.type is FLOAT64:
            return lambda frame: format_float(read(frame), "g")
        read = self.box(value).read

        def text(frame: Frame) -> str:
            found = read(frame)
            return "<no value>" if found is None else text_of(found)

        return text

    def branch(self, node: nodes.Branch, dot: GoType | None) -> Run:
        scope = len(self.names)
        value = self.pipe(node.pipe, dot)
        read = value.read
        is_with = node.kind == "with"
        body = self.list_of(node.body, value.type if is_with else dot)
        otherwise = self.list_of(node.otherwise, dot)
        del self.names[scope:]

        def run_if(frame: Frame) -> None:
            if read(frame):
                body(frame)
            else:
                otherwise(frame)

        def run_with(frame: Frame) -> None:
            found = read(frame)
            if found:
                saved, frame.dot = frame.dot, found
                body(frame)
                frame.dot = saved
            else:
                otherwise(frame)

        return run_with if is_with else run_if

    def range(self, node: nodes.Branch, dot: GoType | None) -> Run:
        scope = len(self.names)
        value = self.box(self.pipe(node.pipe, dot, declare=False))
        read = value.read
        slots = []
        for variable in node.pipe.decl:
            slot = self.slot(variable, node.pipe.is_assign)
            if slot is None:
                return _silent(self.fail(value.at, f"undefined variable: {variable.idents[0]}", value).read)
            slots.append(slot)
        body = self.list_of(node.body, value.type.elem if value.type is not None else None)
        otherwise = self.list_of(node.otherwise, dot)
        del self.names[scope:]

        def run(frame: Frame) -> None:
            found = read(frame)
            pairs = self.pairs(found, value.at)
            for slot in slots:
                frame.variables[slot] = found
            if not pairs:
                otherwise(frame)
                return
            saved = frame.dot
            try:
                for key, one in pairs:
                    if slots:
                        frame.variables[slots[0]] = key
                        frame.variables[slots[-1]] = one
                    frame.dot = one
                    try:
                        body(frame)
                    except _Continue:
                        continue
            except _Break:
                pass
            frame.dot = saved

        return run

    def pairs(self, value: Any, at: nodes.Node) -> list[tuple[Any, Any]]:
        """Keys and values to range over; maps in the order of their keys."""
        go_type = type_of(value)
        if go_type is None:
            return []
        if go_type.kind == "map":
            return [(key, element(value[key], go_type)) for key in sorted(value)]
        if go_type.kind == "slice":
            return [(Int(number), element(one, go_type)) for number, one in enumerate(value)]
        raise self.error(at, f"range can't iterate over {text_of(value)}")

    def call_template(self, node: nodes.Call, dot: GoType | None) -> Run:
        compiler, name, error = self.compiler, node.name, self.error
        if name not in compiler.trees:
            return _silent(self.fail(node, f"template {quote(name)} not defined").read)
        value = self.pipe(node.pipe, dot) if node.pipe is not None else None

        def run(frame: Frame) -> None:
            found = value.read(frame) if value is not None else None
            try:
                body = compiler.body(name, value.type if value is not None else None)
                body.run(Frame(found, frame.write, body.slots))
            except RecursionError:
                raise error(node, "exceeded maximum template depth (100000)") from None

        return run


def _jump(kind: type[Exception]) -> Run:
    def run(frame: Frame) -> NoReturn:
        raise kind

    return run


def _writing(read: Read) -> Run:
    return lambda frame: frame.write(read(frame))


def _silent(read: Read) -> Run:
    def run(frame: Frame) -> None:
        read(frame)

    return run
