"""What clients give and take, as the API's JSON has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["OK", "INFO", "WARNING", "CRITICAL"]
Precision = Literal["n", "u", "ms", "s", "m", "h"]

PAGE = 100
"""How many tasks are asked for at a time."""


@dataclass(frozen=True, slots=True)
class Dbrp:
    """A database and a retention policy."""

    db: str
    rp: str = "autogen"


@dataclass(frozen=True, slots=True)
class Task:
    """A task as the server shows it.

    type: "stream" or "batch". enabled: whether it is to run; executing: whether it does. error: why it does not, ""
    where nothing is wrong. vars: by name, {"type": …, "value": …}. stats: points and errors by node, while it runs.
    """

    id: str
    type: str
    dbrps: tuple[Dbrp, ...]
    script: str
    enabled: bool
    executing: bool
    error: str
    template_id: str
    vars: Mapping[str, Any]
    stats: Mapping[str, Any]

    @classmethod
    def read(cls, view: Mapping[str, Any]) -> Task:
        """A task of the API's JSON."""
        return cls(
            id=view["id"],
            type=view["type"],
            dbrps=tuple(Dbrp(one["db"], one["rp"]) for one in view["dbrps"]),
            script=view["script"],
            enabled=view["status"] == "enabled",
            executing=view["executing"],
            error=view["error"],
            template_id=view.get("template-id", ""),
            vars=view["vars"] or {},
            stats=view["stats"] or {},
        )


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of alerts. level: of its worst event. collected: how many events it had."""

    id: str
    level: Level
    collected: int

    @classmethod
    def read(cls, view: Mapping[str, Any]) -> Topic:
        """A topic of the API's JSON."""
        return cls(view["id"], view["level"], view["collected"])


@dataclass(frozen=True, slots=True)
class Event:
    """The last event of an alert's id in a topic. time: RFC 3339. duration: how long it is not OK, as Go writes it."""

    id: str
    level: Level
    message: str
    details: str
    time: str
    duration: str

    @classmethod
    def read(cls, view: Mapping[str, Any]) -> Event:
        """An event of the API's JSON."""
        state = view["state"]
        return cls(view["id"], state["level"], state["message"], state["details"], state["time"], state["duration"])


def definition(
    id: str,
    script: str,
    dbrps: Iterable[Dbrp],
    template_id: str,
    vars: Mapping[str, Any] | None,
    enabled: bool,
) -> dict[str, Any]:
    """What a task is created with."""
    asked: dict[str, Any] = {"id": id, "status": "enabled" if enabled else "disabled"}
    if script:
        asked["script"] = script
    if template_id:
        asked["template-id"] = template_id
    if dbrps := list(dbrps):
        asked["dbrps"] = [{"db": one.db, "rp": one.rp} for one in dbrps]
    if vars:
        asked["vars"] = dict(vars)
    return asked
