"""Where a chain stands: at which node, in which part of it; and what can follow there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from services.pipeline.compiler.sources import SOURCES
from services.pipeline.functions import node_spec
from services.pipeline.registry import Registry
from services.pipeline.spec import ANYWHERE, Edge, HandlerSpec, NodeSpec, Properties, PropertySpec


@dataclass(frozen=True, slots=True)
class Standing:
    """A node that is known by its name, whatever its arguments.

    provides: what it gives; None: not known. part: the handler or part whose properties come before the node's own.
    options: of a function (`@name`), by name, with the words for the types that they take.
    """

    spec: NodeSpec
    provides: Edge | None
    part: type[Properties] | None = None
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


SOURCE_STANDINGS = {spec.name: Standing(spec, spec.provides) for spec in SOURCES.values()}
"""`stream` and `batch`."""


def chained(at: Standing | None, name: str, registry: Registry) -> Standing | None:
    """Where a chain stands behind `|name()`; None for a node that there is not."""
    spec = node_of(name, registry)
    if spec is None:
        return None
    return Standing(spec, spec.provides or (at.provides if at is not None else None))


def sent_through(at: Standing | None, name: str, registry: Registry) -> Standing | None:
    """The same behind `@name()`."""
    function = registry.functions.get(name)
    if function is None:
        return None
    return Standing(node_spec(function), function.provides, options=function.options)


def with_property(at: Standing | None, name: str, registry: Registry) -> Standing | None:
    """The same behind `.name()`, which may begin a part."""
    if at is None:
        return None
    found = property_of(at, name, registry)
    if isinstance(found, HandlerSpec):
        return replace(at, part=found.properties)
    return at if found is None or found.part is None else replace(at, part=found.part)


def node_of(name: str, registry: Registry) -> NodeSpec | None:
    """A node that scripts may chain somewhere, also by its name with a capital; None where there is none."""
    spec = registry.nodes.get(name) or registry.nodes.get(name[:1].lower() + name[1:])
    return None if spec is None or spec.hidden or spec.head else spec


def nodes_behind(at: Standing | None, registry: Registry) -> Iterator[NodeSpec]:
    """The nodes that can be chained there; all, where it is not known where the chain stands."""
    for spec in registry.nodes.values():
        if not (spec.hidden or spec.head) and (at is None or _fits(at, spec)):
            yield spec


def properties_of(at: Standing, registry: Registry) -> dict[str, PropertySpec | HandlerSpec]:
    """What can be written behind a dot, by name, but for the options of functions and `quiet`: the part's own first."""
    found: dict[str, PropertySpec | HandlerSpec] = {}
    if at.part is not None:
        found |= at.part.by_name()
    for name, spec in at.spec.properties.by_name().items():
        found.setdefault(name, spec)
    if at.spec.takes_handlers:
        for name, handler in registry.handlers.items():
            found.setdefault(name, handler)
    return found


def property_of(at: Standing, name: str, registry: Registry) -> PropertySpec | HandlerSpec | None:
    """One of them, also by its name with a capital; None where there is none."""
    known = properties_of(at, registry)
    return known.get(name) or known.get(name[:1].lower() + name[1:])


def _fits(at: Standing, spec: NodeSpec) -> bool:
    if at.provides is not None and at.provides not in spec.wants and Edge.NONE not in spec.wants:
        return False
    if spec.sources:
        return spec.sources == ANYWHERE or at.spec.name in spec.sources
    return not (at.spec.head or at.spec.leaf)
