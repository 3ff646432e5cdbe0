"""How large a script may be, how deep and how large an expression: what walks over trees is recursive, and works for
every node.
"""

from __future__ import annotations

from grammar.regex import MAX_SIZE
from grammar.tickscript.ast import Node, Position, TickscriptError, part_names

MAX_DEPTH = 150
"""Nodes from the top of an expression to its lowest one."""
MAX_NODES = 20_000
MAX_CHARACTERS = 1 << 18
"""Of a script: the texts in it are templates, regexes and queries, which are parsed wherever it runs."""
MAX_WORDS = 50_000
"""Of a script, and of a lambda that is given as text: names, values, operators, brackets. To parse 50,000 takes two
seconds."""


def check_depth(node: Node) -> None:
    """TickscriptError where more than MAX_DEPTH nodes stand below each other."""
    if _depth_and_size(node)[0] > MAX_DEPTH:
        raise _too_deep(node)


def check_size(node: Node) -> None:
    """TickscriptError where an expression is too deep or too large.

    Parts that stand in it several times (`var b = lambda: a OR a`) count each time, but are looked at once.
    """
    depth, nodes = _depth_and_size(node)
    if depth > MAX_DEPTH:
        raise _too_deep(node)
    if nodes > MAX_NODES:
        raise TickscriptError(f"expression has more than {MAX_NODES} parts", node.position)


def too_large_together(position: Position) -> TickscriptError:
    """What is said of more regular expressions in a script than can be compiled in a moment."""
    return TickscriptError(f"parser: the script's regular expressions compile to more than {MAX_SIZE} parts", position)


def _too_deep(node: Node) -> TickscriptError:
    return TickscriptError(f"parser: expressions are nested too deeply, more than {MAX_DEPTH}", node.position)


def _depth_and_size(top: Node) -> tuple[int, int]:
    """Depth and number of nodes."""
    known: dict[int, tuple[int, int]] = {}
    waiting = [(top, False)]
    while waiting:
        node, seen = waiting.pop()
        if id(node) in known:
            continue
        parts = _parts(node)
        if parts and not seen:
            waiting.append((node, True))
            waiting.extend((part, False) for part in parts)
            continue
        sizes = [known[id(part)] for part in parts]
        depth = 1 + max((one[0] for one in sizes), default=0)
        known[id(node)] = depth, 1 + sum(one[1] for one in sizes)
    return known[id(top)]


def _parts(node: Node) -> list[Node]:
    """The nodes right below a node."""
    found: list[Node] = []
    for name in part_names(node):
        value = getattr(node, name)
        if isinstance(value, Node):
            found.append(value)
        elif isinstance(value, tuple):
            found.extend([item for item in value if isinstance(item, Node)])
    return found
