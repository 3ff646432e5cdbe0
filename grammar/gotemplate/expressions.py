"""Pipelines, calls and chains of fields to closures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NoReturn

from grammar.golang.errors import CallError
from grammar.golang.quoting import quote
from grammar.golang.values import (
    BOOL,
    COMPLEX128,
    FLOAT64,
    INT,
    INTERFACE,
    STRING,
    VALUE,
    Function,
    GoType,
    Int,
    boxed,
    needs_box,
    type_of,
    zero_of,
)
from grammar.gotemplate import nodes
from grammar.gotemplate.closures import (
    MISSING,
    Expr,
    Frame,
    Given,
    Read,
    Step,
    bad_count,
    constant,
    frame_value,
    plain_fields,
    static,
    stored,
    variable,
)
from grammar.gotemplate.errors import TemplateError
from grammar.gotemplate.functions import element

Fail = Callable[[nodes.Node, str], TemplateError]


class Expressions:
    """Compiles the expressions of one template; knows its variables by name.

    Types are followed as far as they are known: from a Struct that declares its fields, through fields, methods and
    functions. Where a type is known, reading a field is one attribute access; elsewhere the first value of each type
    that comes by is looked at, and what was found out is kept for the next one.
    """

    def __init__(self, functions: Mapping[str, Function], root: GoType | None, error: Fail) -> None:
        self.functions = functions
        self.root = root
        self.error = error
        self.names: list[tuple[str, int]] = []
        self.slots = 0

    def fail(self, at: nodes.Node, message: str, before: Expr | None = None) -> Expr:
        """An expression that raises when it is read, after what stands before it."""
        error = self.error

        def read(frame: Frame) -> NoReturn:
            if before is not None:
                before.read(frame)
            raise error(at, message)

        return Expr(read, None, at)

    # Pipelines

    def pipe(self, pipe: nodes.Pipe, dot: GoType | None, declare: bool = True) -> Expr:
        value: Expr | None = None
        for command in pipe.cmds:
            value = self.command(command, dot, value, pipe)
        assert value is not None
        if declare:
            for declared in pipe.decl:
                slot = self.slot(declared, pipe.is_assign)
                if slot is None:
                    return self.fail(value.at, f"undefined variable: {declared.idents[0]}", value)
                value = stored(self.box(value), slot)
        return value

    def slot(self, declared: nodes.Variable, is_assign: bool) -> int | None:
        """Where a declared or assigned variable lives; None for an assignment to one that was never declared."""
        name = declared.idents[0]
        if is_assign:
            for known, slot in reversed(self.names):
                if known == name:
                    return slot
            if name != "$":
                return None
        self.names.append((name, self.slots))
        self.slots += 1
        return self.slots - 1

    def box(self, value: Expr) -> Expr:
        """The same value with its declared type attached, for where only the value itself can tell it."""
        declared = value.type
        if declared is None or not needs_box(declared):
            return value
        read = value.read
        return Expr(lambda frame: boxed(read(frame), declared), declared, value.at)

    def command(self, command: nodes.Command, dot: GoType | None, final: Expr | None, pipe: nodes.Pipe) -> Expr:
        first = command.args[0]
        given = Given(command.args[1:], dot, final)
        match first:
            case nodes.Field() | nodes.Chain():
                return self.fields_of(first, given)
            case nodes.Variable() if len(first.idents) > 1:
                return self.fields_of(first, given)
            case nodes.Identifier():
                return self.function(first, command, given)
        if given.anything():
            at = first
            if isinstance(first, nodes.Pipe):
                at = final.at if final is not None else pipe
            return self.fail(at, f"can't give argument to non-function {first}", final)
        if isinstance(first, nodes.Nil):
            return self.fail(first, "nil is not a command")
        return self.argument(first, None, dot)

    def variable(self, node: nodes.Variable) -> Expr:
        for known, slot in reversed(self.names):
            if known == node.idents[0]:
                return variable(slot, node)
        return frame_value("root", node, self.root)

    # Arguments

    def argument(self, node: nodes.Node, wanted: GoType | None, dot: GoType | None) -> Expr:
        """A term as a value of the wanted type; None takes any, and leaves declared types unattached."""
        match node:
            case nodes.Dot():
                return self.checked(frame_value("dot", node, dot), wanted)
            case nodes.Variable() if len(node.idents) == 1:
                return self.checked(self.variable(node), wanted)
            case nodes.Field() | nodes.Variable() | nodes.Chain():
                return self.checked(self.fields_of(node, Given([], dot)), wanted)
            case nodes.Pipe():
                return self.checked(self.pipe(node, dot), wanted)
            case nodes.Identifier():
                return self.checked(self.function(node, node, Given([], dot)), wanted)
            case nodes.Nil():
                if wanted is not None and wanted.kind not in ("interface", "value", "map", "slice"):
                    return self.fail(node, f"cannot assign nil to {wanted.name}")
                return constant(None, None, node)
        return self.constant(node, wanted)

    def constant(self, node: nodes.Node, wanted: GoType | None) -> Expr:
        kind = wanted.kind if wanted is not None else "value"
        match node:
            case nodes.Bool() if kind in ("interface", "value", "bool"):
                return constant(node.value, BOOL, node)
            case nodes.String() if kind in ("interface", "value", "string"):
                return constant(node.text, STRING, node)
            case nodes.Number() if kind in ("interface", "value"):
                return self.number(node)
            case nodes.Number() if kind == "int" and node.whole is not None:
                return constant(node.whole, wanted, node)
            case nodes.Number() if kind == "float" and node.real is not None:
                return constant(node.real, wanted, node)
        if kind in ("bool", "string", "int", "float"):
            return self.fail(node, f"expected {'integer' if kind == 'int' else kind}; found {node}")
        return self.fail(node, f"can't handle {node} for arg of type {wanted.name if wanted is not None else ''}")

    def number(self, node: nodes.Number) -> Expr:
        if node.imaginary is not None:
            return constant(node.imaginary, COMPLEX128, node)
        text = node.text
        is_hex = text[:2] in ("0x", "0X") and "p" not in text.lower()
        if node.real is not None and not is_hex and text[0] != "'" and any(char in text for char in ".eEpP"):
            return constant(node.real, FLOAT64, node)
        if node.whole is not None and -(1 << 63) <= node.whole < 1 << 63:
            return constant(Int(node.whole), INT, node)
        return self.fail(node, f"{text} overflows int")

    def checked(self, value: Expr, wanted: GoType | None) -> Expr:
        """The value, proven to be of the wanted type before or while the template runs."""
        if wanted is None or value.type is wanted:
            return value
        if wanted is VALUE or wanted is INTERFACE:
            return self.box(value)
        if value.type is not None:
            message = f"wrong type for value; expected {wanted.name}; got {value.type.name}"
            return self.fail(value.at, message, value)
        read, error, at = value.read, self.error, value.at

        def check(frame: Frame) -> Any:
            found = read(frame)
            got = type_of(found)
            if got is None:
                raise error(at, f"invalid value; expected {wanted.name}")
            if got is not wanted:
                raise error(at, f"wrong type for value; expected {wanted.name}; got {got.name}")
            return found

        return Expr(check, wanted, at)

    # Calls

    def function(self, node: nodes.Identifier, at: nodes.Node, given: Given) -> Expr:
        function = self.functions[node.name]
        problem = bad_count(node.name, function, given)
        if problem:
            return self.fail(node, problem, given.final)
        if node.name in ("and", "or"):
            return self.logic(node, given)
        values = self.arguments(function, node, given)
        if node.name == "index" and len(values) == 2 and given.final is None:
            fast = _map_index(values[0], values[1])
            if fast is not None:
                return fast
        last = values[len(given.operands) - 1].at if given.operands else node
        return Expr(self.invoke(node.name, function.call, values, at, given.final is not None), function.result, last)

    def arguments(self, function: Function, node: nodes.Node, given: Given) -> list[Expr]:
        """The operands, then what the pipeline passes on, each checked against its parameter."""

        def wanted(number: int) -> GoType:
            return function.params[min(number, len(function.params) - 1)]

        values = [self.argument(one, wanted(number), given.dot) for number, one in enumerate(given.operands)]
        if given.final is not None:
            last = values[-1].at if values else node
            values.append(self.checked(given.final._replace(at=last), wanted(len(values))))
        return values

    def invoke(self, name: str, call: Callable[..., Any], values: list[Expr], at: nodes.Node, passed: bool) -> Read:
        """The call itself; what comes through the pipeline is evaluated first, and passed last."""
        error = self.error
        reads = [value.read for value in values]
        if len(reads) == 1:
            only = reads[0]

            def call_one(frame: Frame) -> Any:
                try:
                    return call(only(frame))
                except CallError as refusal:
                    raise error(at, f"error calling {name}: {refusal}") from None

            return call_one

        def call_many(frame: Frame) -> Any:
            if passed:
                last = reads[-1](frame)
                found = [read(frame) for read in reads[:-1]]
                found.append(last)
            else:
                found = [read(frame) for read in reads]
            try:
                return call(*found)
            except CallError as refusal:
                raise error(at, f"error calling {name}: {refusal}") from None

        return call_many

    def logic(self, node: nodes.Identifier, given: Given) -> Expr:
        """and, or: the first argument that decides; the others are not evaluated."""
        stops = node.name == "or"
        values = [self.argument(one, VALUE, given.dot) for one in given.operands]
        if given.final is not None:
            values.append(self.box(given.final))
        reads = [value.read for value in values]
        final = given.final

        def read(frame: Frame) -> Any:
            found = final.read(frame) if final is not None else None
            for one in reads:
                found = one(frame)
                if bool(found) is stops:
                    return found
            return found

        return Expr(read, None, values[-1].at)

    # Fields

    def fields_of(self, node: nodes.Field | nodes.Variable | nodes.Chain, given: Given) -> Expr:
        """Fields and methods read one from another; only the last one gets the arguments."""
        at: nodes.Node = node
        match node:
            case nodes.Field():
                base, idents = frame_value("dot", node, given.dot), node.idents
            case nodes.Variable():
                base, idents = self.variable(node), node.idents[1:]
            case nodes.Chain():
                if isinstance(node.node, nodes.Nil):
                    return self.fail(node, f"indirection through explicit nil in {node}")
                base, idents = self.argument(node.node, None, given.dot), node.fields
                at = base.at
        if not given.anything():
            plain = plain_fields(base, idents, at)
            if plain is not None:
                return plain
        value = base
        for ident in idents[:-1]:
            value = self.field(value, at, ident, Given([], given.dot))
        value = self.field(value, at, idents[-1], given)
        read, final = value.read, given.final
        if value.type is not None and final is None:
            return value

        def whole(frame: Frame) -> Any:
            if final is not None:
                # What is passed on may fail, and does so before the fields are looked at.
                final.read(frame)
            found = read(frame)
            return None if found is MISSING else found

        return Expr(whole, value.type, value.at)

    def field(self, base: Expr, at: nodes.Node, ident: str, given: Given) -> Expr:
        read = base.read
        if base.type is not None:
            step, result, after = self.step(base.type, at, ident, given)
            opaque = base.type.kind == "map" and base.type.elem is INTERFACE
            return Expr(lambda frame: step(frame, read(frame)), result, after, from_interface=opaque)
        steps: dict[GoType, Step] = {}
        error, through = self.error, base.from_interface

        def look(frame: Frame) -> Any:
            found = read(frame)
            go_type = type_of(found) if found is not MISSING else None
            if go_type is None:
                if found is None and through:
                    raise error(at, f"nil pointer evaluating interface {{}}.{ident}")
                return MISSING
            step = steps.get(go_type)
            if step is None:
                step = steps[go_type] = self.boxing_step(go_type, at, ident, given, through)
            return step(frame, found)

        return Expr(look, None, at, from_interface=True)

    def boxing_step(self, go_type: GoType, at: nodes.Node, ident: str, given: Given, through: bool) -> Step:
        """A step whose result carries its type itself, because what is compiled after it cannot know it."""
        step, result, _ = self.step(go_type, at, ident, given, through)
        if result is None or not needs_box(result):
            return step
        return lambda frame, value: boxed(step(frame, value), result)

    def step(
        self, go_type: GoType, at: nodes.Node, ident: str, given: Given, through: bool = False
    ) -> tuple[Step, GoType | None, nodes.Node]:
        """How `.ident` is read from a value of that type, the type of what is read, and the node after it."""
        method = go_type.methods.get(ident)
        if method is not None:
            return self.method(method, at, ident, given)
        struct = go_type.struct
        if struct is not None and ident in struct.go_fields:
            if given.anything():
                return self.refuse(at, f"{ident} has arguments but cannot be invoked as function")
            get = attrgetter(ident)
            return lambda frame, value: get(value), static(struct.go_fields[ident]), at
        if go_type.kind == "map":
            if given.anything():
                return self.refuse(at, f"{ident} is not a method but has arguments")
            return _entry(ident, go_type), None, at
        name = "interface {}" if through else go_type.name
        return self.refuse(at, f"can't evaluate field {ident} in type {name}")

    def refuse(self, at: nodes.Node, message: str) -> tuple[Step, None, nodes.Node]:
        error = self.error

        def step(frame: Frame, value: Any) -> NoReturn:
            raise error(at, message)

        return step, None, at

    def method(
        self, method: Function, at: nodes.Node, ident: str, given: Given
    ) -> tuple[Step, GoType | None, nodes.Node]:
        problem = bad_count(ident, method, given)
        if problem:
            return self.refuse(at, problem)
        if method.results != 1:
            return self.refuse(at, f"can't call method/function {quote(ident)} with {method.results} results")
        call = method.call
        values = self.arguments(method, at, given)
        if not values:
            return lambda frame, value: call(value), method.result, at
        reads = [value.read for value in values]
        return lambda frame, value: call(value, *[read(frame) for read in reads]), method.result, values[-1].at


def _entry(ident: str, go_type: GoType) -> Step:
    if not needs_box(go_type.elem):
        return lambda frame, value: value.get(ident, MISSING) if value else MISSING
    return lambda frame, value: element(value[ident], go_type) if value and ident in value else MISSING


def _map_index(table: Expr, key: Expr) -> Expr | None:
    """`index` of a map whose type is known by a key that is a string."""
    declared = table.type
    if declared is None or declared.kind != "map" or key.type is not STRING or needs_box(declared.elem):
        return None
    missing = zero_of(declared.elem)
    read, read_key = table.read, key.read

    def entry(frame: Frame) -> Any:
        found = read(frame)
        return found.get(read_key(frame), missing) if found else missing

    return Expr(entry, static(declared.elem), key.at)
