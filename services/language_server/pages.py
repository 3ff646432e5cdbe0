"""What there is to say of a word, in Markdown: made of how nodes, handlers and functions are declared."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator

from services.expressions.functions import CLOCK, FUNCTIONS
from services.expressions.typed.signatures import Function
from services.expressions.typed.types import ValueType
from services.pipeline.docs import argument_head, handler_head, node_ends, node_head, property_head
from services.pipeline.functions import FunctionSpec
from services.pipeline.spec import HandlerSpec, NodeSpec, Properties, PropertySpec

_CODE = re.compile(r"(`[^`]*`)")
_SPECIAL = re.compile(r"([*_<>\[\]])")

CLOCK_DOC = "The time at which the point is looked at; in a replay that of the replay's clock."


def code(text: str) -> str:
    """A piece of TICKscript."""
    return f"```tickscript\n{text}\n```"


def node_about(spec: NodeSpec) -> str:
    """What a node is for."""
    return f"{node_ends(spec)}\n\n{_prose(spec.doc)}"


def node_page(spec: NodeSpec) -> str:
    """All about a node, but for the handlers that it takes."""
    return "\n\n".join([code(node_head(spec)), node_about(spec), *_lists(spec.properties)])


def property_page(spec: PropertySpec) -> str:
    """All about a property; of one that begins a part, that part's properties too."""
    lists = _lists(spec.part) if spec.part is not None else ()
    return "\n\n".join([code(property_head(spec)), _prose(spec.doc), *lists])


def handler_page(spec: HandlerSpec) -> str:
    """All about an alert handler."""
    return "\n\n".join([code(handler_head(spec)), handler_about(spec), *_lists(spec.properties)])


def handler_about(spec: HandlerSpec) -> str:
    """What an alert handler does."""
    return _prose(spec.doc)


def function_head(function: Function) -> str:
    """What a lambda's function takes and gives, in a line for each set of types."""
    lines = {_signature(function.name, types, one.result) for types, one in function.signatures.items()}
    return "\n".join(sorted(lines))


def function_page(name: str) -> str:
    """All about a function of lambdas. name: one of FUNCTIONS, or CLOCK."""
    if name == CLOCK:
        return f"{code(f'{CLOCK}() time')}\n\n{CLOCK_DOC}"
    return f"{code(function_head(FUNCTIONS[name]))}\n\n{_prose(FUNCTIONS[name].doc)}"


def user_function_about(spec: FunctionSpec) -> str:
    """What a user's own function takes and gives, or why it cannot be used."""
    if spec.problem:
        return f"It cannot be used at present: {_escaped(spec.problem)}"
    return f"Takes {spec.wants.value}. Gives {spec.provides.value}."


def user_function_page(spec: FunctionSpec) -> str:
    """All that a user's own function has told of itself."""
    parts = [code(f"@{spec.name}()"), user_function_about(spec)]
    options = [f"- `{option_head(name, types)}`" for name, types in spec.options.items()]
    if options:
        parts.append("\n".join(["**Options**", "", *options]))
    return "\n\n".join(parts)


def option_head(name: str, types: Iterable[str]) -> str:
    """How an option of a user's own function is written: `.size(int)`."""
    return f".{name}({', '.join(one.lower() for one in types)})"


def _signature(name: str, types: tuple[ValueType, ...], result: ValueType) -> str:
    return f"{name}({', '.join(one.value for one in types)}) {result.value}"


def _lists(properties: type[Properties]) -> Iterator[str]:
    for title, head, specs in (
        ("Arguments", argument_head, properties.arguments()),
        ("Properties", property_head, properties.by_name().values()),
    ):
        if specs:
            yield "\n".join([f"**{title}**", "", *(f"- `{head(one)}`: {_escaped(one.doc)}" for one in specs)])


def _prose(doc: str) -> str:
    """The paragraphs of a docstring; those that are indented are examples."""
    paragraphs = inspect.cleandoc(doc).split("\n\n")
    return "\n\n".join(
        code(inspect.cleandoc("\n" + one)) if one.startswith(" ") else _escaped(one)
        for one in paragraphs
        if one.strip()
    )


def _escaped(text: str) -> str:
    """Text whose characters stand for themselves, but for code in backticks."""
    parts = _CODE.split(text)
    return "".join(one if one.startswith("`") else _SPECIAL.sub(r"\\\1", one) for one in parts)
