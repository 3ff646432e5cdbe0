"""A parsed template: executed over data, and asked which fields it reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from grammar.golang.errors import CallError
from grammar.golang.values import Function
from grammar.gotemplate import nodes
from grammar.gotemplate.closures import Frame
from grammar.gotemplate.compiler import Body, Compiler, struct_type
from grammar.gotemplate.errors import TemplateError
from grammar.gotemplate.functions import BUILTINS, JSON
from grammar.gotemplate.html.escape import escape_trees
from grammar.gotemplate.html.filters import ESCAPERS, JSON_SCRIPT
from grammar.gotemplate.limits import Writer
from grammar.gotemplate.parser import parse_trees
from grammar.gotemplate.uses import fields_used

_STRAY_BYTES = re.compile("[\udc80-\udcff]")
_SHORT = 4096


def parse(text: str, name: str, json: bool = False) -> Template:
    """A text/template; with json it may call the json function, as an alert-template of httppost does.

    The same text and name give the same Template. Raises TemplateError "template: NAME:LINE: …".
    """
    return (_parse if len(text) <= _SHORT else _parse_long)(text, name, json)


def parse_html(text: str, name: str) -> Template:
    """An html/template with the json function, as the details of an alert are one.

    Raises TemplateError where it does not parse. What escaping finds wrong is raised by every execute, as in Go.
    """
    return (_parse_html if len(text) <= _SHORT else _parse_long_html)(text, name)


def _parsed(text: str, name: str, json: bool) -> Template:
    functions = {**BUILTINS, "json": JSON} if json else BUILTINS
    trees = parse_trees(text, name, functions)
    return Template(name, trees, lambda: Compiler(text, name, trees, functions))


def _parsed_html(text: str, name: str) -> Template:
    functions = {**BUILTINS, "json": JSON_SCRIPT}
    trees = parse_trees(text, name, functions)
    return Template(name, trees, lambda: _escaped(text, name, trees, functions))


# A template takes about a hundred times its text: of long ones few are kept.
_parse, _parse_long = lru_cache(4096)(_parsed), lru_cache(64)(_parsed)
_parse_html, _parse_long_html = lru_cache(4096)(_parsed_html), lru_cache(64)(_parsed_html)


class Template:
    """A template of any number of named ones; safe to execute from several threads."""

    def __init__(self, name: str, trees: dict[str, nodes.NodeList], compiler: Callable[[], Compiler]) -> None:
        self.name = name
        self._uses = fields_used(trees, name)
        self._make = compiler
        self._compiler: Compiler | None = None
        self._bodies: dict[type, Body] = {}

    def execute(self, data: Any) -> str:
        """The template's text for one dot. Raises TemplateError in Go's words where it fails."""
        try:
            run, slots, line = self._bodies.get(data.__class__) or self._prepare(data)
            if line is not None:
                text: str = line(Frame(data, _no_writer, slots))
            else:
                out = Writer()
                run(Frame(data, out.write, slots))
                text = out.text()
        except RecursionError:
            raise TemplateError(f"template: {self.name}: nested too deeply") from None
        except CallError as refusal:
            raise TemplateError(f"template: {self.name}: {refusal}") from None
        return text if text.isascii() else _STRAY_BYTES.sub("\ufffd", text)

    def uses(self) -> frozenset[str] | None:
        """The fields of the top-level dot that the template reads; None where it uses dot as a whole."""
        return self._uses

    def _prepare(self, data: Any) -> Body:
        if self._compiler is None:
            self._compiler = self._make()
        body = self._bodies[data.__class__] = self._compiler.body(self.name, struct_type(data))
        return body


def _no_writer(text: str) -> None:
    raise AssertionError("a template without branches gives its text as a whole")


def _escaped(text: str, name: str, trees: dict[str, nodes.NodeList], functions: Mapping[str, Function]) -> Compiler:
    escaped = escape_trees(text, name, trees)
    return Compiler(text, name, escaped, {**functions, **ESCAPERS})
