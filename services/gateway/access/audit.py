"""Who changes what: one line in the audit log for each command that may change something, whatever became of it, and
the caller's name on the events that came of it."""

from __future__ import annotations

import contextlib
import getpass
import os
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from services.bus.events import Event
from services.gateway.operations.paths import BASE
from services.process import log as logs

_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_READING = frozenset({"get", "list"})
_BACKUP = f"{BASE}/storage/backup"
_CHANGES_NOTHING = frozenset({f"{BASE}/lint"})

USER_HEADER = "Tickbus-User"
"""Of a command on the bus: in whose name it is asked. Whoever has the bus's credentials is believed."""

_log = logs.get("audit")


@dataclass(slots=True)
class Caller:
    """Who asks for something, and what came of it.

    user: as whom, "" where nobody needs to say. via: "http", "bus", "load directory". host: from where, "" unless it is
    known. events: what was stored.
    """

    user: str = ""
    via: str = ""
    host: str = ""
    events: list[str] = field(default_factory=list)

    def stored(self, event: Event, seq: int) -> None:
        """An event of this caller's is stored."""
        self.events.append(f"{event.kind}/{event.id}/{event.what}#{seq}")

    def wrote(self, what: str, **keys: Any) -> None:
        """Write the line."""
        who = {"user": self.user or "anonymous", "via": self.via} | ({"from": self.host} if self.host else {})
        events = {"facts": " ".join(self.events)} if self.events else {}
        _log.info(what, **who, **keys, **events)


_caller: ContextVar[Caller] = ContextVar("caller")


@contextlib.contextmanager
def calling(caller: Caller) -> Iterator[Caller]:
    """What is decided within is asked for by this caller."""
    before = _caller.set(caller)
    try:
        yield caller
    finally:
        _caller.reset(before)


def operator(command: str) -> Caller:
    """Whoever runs a command of ours on this machine."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # nobody has this uid
        name = f"uid {os.getuid()}"
    return Caller(f"{name} ({command})", "bus")


def caller() -> Caller:
    """Who asks for what is being decided; somebody unknown where nobody has said."""
    return _caller.get(None) or Caller()


def changes_over_http(method: str, path: str) -> bool:
    """Whether a request may change something, or takes all there is along."""
    if method == "GET":
        return path == _BACKUP
    return method in _CHANGING and path not in _CHANGES_NOTHING


def changes_over_bus(method: str, verb: str) -> bool:
    """Whether a command may change something; method: that of the same request, "" where HTTP has none."""
    return method in _CHANGING or (not method and verb not in _READING)
