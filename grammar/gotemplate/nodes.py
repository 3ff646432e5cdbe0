"""The syntax tree of a Go template. `str(node)` is the text by which Go names a node in its errors."""

from __future__ import annotations

from dataclasses import dataclass, field

from grammar.golang.quoting import quote


@dataclass(slots=True, eq=False)
class Node:
    """Any node; pos is its offset in characters in the template's text."""

    pos: int


@dataclass(slots=True, eq=False)
class NodeList(Node):
    nodes: list[Node] = field(default_factory=list)

    def __str__(self) -> str:
        return "".join(map(str, self.nodes))


@dataclass(slots=True, eq=False)
class Text(Node):
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True, eq=False)
class Bool(Node):
    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(slots=True, eq=False)
class Dot(Node):
    def __str__(self) -> str:
        return "."


@dataclass(slots=True, eq=False)
class Nil(Node):
    def __str__(self) -> str:
        return "nil"


@dataclass(slots=True, eq=False)
class Number(Node):
    """A constant, under every type that can hold it: whole for int, real for float64, else complex."""

    text: str
    whole: int | None
    real: float | None
    imaginary: complex | None

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True, eq=False)
class String(Node):
    quoted: str
    text: str

    def __str__(self) -> str:
        return self.quoted


@dataclass(slots=True, eq=False)
class Field(Node):
    idents: list[str]

    def __str__(self) -> str:
        return "." + ".".join(self.idents)


@dataclass(slots=True, eq=False)
class Variable(Node):
    """A variable, its $ included in the name, and the fields that are read from it."""

    idents: list[str]

    def __str__(self) -> str:
        return ".".join(self.idents)


@dataclass(slots=True, eq=False)
class Identifier(Node):
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(slots=True, eq=False)
class Chain(Node):
    """Fields read from a term that is no field and no variable: (pipeline).A.B"""

    node: Node
    fields: list[str]

    def __str__(self) -> str:
        base = f"({self.node})" if isinstance(self.node, Pipe) else str(self.node)
        return ".".join([base, *self.fields])


@dataclass(slots=True, eq=False)
class Command(Node):
    args: list[Node] = field(default_factory=list)

    def __str__(self) -> str:
        return " ".join(f"({arg})" if isinstance(arg, Pipe) else str(arg) for arg in self.args)


@dataclass(slots=True, eq=False)
class Pipe(Node):
    line: int
    is_assign: bool = False
    decl: list[Variable] = field(default_factory=list)
    cmds: list[Command] = field(default_factory=list)

    def __str__(self) -> str:
        head = ", ".join(map(str, self.decl)) + " := " if self.decl else ""
        return head + " | ".join(map(str, self.cmds))


@dataclass(slots=True, eq=False)
class Action(Node):
    line: int
    pipe: Pipe

    def __str__(self) -> str:
        return f"{{{{{self.pipe}}}}}"


@dataclass(slots=True, eq=False)
class Branch(Node):
    """if, with or range (the word is its kind), with the list for its else where there is one."""

    kind: str
    line: int
    pipe: Pipe
    body: NodeList
    otherwise: NodeList | None

    def __str__(self) -> str:
        tail = f"{{{{else}}}}{self.otherwise}" if self.otherwise is not None else ""
        return f"{{{{{self.kind} {self.pipe}}}}}{self.body}{tail}{{{{end}}}}"


@dataclass(slots=True, eq=False)
class Jump(Node):
    """break or continue."""

    kind: str
    line: int

    def __str__(self) -> str:
        return f"{{{{{self.kind}}}}}"


@dataclass(slots=True, eq=False)
class Call(Node):
    """A call of a named template."""

    line: int
    name: str
    pipe: Pipe | None

    def __str__(self) -> str:
        tail = f" {self.pipe}" if self.pipe is not None else ""
        return f"{{{{template {quote(self.name)}{tail}}}}}"


@dataclass(slots=True, eq=False)
class Mark(Node):
    """end or else, where the parser meets it; not part of a finished tree."""

    kind: str

    def __str__(self) -> str:
        return f"{{{{{self.kind}}}}}"


def is_empty(tree: NodeList) -> bool:
    """True where a template holds nothing but blanks."""
    return all(isinstance(node, Text) and not node.text.strip() for node in tree.nodes)
