"""From a script's tree to its graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from grammar.tickscript.ast import (
    Binary,
    Bool,
    Call,
    Chain,
    Dbrp,
    Declaration,
    DurationLit,
    Expression,
    ExpressionStatement,
    Identifier,
    Lambda,
    List,
    Number,
    Script,
    Statement,
    String,
    TickscriptError,
    TypeDeclaration,
    Unary,
)
from grammar.tickscript.limits import MAX_NODES, check_size
from services.pipeline.compiler.chain import ChainBuilder
from services.pipeline.compiler.scope import Scope
from services.pipeline.compiler.substitute import substituted
from services.pipeline.compiler.values import Unbound, Value, go_type, show, type_of
from services.pipeline.compiler.vars import Var, VarType, values_of, var_of, zero_of
from services.pipeline.graph import Graph, GraphNode
from services.pipeline.registry import Registry
from services.pipeline.spec import Duration, Edge, HandlerUse, LambdaValue, Properties, TimeDimension

NO_VARS: Mapping[str, Var] = {}


@dataclass
class Compiled:
    """What a script comes to. `type`: `stream` or `batch`. `dbrps`: (database, retention policy) of its statements."""

    type: str
    graph: Graph
    dbrps: tuple[tuple[str, str], ...]
    _declared: dict[str, tuple[VarType | None, Value, str]] = field(repr=False)

    @cached_property
    def vars(self) -> dict[str, Var]:
        """The vars that the script declares, with their types, default values (None: none) and descriptions."""
        found: dict[str, Var] = {}
        for name, (type_, value, description) in self._declared.items():
            var = Var(type_, None, description) if type_ is not None else var_of(value, description)
            if var is not None:
                found[name] = var
        return found


class InvalidTaskType(TickscriptError):
    """A script with neither or both of `stream` and `batch`. The API answers str() alone, nothing before it."""

    def __init__(self) -> None:
        super().__init__("invalid task type: invalid")

    def __reduce__(self) -> tuple[type[InvalidTaskType], tuple[()]]:
        return InvalidTaskType, ()


def api_error(error: TickscriptError) -> str:
    """The text that the API answers for an error of `parse` or `compile_script`."""
    return str(error) if isinstance(error, InvalidTaskType) else f"invalid TICKscript: {error}"


def compile_script(
    script: Script, registry: Registry, vars: Mapping[str, Var] = NO_VARS, *, template: bool = False
) -> Compiled:
    """The graph that a script describes, everything checked that can be without running it.

    `vars` win over the values in the script; those that it does not declare are left alone. With `template`, vars
    declared by type alone need no value, and the script may do nothing.
    Raises TickscriptError in the reference's words (see `api_error`), InvalidTaskType among them.
    """
    edge = task_edge(script)
    given = values_of(vars)
    run = _Run(registry, edge, given, template)
    for statement in script.statements:
        run.statement(statement)
    if registry.everywhere is not None:
        registry.everywhere(run.chains, run.chains.source)
    graph = run.chains.graph
    _check(graph)
    if len(graph.nodes) <= 1 and not template:
        raise TickscriptError("task does nothing")
    return Compiled(edge.value, graph, dbrps_of(script), run.declared)


def task_edge(script: Script) -> Edge:
    """STREAM or BATCH, by what the script's chains begin with. Raises InvalidTaskType where that is neither or both."""
    heads = {name for s in script.statements if (name := _head(s)) in ("stream", "batch")}
    if len(heads) != 1:
        raise InvalidTaskType
    return Edge(heads.pop())


def dbrps_of(script: Script) -> tuple[tuple[str, str], ...]:
    """The script's `dbrp` statements, in order."""
    return tuple((s.database, s.retention_policy) for s in script.statements if isinstance(s, Dbrp))


def _head(statement: Statement) -> str | None:
    if isinstance(statement, Declaration):
        expression = statement.value
    elif isinstance(statement, ExpressionStatement) and isinstance(statement.expression, Chain):
        expression = statement.expression
    else:
        return None
    if isinstance(expression, Chain):
        expression = expression.head
    return expression.name if isinstance(expression, Identifier) else None


def _check(graph: Graph) -> None:
    for node in graph.topological():
        for properties, what in _properties(node):
            try:
                properties.check()
            except ValueError as e:
                raise TickscriptError(f"{what}{e}", node.position) from None


def _properties(node: GraphNode) -> Iterator[tuple[Properties, str]]:
    """A node's properties and those of its parts and handlers, each with what stands before its errors."""
    yield node.properties, ""
    for use in getattr(node.properties, "handlers", ()):
        if isinstance(use, HandlerUse):
            yield use.properties, f"invalid {use.kind}: "
    for spec in node.properties.specs():
        if spec.part is not None:
            for part in getattr(node.properties, spec.attribute):
                yield part, f"invalid {spec.name}: "


class _Run:
    """One compilation under way."""

    def __init__(self, registry: Registry, edge: Edge, given: dict[str, Value], template: bool) -> None:
        self._worked_out = registry.constant
        self._given = given
        self._template = template
        self.chains = ChainBuilder(registry, edge)
        self.scope = Scope({edge.value: self.chains.source})
        self.declared: dict[str, tuple[VarType | None, Value, str]] = {}

    def statement(self, statement: Statement) -> None:
        if isinstance(statement, Declaration):
            self._declare(statement)
        elif isinstance(statement, TypeDeclaration):
            self._declare_type(statement)
        elif isinstance(statement, ExpressionStatement) and not isinstance(statement.expression, Identifier):
            value = self._value(statement.expression)
            if isinstance(value, Unbound):
                _bound(value)

    def _declare(self, statement: Declaration) -> None:
        name = statement.name.name
        value = self._value(statement.value)
        if name in self.scope:
            raise TickscriptError(f"attempted to redefine {name}, vars are immutable", statement.position)
        if type_of(value) != "invalid type":
            self.declared[name] = (None, value, "\n".join(statement.comment))
        if name in self._given:
            self._same_type(name, type_of(value), statement)
            value = self._given[name]
        self.scope[name] = value

    def _declare_type(self, statement: TypeDeclaration) -> None:
        name, word = statement.name.name, statement.type_name.name
        try:
            type_ = VarType(word)
        except ValueError:
            raise TickscriptError(f'invalid var type "{word}"', statement.type_name.position) from None
        self.declared[name] = (type_, None, "\n".join(statement.comment))
        if name in self._given:
            self._same_type(name, type_.word, statement)
            self.scope[name] = self._given[name]
        elif self._template:
            self.scope[name] = zero_of(type_)
        else:
            raise TickscriptError(f'missing value for var "{name}".', statement.position)

    def _same_type(self, name: str, wanted: str, statement: Statement) -> None:
        got = type_of(self._given[name])
        if got != wanted:
            raise TickscriptError(f"invalid type supplied for {name}, got {got} exp {wanted}", statement.position)

    def _value(self, e: Expression) -> Value:
        """What an expression stands for outside lambdas. Chains add to the graph."""
        work = _WORK.get(type(e))
        return e if work is None else work(self, e)

    def _chain(self, e: Chain) -> Value:
        at = self._value(e.head)
        for link in e.links:
            at = self.chains.follow(at, link, [self._argument(a) for a in link.arguments])
        return at

    def _argument(self, e: Expression) -> Value:
        value = self._value(e)
        return _bound(value) if isinstance(value, Unbound) and isinstance(e, Call) else value

    def _lambda(self, e: Lambda) -> LambdaValue:
        return LambdaValue(self._substituted(e.expression), e)

    def _list(self, e: List) -> list[Value]:
        items = [self._value(item) for item in e.items]
        if _leaves(items) > MAX_NODES:
            raise TickscriptError(f"a list has more than {MAX_NODES} items", e.position)
        return items

    def _function(self, e: Call) -> Unbound:
        return Unbound(e.name, tuple(self._argument(a) for a in e.arguments), e.position)

    def _unary(self, e: Unary) -> Value:
        value = self._value(e.operand)
        if e.operator == "!" and isinstance(value, bool):
            return not value
        if e.operator == "-" and type(value) in (int, float, Duration):
            return type(value)(-value)
        raise TickscriptError(f"{e.position}: invalid arugument to '{e.operator}' {show(value)}", e.position)

    def _binary(self, e: Binary) -> Value:
        if self._worked_out is None:
            raise TickscriptError("there is nothing here to compute vars with", e.position)
        try:
            return self._worked_out(self._substituted(e))
        except ValueError as error:
            raise TickscriptError(str(error), e.position) from None

    def _substituted(self, e: Expression) -> Expression:
        """Vars that stand in each other may come to much out of little text."""
        found = substituted(e, self.scope)
        check_size(found)
        return found


_WORK: dict[type, Any] = {
    Bool: lambda run, e: e.value,
    Number: lambda run, e: e.value,
    DurationLit: lambda run, e: Duration(e.ns),
    String: lambda run, e: e.value,
    Identifier: lambda run, e: run.scope[e.name],
    Chain: _Run._chain,
    Lambda: _Run._lambda,
    List: _Run._list,
    Call: _Run._function,
    Unary: _Run._unary,
    Binary: _Run._binary,
}
"""Regex, Star and Reference stand for themselves."""


def _leaves(value: Value) -> int:
    return sum(map(_leaves, value)) if isinstance(value, list) else 1


def _bound(call: Unbound) -> TimeDimension:
    """A function called outside expressions. There is only `time`."""
    where, position = call.position, call.position
    if call.name != "time":
        raise TickscriptError(f'{where}: no global function "{call.name}" defined', position)
    if not 1 <= len(call.arguments) <= 2:
        raise TickscriptError(f"{where}: time() function expects 1 or 2 args, got {len(call.arguments)}", position)
    for value in call.arguments:
        if not isinstance(value, Duration):
            text = f'error calling func "time" on obj <nil>: expected duration, got {go_type(value)}'
            raise TickscriptError(f"{where}: {text}", position)
    return TimeDimension(*map(int, call.arguments))
