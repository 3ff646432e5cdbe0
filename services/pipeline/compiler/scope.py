"""The names that a script has declared."""

from __future__ import annotations

from grammar.tickscript.ast import TickscriptError
from services.pipeline.compiler.values import Value


class Scope(dict[str, Value]):
    """Names and their values. `time` is a name too, of the function."""

    def __contains__(self, name: object) -> bool:
        return name == "time" or super().__contains__(name)

    def __missing__(self, name: str) -> Value:
        names = ",".join(["time", *self])
        raise TickscriptError(f'name "{name}" is undefined. Names in scope: {names}')
