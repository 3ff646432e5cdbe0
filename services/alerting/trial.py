"""Trying a service out: the tests that handlers of services elsewhere bring along (see trials.py)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.alerting.handler import Around
from services.engine.alerts.info import LEVELS

Sections = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ServiceTest:
    """One service's test: what a handler's module has as `TEST`.

    name: the service's. defaults(sections): the options as JSON where none are given. send(options, around): sends;
    raises ValueError, Refused or Unsent.
    """

    name: str
    defaults: Callable[[Sections], dict[str, Any]]
    send: Callable[[Mapping[str, Any], Around], Awaitable[None]]

    def options(self, sections: Sections) -> dict[str, Any]:
        """What is sent where nothing else is given."""
        return self.defaults(sections)

    async def run(self, options: Mapping[str, Any], sections: Sections, around: Around) -> None:
        """Send. Raises Refused, Unsent or ValueError, whose text is what the test ends with."""
        await self.send(options, replace(around, sections=sections))


def level_of(name: str) -> int:
    """A level by its name, 0 (OK) to 3 (CRITICAL). ValueError for another word."""
    if name not in LEVELS:
        raise ValueError(f"unknown alert level '{name}'")
    return LEVELS.index(name)
