"""The links of a chain: new nodes, properties, parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grammar.tickscript.ast import NOWHERE, Link, Position, TickscriptError
from services.pipeline.compiler.arguments import ArgumentError, DoubleQuotes, fill_arguments, fill_property
from services.pipeline.compiler.sources import SOURCES
from services.pipeline.compiler.values import PartOf, Value, go_type
from services.pipeline.composite import CompositeSpec
from services.pipeline.functions import FunctionUnavailable, UdfProperties, node_spec
from services.pipeline.graph import Graph, GraphNode
from services.pipeline.registry import Registry
from services.pipeline.spec import ANYWHERE, Edge, HandlerUse, Mode, NodeSpec, Properties, PropertySpec, Type

MAX_NODES = 2000
"""Of a script: to start a task that has as many takes a worker up to half a second, in which it does nothing else."""
MAX_DEPTH = 500
"""Nodes from a source to the last one behind it."""


class ChainBuilder:
    """Makes a graph, link by link. It is the Builder of nodes that are made of others."""

    def __init__(self, registry: Registry, edge: Edge) -> None:
        self._registry = registry
        self._next = 0
        self._position = NOWHERE
        self._depths: dict[int, int] = {}
        self.graph = Graph(edge, [])
        self.source = self._place(SOURCES[edge], SOURCES[edge].properties(), ())

    def follow(self, at: Value, link: Link, arguments: Sequence[Value]) -> Value:
        """Where the chain stands after a link. TickscriptError where it does not fit."""
        if not isinstance(at, GraphNode | PartOf):
            raise _error(link.position, "cannot get properties of non pointer value")
        if not link.called:
            return self._read(at, link)
        if len(arguments) == 1 and isinstance(arguments[0], list):
            arguments = arguments[0]
        if link.operator == "|":
            return self._chained(at, link, arguments)
        if link.operator == ".":
            return self._set(at, link, arguments)
        return self._function(at, link)

    def add(self, name: str, parents: Sequence[GraphNode], properties: Properties) -> GraphNode:
        """A new node for one that is made of several."""
        return self._place(self._registry.nodes[name], properties, parents)

    def _chained(self, at: GraphNode | PartOf, link: Link, arguments: Sequence[Value]) -> GraphNode:
        parent = at.node if isinstance(at, PartOf) else at
        spec = self._node(parent, link.name)
        if spec is None:
            raise self._unknown(at, link)
        properties = spec.properties()
        _guarded(at, link, lambda: fill_arguments(properties, arguments))
        if parent.provides not in spec.wants and Edge.NONE not in spec.wants:
            raise _failed(at, link, f"cannot {_capital(link.name)} {parent.provides.value} edge")
        self._position = link.position
        if isinstance(spec, CompositeSpec):
            return spec.build(self, parent, properties)
        others = _given_nodes(properties)
        parents = [*others, parent] if spec.own_parent_last else [parent, *others]
        return self._place(spec, properties, parents, parent.provides)

    def _function(self, at: GraphNode | PartOf, link: Link) -> GraphNode:
        """A user defined function. It hangs on any node, `stream` too; its arguments do not count."""
        function = self._registry.functions.get(link.name)
        if function is None:
            raise self._unknown(at, link)
        if function.problem:
            text = f"{link.position}: UDF {link.name} cannot be used: {function.problem}"
            raise FunctionUnavailable(text, link.position)
        self._position = link.position
        parent = at.node if isinstance(at, PartOf) else at
        node = self._place(node_spec(function), UdfProperties(function), (parent,), function.wants)
        node.wants = function.wants
        return node

    def _place(
        self, spec: NodeSpec, properties: Properties, parents: Sequence[GraphNode], comes: Edge | None = None
    ) -> GraphNode:
        # A number is used up for every parent, and the last one is the node's.
        number = self._next + max(len(parents), 1) - 1
        self._next = number + 1
        comes = comes or (parents[0].provides if parents else spec.wants[0])
        self._bounded(number, parents)
        name = f"{spec.prefix or spec.name}{number}"
        provides = spec.provides or comes
        node = GraphNode(name, number, spec, properties, provides, position=self._position, wants=comes)
        for parent in parents:
            parent.children.append(node)
            node.parents.append(parent)
        self.graph.nodes.append(node)
        return node

    def _bounded(self, number: int, parents: Sequence[GraphNode]) -> None:
        depth = self._depths[number] = 1 + max((self._depths[parent.number] for parent in parents), default=0)
        if len(self.graph.nodes if parents else ()) >= MAX_NODES:
            raise _error(self._position, f"the script has more than {MAX_NODES} nodes")
        if depth > MAX_DEPTH:
            raise _error(self._position, f"more than {MAX_DEPTH} nodes stand in a row")

    def _node(self, parent: GraphNode, name: str) -> NodeSpec | None:
        """The kind of node that `|name` makes here."""
        spec = self._registry.nodes.get(name) or self._registry.nodes.get(name[:1].lower() + name[1:])
        if spec is None or spec.hidden or spec.head:
            return None
        if spec.sources:
            return spec if spec.sources == ANYWHERE or parent.spec.name in spec.sources else None
        return None if parent.spec.head or parent.spec.leaf else spec

    def _set(self, at: GraphNode | PartOf, link: Link, arguments: Sequence[Value]) -> Value:
        node = at.node if isinstance(at, PartOf) else at
        if isinstance(node.properties, UdfProperties) and link.name in node.properties.function.options:
            try:
                node.properties.set(link.name, arguments)
            except ValueError as e:
                raise _error(link.position, str(e)) from None
            return at
        found = _property(at, link.name)
        if found is not None:
            owner, spec = found
            if spec.mode is Mode.PART:
                return self._part(at, node, link, arguments, spec)
            if spec.is_field and len(arguments) != 1:
                many = "many" if arguments else "few"
                name, on = _capital(spec.name), go_type(at)
                raise _error(link.position, f"too {many} arguments to set property {name} on {on}")
            _guarded(at, link, lambda: fill_property(owner, spec, arguments))
            node.quiet = node.quiet or spec.name == "quiet"
            if owner is node.properties and not spec.is_field and node.spec.methods_type_name:
                return PartOf(node, owner, node.spec.methods_type_name)
            return at
        if node.spec.takes_handlers:
            handler = self._registry.handlers.get(link.name[:1].lower() + link.name[1:])
            if handler is not None:
                use = HandlerUse(handler.kind, handler.properties())
                _guarded(at, link, lambda: fill_arguments(use.properties, arguments))
                node.properties.handlers.append(use)  # type: ignore[attr-defined]
                return PartOf(node, use.properties, handler.type_name)
        if link.name in _QUIET:
            _guarded(at, link, lambda: _no_arguments(arguments))
            node.quiet = True
            return at
        raise self._unknown(at, link)

    def _part(self, at: Value, node: GraphNode, link: Link, arguments: Sequence[Value], spec: PropertySpec) -> PartOf:
        assert spec.part is not None
        part = spec.part()
        _guarded(at, link, lambda: fill_arguments(part, arguments))
        getattr(node.properties, spec.attribute).append(part)
        return PartOf(node, part, spec.part.__name__)

    def _read(self, at: GraphNode | PartOf, link: Link) -> Value:
        found = _property(at, link.name)
        if found is None or not found[1].is_field:
            raise _error(link.position, f"object {go_type(at)} has no property {link.name}")
        return getattr(found[0], found[1].attribute)

    def _unknown(self, at: GraphNode | PartOf, link: Link) -> TickscriptError:
        """Why a name does not fit after this operator: it may belong after another one."""
        node = at.node if isinstance(at, PartOf) else at
        name, on, kind = link.name, go_type(at), _LINK_KINDS[link.operator]
        known = _property(at, name) is not None or name in _QUIET
        known = known or (node.spec.takes_handlers and name in self._registry.handlers)
        if isinstance(node.properties, UdfProperties):
            known = known or name in node.properties.function.options
        if known and link.operator != ".":
            hint = f"but property does exist. Use '.' operator instead: 'node.{name}(..)'."
        elif link.operator != "|" and self._node(node, name) is not None:
            hint = f"but chaining method does exist. Use '|' operator instead: 'node|{name}(..)'."
        elif link.operator != "@" and name in self._registry.functions:
            hint = f"but dynamic method does exist. Use '@' operator instead: 'node@{name}(..)'."
        else:
            return _error(link.position, f'no method or property "{name}" on {on}')
        return _error(link.position, f'no {kind} method "{name}" on {on}, {hint}')


_LINK_KINDS = {"|": "chaining", ".": "property", "@": "dynamic"}
_QUIET = ("quiet", "Quiet")


def _property(at: GraphNode | PartOf, name: str) -> tuple[Properties, PropertySpec] | None:
    """A property by name, and what holds it: a part's own come before its node's."""
    holders = (at.properties, at.node.properties) if isinstance(at, PartOf) else (at.properties,)
    lower = name[:1].lower() + name[1:]
    for holder in holders:
        known = holder.by_name()
        spec = known.get(name) or known.get(lower) or known.get(_capital(name))
        if spec is not None:
            return holder, spec
    return None


def _given_nodes(properties: Properties) -> list[GraphNode]:
    found: list[GraphNode] = []
    for spec in properties.arguments():
        if spec.types[0] is Type.NODE:
            value = getattr(properties, spec.attribute)
            found += value if isinstance(value, list) else [value]
    return found


def _no_arguments(arguments: Sequence[Value]) -> None:
    if arguments:
        raise ArgumentError(f"too many arguments: got {len(arguments)}, takes 0")


def _guarded(at: Value, link: Link, fill: Callable[[], None]) -> None:
    try:
        fill()
    except DoubleQuotes as e:
        raise _error(link.position, str(e)) from None
    except ArgumentError as e:
        raise (TickscriptError(str(e), link.position) if e.bare else _failed(at, link, str(e))) from None


def _failed(at: Value, link: Link, reason: str) -> TickscriptError:
    return _error(link.position, f'error calling func "{link.name}" on obj {go_type(at)}: {reason}')


def _error(position: Position, text: str) -> TickscriptError:
    return TickscriptError(f"{position}: {text}", position)


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
