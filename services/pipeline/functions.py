"""Functions of the user's that scripts call as `@name()`: what they take and give, and the options that they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from grammar.tickscript.ast import TickscriptError
from services.pipeline.compiler.values import Value, go_type
from services.pipeline.spec import Duration, Edge, NodeSpec, Properties

OptionValues = tuple[bool | int | float | str | Duration, ...]

_WORDS: dict[type, str] = {bool: "BOOL", int: "INT", float: "DOUBLE", str: "STRING", Duration: "DURATION"}


class FunctionUnavailable(TickscriptError):
    """The script is in order, but a function that it uses does not answer at present."""


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """A function as it has told of itself.

    options: name -> the words for its arguments' types, of BOOL, INT, DOUBLE, STRING, DURATION.
    settings: how it is run, for the engine. problem: why it cannot be used at present; empty where it can.
    """

    name: str
    wants: Edge = Edge.STREAM
    provides: Edge = Edge.STREAM
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    settings: Any = None
    problem: str = ""


@dataclass
class UdfProperties(Properties):
    """The options that a script has set, in its order; an option may be set several times."""

    function: FunctionSpec = field(default_factory=lambda: FunctionSpec(""))
    options: list[tuple[str, OptionValues]] = field(default_factory=list)

    def tags_behind(self, before: Sequence[frozenset[str] | None]) -> None:
        return None

    def name_behind(self, before: Sequence[str | None]) -> None:
        return None

    def needs_all_groups(self, wants: Edge) -> str:
        return "the function's snapshot is of all groups"

    def set(self, name: str, arguments: Sequence[Value]) -> None:
        """Set an option. ValueError, in the reference's words, where it does not take these arguments."""
        types = self.function.options[name]
        if len(arguments) != len(types):
            raise ValueError(f"unexpected number of args to {name}, got {len(arguments)} expected {len(types)}")
        for value, wanted in zip(arguments, types, strict=True):
            # The reference takes what no option can be for a BOOL; only where one is wanted that would not do.
            got = _WORDS.get(type(value), "BOOL" if wanted != "BOOL" else go_type(value))
            if got != wanted:
                raise ValueError(f"unexpected arg to {name}, got {got} expected {wanted}")
        self.options.append((name, tuple(arguments)))


UDF = NodeSpec(
    name="udf",
    type_name="UDFNode",
    properties=UdfProperties,
    wants=(Edge.STREAM, Edge.BATCH),
    provides=None,
    hidden=True,
    doc="""Sends points or batches through a function of the user's, a program of its own or behind a socket.

    It is written with its name in the configuration and with its own options: @movingAverage().field('v').size(10).

    Functions are declared in the configuration as [udf.functions.NAME]; what they take and give and the options that
    they have they tell themselves when the gateway and the engine start. Barriers do not pass a function.
    """,
)


def node_spec(function: FunctionSpec) -> NodeSpec:
    """What a node that runs this function is."""
    return replace(UDF, prefix=function.name, wants=(function.wants,), provides=function.provides)
