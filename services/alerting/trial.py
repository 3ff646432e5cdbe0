"""Trying a service out, as /service-tests does: a message with given options, sent to it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from services.alerting.handler import Around, Refused, Unsent
from services.engine.alerts.info import LEVELS

Sections = Mapping[str, Any]

_SECONDS = 10.0
_NONE: Sections = MappingProxyType({})
_KINDS: Mapping[type, str] = {
    bool: "bool",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
_GO = {bool: "bool", int: "int", str: "string", list: "[]string", dict: "map"}


class BadOptions(ValueError):
    """The options given are none of this service."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One service's test: what a handler's module has as `TEST`.

    service: its name in /service-tests. defaults(sections): its options as JSON, where none are given.
    send(options, around): sends; raises Refused, Unsent or ValueError. levels: the options that are levels.
    """

    service: str
    defaults: Callable[[Sections], dict[str, Any]]
    send: Callable[[Mapping[str, Any], Around], Awaitable[None]]
    levels: tuple[str, ...] = ("level",)

    def options(self, sections: Sections = _NONE) -> dict[str, Any]:
        """What is sent unless given: with sections, as they have it."""
        return self.defaults(sections)

    def merged(self, given: Mapping[str, Any], sections: Sections = _NONE) -> dict[str, Any]:
        """All options, those given before the others. BadOptions where a value is of a wrong type; unknown keys and
        nulls do not count."""
        options = self.defaults(sections)
        for key, value in given.items():
            if key not in options or value is None:
                continue
            usual = list if options[key] is None else type(options[key])
            if type(value) is not usual:
                kind = _KINDS.get(type(value), "value")
                raise BadOptions(f"json: cannot unmarshal {kind} into field {key} of type {_GO.get(usual, 'value')}")
            if key in self.levels:
                level_of(str(value))
            options[key] = value
        return options

    async def run(self, options: Mapping[str, Any], sections: Sections, around: Around) -> None:
        """Send. Raises Refused or ValueError, whose text is what the test ends with."""
        merged = self.merged(options, sections)
        try:
            async with asyncio.timeout(_SECONDS):
                await self.send(merged, replace(around, sections=sections))
        except Unsent as problem:
            raise Refused(str(problem)) from problem
        except TimeoutError:
            raise Refused(f"no answer within {_SECONDS:g} s") from None


def level_of(name: str) -> int:
    """A level by its name, 0 (OK) to 3 (CRITICAL). BadOptions for another word."""
    if name.upper() not in LEVELS:
        raise BadOptions(f"unknown alert level '{name}'")
    return LEVELS.index(name.upper())
