"""What the nodes of one run have to say of errors: kept with the run, and not in the service's log."""

from __future__ import annotations

from typing import Any

from services.process.log import Log

_MOST_REASONS = 20  # of a node
_LONGEST = 500  # characters of one


class NodeErrors(Log):
    """A log that counts what it is told: by node how often each reason came. For one event loop."""

    __slots__ = ("reasons",)

    def __init__(self) -> None:
        super().__init__("kapacitor")
        self.reasons: dict[str, dict[str, int]] = {}

    def limited(self, key: str, pause: float = 0.0) -> Log:
        """All that is told counts."""
        return self

    def _write(self, level: int, msg: str, keys: dict[str, Any]) -> None:
        reasons = self.reasons.setdefault(str(keys.get("node", "")), {})
        why = f"{msg}: {keys['err']}" if "err" in keys else msg
        why = why[:_LONGEST]
        if why not in reasons and len(reasons) >= _MOST_REASONS:
            why = "other reasons"
        reasons[why] = reasons.get(why, 0) + 1
