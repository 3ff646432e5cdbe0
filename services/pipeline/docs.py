"""Documentation of a node, made from its spec."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from services.pipeline.functions import UDF
from services.pipeline.spec import Edge, HandlerSpec, Mode, NodeSpec, Properties, PropertySpec

_WIDTH = 100


def node_docs(spec: NodeSpec, handlers: Iterable[HandlerSpec] = ()) -> str:
    """A page of plain text: how the node is written, what it takes and gives, its arguments and properties.

    `handlers`: the alert handlers there are, which nodes that take them name as well.
    """
    head, ends = node_head(spec), node_ends(spec)
    if spec.name == UDF.name:
        head, ends = "@NAME()", "Takes a stream or batches and gives a stream or batches, as the function says."
    parts = [head, ends, *_prose(spec.doc), *_late(spec), *_lists(spec.properties, "")]
    if spec.takes_handlers and handlers:
        entries = [_entry(handler_head(h), h.doc, "") for h in handlers]
        parts.append("\n".join(["Handlers", *entries]))
    return "\n\n".join(parts) + "\n"


def handler_docs(spec: HandlerSpec, options: Mapping[str, str] = MappingProxyType({})) -> str:
    """The same for an alert handler. options: what topics are given it with, by name, and what that is."""
    parts = [f"|alert(){handler_head(spec)}"] if spec.in_scripts else [f'"kind": "{spec.kind}"']
    parts += [*_prose(spec.doc), *_lists(spec.properties, "")]
    if options:
        entries = [_entry(name, doc, "") for name, doc in options.items()]
        parts.append("\n".join([f"Options of a topic's handler of the kind {spec.kind}", *entries]))
    return "\n\n".join(parts) + "\n"


def node_head(spec: NodeSpec) -> str:
    """How scripts write a node: `|derivative(field string)`."""
    return spec.name if spec.head else f"|{spec.name}({_arguments(spec.properties)})"


def node_ends(spec: NodeSpec) -> str:
    """What a node takes and gives, in two sentences."""
    return f"{_takes(spec)} {_gives(spec)}"


def handler_head(spec: HandlerSpec) -> str:
    """How scripts write a handler behind an alert: `.post([url string])`."""
    return f".{spec.name}({_arguments(spec.properties)})"


def argument_head(spec: PropertySpec) -> str:
    """An argument of a node, a handler or a part with its type: `[url string]`."""
    name = f"{spec.attribute.rstrip('_')} {spec.types[-1].value}"
    if spec.variadic:
        name += " …"
    return f"[{name}]" if spec.optional else name


def property_head(spec: PropertySpec) -> str:
    """How scripts write a property: `.period(duration)`."""
    if spec.part is not None:
        return f".{spec.name}({_arguments(spec.part)})"
    types = [t.value for t in spec.types]
    if spec.variadic:
        types[-1] += " …"
    if spec.mode is Mode.PUT:
        types[0] = f"name {types[0]}"
    inside = ", ".join(types)
    return f".{spec.name}({f'[{inside}]' if spec.optional else inside})"


def _late(spec: NodeSpec) -> Iterator[str]:
    if not spec.late:
        return
    what = " or batches" if Edge.BATCH in spec.late_on else ""
    which = "older than the newest before them in their group" if spec.late_on else "that come too late"
    yield textwrap.fill(f"Late points{what} ({which}; counted as late_points): {spec.late}", _WIDTH)


def _takes(spec: NodeSpec) -> str:
    words = [edge.value for edge in spec.wants if edge is not Edge.NONE]
    return f"Takes {' or '.join(words)}." if words else "Takes nothing."


def _gives(spec: NodeSpec) -> str:
    if spec.leaf:
        return "Nothing can be chained to it."
    return "Gives the same." if spec.provides is None else f"Gives {spec.provides.value}."


def _arguments(properties: type[Properties]) -> str:
    return ", ".join(argument_head(s) for s in properties.arguments())


def _lists(properties: type[Properties], indent: str) -> Iterator[str]:
    if properties.arguments():
        entries = [_entry(argument_head(s), s.doc, indent) for s in properties.arguments()]
        yield "\n".join([f"{indent}Arguments", *entries])
    if properties.by_name():
        entries = [_entry(property_head(s), s.doc, indent) for s in properties.by_name().values()]
        yield "\n".join([f"{indent}Properties", *entries])
    for spec in properties.by_name().values():
        if spec.part is not None:
            inner = list(_lists(spec.part, indent + "  "))
            if inner:
                yield "\n".join([f"{indent}After .{spec.name}(…)", *inner])


def _entry(head: str, doc: str, indent: str) -> str:
    text = textwrap.fill(doc, _WIDTH, initial_indent=indent + "      ", subsequent_indent=indent + "      ")
    return f"{indent}  {head}\n{text}"


def _prose(doc: str) -> Iterator[str]:
    """Paragraphs of a docstring, filled; those that are indented (examples) as they are."""
    for paragraph in inspect.cleandoc(doc).split("\n\n"):
        if paragraph.strip():
            yield paragraph if paragraph.startswith(" ") else textwrap.fill(paragraph, _WIDTH)
