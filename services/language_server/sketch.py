"""What a script declares, and what can stand where it ends: from its words alone, so that it may be half written.

The grammar is followed as far as editors need it: which chain a word belongs to, whether it stands in a lambda, where
statements begin. What does not fit is passed over: no text is wrong here.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from grammar.tickscript.scanner import ERROR
from services.language_server.standing import (
    SOURCE_STANDINGS,
    Standing,
    chained,
    property_of,
    sent_through,
    with_property,
)
from services.language_server.words import Word
from services.pipeline.registry import Registry
from services.pipeline.spec import HandlerSpec, PropertySpec, Type

Types = frozenset[Type]


class Want(enum.Enum):
    """What can stand at a place."""

    NODE = "the name of a node, behind |"
    FUNCTION = "the name of a user defined function, behind @"
    PROPERTY = "a property, behind a dot"
    OPERAND = "an operand of a lambda"
    OPERATOR = "an operator of a lambda"
    VALUE = "a value of a var or an argument"
    STATEMENT = "the beginning of a statement"
    TYPE = "the type of a var"
    NOTHING = "a name that the author makes up, or the inside of a text"


@dataclass(frozen=True, slots=True)
class Slot:
    """A place where a word can stand.

    at: where the chain before it stands; None: not known, or there is none. takes: of a value the types that it may
    have; None: any. ends: whether a statement may begin there too.
    """

    want: Want
    at: Standing | None = None
    takes: Types | None = None
    ends: bool = False


@dataclass(slots=True)
class Part:
    """A node of a statement's chain: its name, where its operator begins, where the name does, where it all ends."""

    name: str
    start: int
    name_start: int
    end: int


@dataclass(slots=True)
class Statement:
    """A statement. name: of the var that it declares, None: it declares none. head: its first word.

    at: where the chain that it is stands in the end. type_name: of a var without a value. start, end, name_start:
    offsets. parts: the nodes of its chain.
    """

    head: str
    start: int
    end: int
    comment: tuple[str, ...]
    name: str | None = None
    name_start: int = 0
    type_name: str = ""
    at: Standing | None = None
    is_node: bool = False
    parts: list[Part] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sketch:
    """statements: in order. vars: by name, the statements that declare them. sources: of `stream` and `batch` those
    that chains begin with. slot: what can stand behind all that."""

    statements: Sequence[Statement]
    vars: dict[str, Statement]
    sources: set[str]
    slot: Slot


def sketch(words: Sequence[Word], registry: Registry) -> Sketch:
    """A script's words to what there is to say of them. registry: what scripts may use. It never raises."""
    reader = _Reader(registry)
    for i, word in enumerate(words):
        reader.read(word, words[i + 1].kind if i + 1 < len(words) else "")
    slot = reader.slot()
    reader.finish()
    return Sketch(reader.statements, reader.vars, reader.sources, slot)


@dataclass(slots=True)
class _Frame:
    """A bracket that is open, or, as the first, the statement. takes: the types of what stands in it; None: any.

    outer: whether it stands in a lambda as a whole; inside: whether the words that come do. at: where the chain in it
    stands. called: the types that what was named last takes in brackets.
    """

    takes: Types | None = None
    outer: bool = False
    inside: bool = False
    at: Standing | None = None
    is_node: bool = False
    called: Types | None = None


class _Reader:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._frames = [_Frame()]
        self._before: Word | None = None
        self._earlier = ""  # the kind of the word before that
        self._statement: Statement | None = None
        self.statements: list[Statement] = []
        self.vars: dict[str, Statement] = {}
        self.sources: set[str] = set()

    def read(self, word: Word, next_kind: str) -> None:
        """The next word; next_kind: of the one behind it, empty: there is none."""
        if self._begins(word, next_kind):
            self._begin(word)
        elif word.kind in _LINKS:
            self._close()
        self._work(word)
        self._earlier, self._before = self._kind(), word
        if self._statement is not None:
            self._statement.end = word.end
            if self._statement.parts and len(self._frames) == 1 and word.kind not in ("|", "@"):
                self._statement.parts[-1].end = word.end

    def slot(self) -> Slot:
        """What can stand behind the words that were read."""
        kind, frame = self._kind(), self._frames[-1]
        if kind in _LINKS and not self._of_dbrp():
            return Slot(_LINKS[kind], frame.at)
        if kind in ("var", "dbrp", ".") or (self._of_dbrp() and self._earlier == "dbrp"):
            return Slot(Want.NOTHING)
        if self._awaits_type():
            return Slot(Want.TYPE)
        top = len(self._frames) == 1
        if frame.inside:
            return Slot(Want.OPERATOR, ends=top) if kind in _VALUES else Slot(Want.OPERAND)
        if kind in _VALUES or not kind:
            return Slot(Want.STATEMENT) if top else Slot(Want.NOTHING)
        return Slot(Want.VALUE, takes=frame.takes)

    def finish(self) -> None:
        """The statement that is under way ends."""
        one = self._statement
        if one is None:
            return
        one.at, one.is_node = self._frames[0].at, self._frames[0].is_node
        if one.name is not None:
            self.vars.setdefault(one.name, one)
        self.statements.append(one)
        self._statement = None

    def _begins(self, word: Word, next_kind: str) -> bool:
        """Whether a statement begins with the word, brackets open or not."""
        if word.kind in ("var", "dbrp") or self._statement is None:
            return True
        if word.kind != "identifier" or self._awaits_type():
            return False
        if len(self._frames) > 1:
            return word.first and next_kind in ("|", "@")
        return self._kind() in _VALUES

    def _begin(self, word: Word) -> None:
        self.finish()
        self._frames = [_Frame()]
        self._before = None
        self._statement = Statement(word.text, word.start, word.end, word.comment)

    def _close(self) -> None:
        """Close the brackets that nobody has, where a link comes that cannot stand in them."""
        if len(self._frames) > 1 and self._frames[-1].inside:
            while len(self._frames) > 1 and self._frames[-1].inside:
                self._frames.pop()
        elif len(self._frames) > 1 and self._kind() in _NO_CHAIN:
            self._frames.pop()

    def _work(self, word: Word) -> None:
        frame = self._frames[-1]
        if word.kind == "identifier":
            self._name(word, frame)
        elif word.kind in ("(", "["):
            takes = frame.called if self._kind() == "identifier" else frame.takes
            self._frames.append(_Frame(takes, outer=frame.inside, inside=frame.inside))
        elif word.kind in (")", "]") and len(self._frames) > 1:
            self._frames.pop()
        elif word.kind == "lambda":
            frame.inside = True
        elif word.kind == ",":
            frame.inside, frame.at, frame.is_node = frame.outer, None, False
        elif word.kind == ERROR:
            del self._frames[1:]  # what closes them may stand in it

    def _name(self, word: Word, frame: _Frame) -> None:
        kind, one = self._kind(), self._statement
        assert one is not None
        if kind == "var":
            one.name, one.name_start = word.text, word.start
        elif self._awaits_type():
            one.type_name = word.text
        elif kind == ".":
            found = property_of(frame.at, word.text, self._registry) if frame.at is not None else None
            frame.called = _types(found)
            frame.at = with_property(frame.at, word.text, self._registry)
        elif kind in ("|", "@"):
            follow = chained if kind == "|" else sent_through
            frame.at = follow(frame.at, word.text, self._registry)
            frame.called = _types_of(frame.at.spec.properties.arguments()) if frame.at is not None else None
            frame.is_node = True
            if len(self._frames) == 1 and self._before is not None:
                one.parts.append(Part(word.text, self._before.start, word.start, word.end))
        else:
            frame.at = self._head(word.text)
            frame.is_node = frame.at is not None or (word.text in self.vars and self.vars[word.text].is_node)
            frame.called = None

    def _head(self, name: str) -> Standing | None:
        if name in self.vars:
            return self.vars[name].at
        if name in SOURCE_STANDINGS:
            self.sources.add(name)
        return SOURCE_STANDINGS.get(name)

    def _awaits_type(self) -> bool:
        """Whether the word before is the name that a var is given."""
        one = self._statement
        if one is None or one.name is None or self._before is None:
            return False
        return self._before.start == one.name_start

    def _of_dbrp(self) -> bool:
        return self._statement is not None and self._statement.head == "dbrp"

    def _kind(self) -> str:
        """The kind of the word before; empty where there is none."""
        return self._before.kind if self._before is not None else ""


_LINKS = {"|": Want.NODE, "@": Want.FUNCTION, ".": Want.PROPERTY}
_LITERALS = {"number", "duration", "string", "reference", "regex", "TRUE", "FALSE", "*"}
_VALUES = frozenset({"identifier", ")", "]", ERROR, *_LITERALS})
"""The kinds of words behind which no operand can stand."""
_NO_CHAIN = frozenset({"(", ",", *_LITERALS})
"""Those behind which nothing can be chained."""


def _types(spec: PropertySpec | HandlerSpec | None) -> Types | None:
    if isinstance(spec, HandlerSpec):
        return _types_of(spec.properties.arguments())
    if spec is None:
        return None
    return frozenset(spec.types) if spec.part is None else _types_of(spec.part.arguments())


def _types_of(specs: Iterable[PropertySpec]) -> Types:
    return frozenset(type_ for spec in specs for type_ in spec.types)
