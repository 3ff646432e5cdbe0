"""What of a task decides what runs, as it was when a run, a recording or a replay of it was meant to begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """type: `stream` or `batch`. dbrps: databases and retention policies. vars: as JSON has them."""

    type: str
    script: str
    dbrps: tuple[tuple[str, str], ...]
    vars: Mapping[str, Any]

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> TaskDefinition:
        """Of what projections and events hold."""
        return cls(plain["type"], plain["script"], pairs_of(plain["dbrps"]), plain["vars"])

    def to_plain(self) -> dict[str, Any]:
        """The same for projections and events to hold."""
        return {"type": self.type, "script": self.script, "dbrps": plain_dbrps(self.dbrps), "vars": self.vars}


def pairs_of(dbrps: Any) -> tuple[tuple[str, str], ...]:
    """Databases and retention policies, of [{"db", "rp"}]."""
    return tuple((dbrp["db"], dbrp["rp"]) for dbrp in dbrps)


def plain_dbrps(dbrps: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    """[{"db", "rp"}]."""
    return [{"db": db, "rp": rp} for db, rp in dbrps]
