"""What can be said of a script without a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from grammar.tickscript.ast import TickscriptError
from grammar.tickscript.parser import parse
from services.pipeline.compiler.compile import api_error, compile_script
from services.pipeline.compiler.vars import VarsError, parse_vars
from services.pipeline.registry import Registry

ScriptCheck = Callable[[str, Mapping[str, Any], bool], str]
"""check(script, vars, template): why tickbus would refuse it, "" where it would not."""


HandlerCheck = Callable[[Mapping[str, Any]], str]
"""check(handler): why tickbus would refuse a topic's handler, by its kind, options and match, "" where it would not."""


def checking(registry: Registry) -> ScriptCheck:
    """A check by the nodes and handlers that there are."""

    def check(script: str, vars: Mapping[str, Any], template: bool) -> str:
        try:
            compile_script(parse(script), registry, parse_vars(vars), template=template)
        except TickscriptError as error:
            return api_error(error)
        except VarsError as error:
            return str(error)
        return ""

    return check
