"""What a node is to a script: its name, its arguments and properties with their types, what it takes and gives.

A node file declares a `Properties` dataclass, whose fields are made by `argument`, `prop`, `flag` and `part`, and a
`NodeSpec` that points at it. Everything else (checking a script, filling the properties, docs, DOT) reads these.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from grammar.tickscript.ast import Expression, Lambda
from services.pipeline.tag_set import TagSet
from services.process.permissions import Guard

T = TypeVar("T")


class _Word(enum.Enum):
    """Looked up in dicts dozens of times a script: what enums hash by is worked out anew each time."""

    __hash__ = object.__hash__


class Edge(_Word):
    """What runs along an edge. The values are the reference's words."""

    NONE = "noedge"
    STREAM = "stream"
    BATCH = "batch"


class Type(_Word):
    """The type of one argument, as a script's author knows it."""

    STRING = "string"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    DURATION = "duration"  # filled in as int ns
    LAMBDA = "lambda"  # filled in as LambdaValue
    REGEX = "regex"  # filled in as the tree's Regex
    STRING_OR_REGEX = "string or regex"
    STRING_OR_STAR = "string or star"  # a dimension; filled in as str, or STAR
    DIMENSION = "string, star or time(duration)"  # of a query; anything plain is taken, for it is checked at the start
    NODE = "node"  # filled in as GraphNode: another node of the graph, as in join
    ANY = "any"  # a literal of any plain type, as `default`'s second argument; durations are filled in as Duration
    NUMBER = "int or float"
    RATE = "int or duration"  # filled in as int, or Duration


class Duration(int):
    """A TICKscript duration: a count of nanoseconds that keeps its type."""


@dataclass(frozen=True, slots=True)
class TimeDimension:
    """`time(10s, 2s)` among a query's dimensions: both in ns."""

    length: int
    offset: int = 0


STAR = "*\0"
"""What stands in properties for a star among dimensions. `groupBy('*')` is by a tag of that name, as in Kapacitor."""


@dataclass(frozen=True, slots=True)
class LambdaValue:
    """A lambda as a property holds it: its expression with the values of the script's vars put in."""

    expression: Expression
    source: Lambda | None = field(default=None, compare=False)


class Mode(_Word):
    """What a property call does to the field."""

    SET = "set"  # the last call wins
    FLAG = "flag"  # no argument: sets True
    AND = "and"  # a lambda; several calls are joined by AND into one
    LIST = "list"  # one variadic call gives the whole list: the last call wins
    APPEND = "append"  # every call adds one entry (a tuple where it has several arguments)
    PUT = "put"  # two arguments, key and value: a dict
    PART = "part"  # begins a part with properties of its own: alert().post('…').header(…)


@dataclass(frozen=True, slots=True)
class PropertySpec:
    """One argument or property of a node."""

    attribute: str  # the field of the Properties dataclass
    name: str  # as scripts write it; "" for an argument of the node itself
    types: tuple[Type, ...]
    doc: str
    mode: Mode = Mode.SET
    variadic: bool = False  # the last type may come any number of times, none included
    optional: bool = False  # arguments may be left out
    least: int = 0  # of a variadic one
    part: type[Properties] | None = None
    method: bool = False  # it has one value and is a method of the reference all the same

    @property
    def is_field(self) -> bool:
        """Whether it is a mere value in the reference, not a method: its error texts tell, and what comes after it."""
        return self.mode is Mode.SET and len(self.types) == 1 and not self.optional and not self.method


@dataclass
class Properties:
    """Base of all nodes' properties. `check` is called once the script has set everything."""

    def check(self) -> None:
        """Raise ValueError, in the reference's words, where the properties do not go together."""

    def permitted(self, guard: Guard) -> None:
        """Raise NotPermitted where the node must not do so on this machine."""

    def reads(self) -> frozenset[str] | None:
        """The fields of incoming points (or tags) that can change what the node does or gives; None: any.

        A field that is only handed on does not count: see `passes`. For lambdas see column_pruning.references_of.
        """
        return None

    def passes(self) -> bool:
        """Whether fields that `reads` does not name can reach the node's children."""
        return True

    def sources_of(self, wanted: frozenset[str]) -> frozenset[str]:
        """The incoming fields that the outgoing fields `wanted` are, for nodes that rename fields on the way."""
        return wanted

    def tags_behind(self, before: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
        """The tags that points are grouped by behind the node, `before` it for each parent; None: not known."""
        return _common(before)

    def name_behind(self, before: Sequence[str | None]) -> str | None:
        """The measurement of all points behind the node, `before` it for each parent; None: not known."""
        return _common(before)

    def groups_by(self) -> TagSet | None:
        """The tags that the node groups points by; None: they stay in the groups that they came in."""
        return None

    def alters(self) -> frozenset[str]:
        """The tags whose values points may have changed by the node."""
        return frozenset()

    def keeps_groups(self) -> bool:
        """Whether what the node does with a point can depend on others of its group."""
        return True

    def parts_by(self, grouped: TagSet) -> TagSet:
        """Of the tags that its points are grouped by those by which the node's work falls apart."""
        return grouped

    def needs_all_groups(self, wants: Edge) -> str:
        """Why the node needs the points of all groups in one place, "" where it does not. wants: what comes in."""
        return ""

    @classmethod
    def specs(cls) -> tuple[PropertySpec, ...]:
        """The declared arguments (name "") and properties, in order of declaration."""
        return _layout(cls).specs

    @classmethod
    def arguments(cls) -> tuple[PropertySpec, ...]:
        """The declared arguments of the node itself."""
        return _layout(cls).arguments

    @classmethod
    def by_name(cls) -> Mapping[str, PropertySpec]:
        """The declared properties, by the name that scripts use."""
        return _layout(cls).by_name


def _common(values: Sequence[T | None]) -> T | None:
    """What they all are; None where they are not the same."""
    first = values[0] if values else None
    return first if all(value == first for value in values) else None


@dataclass(frozen=True, slots=True)
class _Layout:
    specs: tuple[PropertySpec, ...]
    arguments: tuple[PropertySpec, ...]
    by_name: dict[str, PropertySpec]


_LAYOUTS: dict[type[Properties], _Layout] = {}


def _layout(cls: type[Properties]) -> _Layout:
    known = _LAYOUTS.get(cls)
    if known is None:
        specs = tuple(_spec(f) for f in dataclasses.fields(cls) if "property" in f.metadata)
        known = _Layout(specs, tuple(s for s in specs if not s.name), {s.name: s for s in specs if s.name})
        _LAYOUTS[cls] = known
    return known


def _spec(f: dataclasses.Field[Any]) -> PropertySpec:
    spec: PropertySpec = f.metadata["property"]
    is_argument = spec.name == _ARGUMENT
    name = "" if is_argument else spec.name or _camel(f.name.rstrip("_"))
    return dataclasses.replace(spec, attribute=f.name, name=name)


_ARGUMENT = "<argument>"


def _camel(snake: str) -> str:
    return re.sub(r"_(\w)", lambda m: m[1].upper(), snake)


def _field(spec: PropertySpec, default: Any, factory: Callable[[], Any] | None = None) -> Any:
    if factory is not None:
        return field(default_factory=factory, metadata={"property": spec})
    return field(default=default, metadata={"property": spec})


def argument(type_: Type, *, doc: str, variadic: bool = False, least: int = 0, default: Any = None) -> Any:
    """An argument of the node itself: `|mean('v')`. Variadic ones are lists. A `default` makes it optional."""
    spec = PropertySpec("", _ARGUMENT, (type_,), doc, Mode.SET, variadic, default is not None, least)
    return _field(spec, default, list if variadic else None)


def prop(
    *types: Type, doc: str, default: Any = None, name: str = "", optional: bool = False, method: bool = False
) -> Any:
    """A property with one value, or a tuple of several: `.period(10s)`. Scripts see the field's name in camelCase.

    `optional`: the arguments may be left out; one left out is filled in as its type's zero (0, "", False), several
    give a shorter tuple. So None as default tells `.stateChangesOnly()` from no call at all. `method`: it is one in the
    reference, though it has one value.
    """
    return _field(PropertySpec("", name, types, doc, Mode.SET, optional=optional, method=method), default)


def flag(*, doc: str, name: str = "") -> Any:
    """A property without arguments: `.align()`."""
    return _field(PropertySpec("", name, (), doc, Mode.FLAG), False)


def condition(*, doc: str, name: str = "") -> Any:
    """A property with a lambda, filled in as LambdaValue | None; several calls are joined by AND: `.where(…)`."""
    return _field(PropertySpec("", name, (Type.LAMBDA,), doc, Mode.AND), None)


def several(type_: Type, *, doc: str, name: str = "", least: int = 0) -> Any:
    """A property with any number of arguments of one type: `.groupBy('a', 'b')`."""
    return _field(PropertySpec("", name, (type_,), doc, Mode.LIST, True, least=least), None, list)


def maybe_several(type_: Type, *, doc: str, name: str = "") -> Any:
    """As `several`, but None tells that it was not called: `.keep()` is not the same as no keep."""
    return _field(PropertySpec("", name, (type_,), doc, Mode.LIST, True), None)


def appending(*types: Type, doc: str, name: str = "", variadic: bool = False) -> Any:
    """A property that may be called again and again, each call adding an entry."""
    return _field(PropertySpec("", name, types, doc, Mode.APPEND, variadic), None, list)


def putting(value: Type, *, doc: str, name: str = "") -> Any:
    """A property of key and value, called once for each: `.tag('k', 'v')`."""
    return _field(PropertySpec("", name, (Type.STRING, value), doc, Mode.PUT), None, dict)


def part(properties: type[Properties], *, doc: str, name: str = "") -> Any:
    """A property that begins a part with properties (and arguments) of its own; each call adds one.

    After it the chain takes both the part's properties and the node's: `alert().post('u').header('k','v').crit(…)`.
    """
    return _field(PropertySpec("", name, (), doc, Mode.PART, part=properties), None, list)


ANYWHERE = ("*",)
"""As `NodeSpec.sources`: a node that hangs on every other, on `stream`, `batch` and leaves too (as `stats` does)."""


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """What a node is. `wants`/`provides`: STREAM, BATCH; provides None means the same as what came in."""

    name: str  # as scripts write it: `window`
    type_name: str  # the reference's type, for its error texts: `WindowNode`
    properties: type[Properties]
    wants: tuple[Edge, ...]
    provides: Edge | None
    doc: str
    prefix: str = ""  # what its names in the graph begin with, where that is not `name`: http_out1
    sources: tuple[str, ...] = ()  # names of the only nodes it may hang on: `from` on stream (and on from)
    leaf: bool = False  # nothing can be chained to it
    head: bool = False  # `stream` and `batch`: only nodes that name it in their `sources` hang on it
    hidden: bool = False  # no script can write it; other nodes are made of it: noOp
    takes_handlers: bool = False  # its properties have `handlers: list[HandlerUse]`, to be filled by the registry's
    methods_type_name: str = ""  # the reference's type after a property that is a method there, where it is another
    own_parent_last: bool = False  # the node it hangs on comes after those given as arguments: union
    late: str = ""  # what becomes of late points; empty: order does not matter to the node
    late_on: tuple[Edge, ...] = (Edge.STREAM,)  # where they are counted for it; nowhere: it counts them itself


@dataclass(frozen=True, slots=True)
class HandlerSpec:
    """What an alert handler is to a script: `alert().slack()` with properties of its own."""

    kind: str  # as the API calls it: `post`, `pagerduty`
    type_name: str  # the reference's type, for its error texts: `AlertHTTPPostHandler`
    properties: type[Properties]
    doc: str
    # The handler's options as JSON, made of the properties that a script has filled: what run.started carries.
    options: Callable[[Any], dict[str, Any]] = dataclasses.asdict
    # check(options, config sections): ValueError, in the reference's words, where a task with it cannot start.
    check: Callable[[dict[str, Any], Mapping[str, Any]], None] = lambda options, sections: None
    in_scripts: bool = True  # False: only topics have it, over the API
    method: str = ""  # as scripts write it, where that is not `kind`: `pagerDuty`

    @property
    def name(self) -> str:
        """As scripts write it."""
        return self.method or self.kind


@dataclass(slots=True)
class HandlerUse:
    """One handler that a script has put on an alert node."""

    kind: str
    properties: Properties
