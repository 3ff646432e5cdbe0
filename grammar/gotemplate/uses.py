"""Which fields of the top-level dot a template reads."""

from __future__ import annotations

from collections.abc import Mapping

from grammar.gotemplate import nodes


def fields_used(trees: Mapping[str, nodes.NodeList], name: str) -> frozenset[str] | None:
    """The first names of all chains that start at the top-level dot or at $; None where dot is used as a whole."""
    found: set[str] = set()
    walk = _Walk(trees, found)
    return frozenset(found) if walk.tree(name) else None


class _Walk:
    """Every method answers False as soon as dot is used as a whole."""

    def __init__(self, trees: Mapping[str, nodes.NodeList], found: set[str]) -> None:
        self.trees = trees
        self.found = found
        self.seen: set[str] = set()

    def tree(self, name: str) -> bool:
        if name in self.seen or name not in self.trees:
            return True
        self.seen.add(name)
        return self.list_of(self.trees[name], True)

    def list_of(self, tree: nodes.NodeList | None, at_top: bool) -> bool:
        return tree is None or all(self.statement(node, at_top) for node in tree.nodes)

    def statement(self, node: nodes.Node, at_top: bool) -> bool:
        match node:
            case nodes.Action():
                return self.term(node.pipe, at_top)
            case nodes.Branch():
                inner = at_top and node.kind == "if"
                return (
                    self.term(node.pipe, at_top)
                    and self.list_of(node.body, inner)
                    and self.list_of(node.otherwise, at_top)
                )
            case nodes.Call():
                return self.call(node, at_top)
        return True

    def call(self, node: nodes.Call, at_top: bool) -> bool:
        only = node.pipe.cmds[0].args if node.pipe is not None and len(node.pipe.cmds) == 1 else []
        whole = len(only) == 1 and (
            (at_top and isinstance(only[0], nodes.Dot))
            or (isinstance(only[0], nodes.Variable) and only[0].idents == ["$"])
        )
        if whole:
            return self.tree(node.name)
        # A callee with another dot cannot reach this one: its $ is what it is given.
        return node.pipe is None or self.term(node.pipe, at_top)

    def term(self, node: nodes.Node, at_top: bool) -> bool:
        match node:
            case nodes.Pipe():
                return all(self.term(arg, at_top) for command in node.cmds for arg in command.args)
            case nodes.Chain():
                if at_top and isinstance(node.node, nodes.Pipe) and _is_dot(node.node):
                    self.found.add(node.fields[0])
                    return True
                return self.term(node.node, at_top)
            case nodes.Dot():
                return not at_top
            case nodes.Field():
                if at_top:
                    self.found.add(node.idents[0])
            case nodes.Variable():
                if node.idents == ["$"]:
                    return False
                if node.idents[0] == "$":
                    self.found.add(node.idents[1])
        return True


def _is_dot(pipe: nodes.Pipe) -> bool:
    return len(pipe.cmds) == 1 and len(pipe.cmds[0].args) == 1 and isinstance(pipe.cmds[0].args[0], nodes.Dot)
