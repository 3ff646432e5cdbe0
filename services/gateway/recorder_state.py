"""What this gateway knows of recordings and replays: its fold over EVENTS, and what recorders answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Any

import orjson

from services import log as logs
from services.bus.connection import Bus
from services.bus.errors import BusError, NobodyThere
from services.bus.events import Event, decode
from services.bus.streams import EVENTS
from services.bus.subjects import ask_subject
from services.store.projection import Projection
from services.store.projections import recordings as fold
from services.store.projections.tasks import Record
from services.store.store import Store

_log = logs.get("gateway")

_FOLD_SECONDS = 10.0
_ASK_SECONDS = 2.0
_EXPORT_SECONDS = 30.0


class RecorderState:
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store) -> None:
        """store: where the fold is kept; it has to be open for as long."""
        self._bus = bus
        self._projection: Projection[Event] = Projection(store, fold.fold, EVENTS, name="recordings")

    async def __aenter__(self) -> RecorderState:
        await self._projection.start(self._bus, fold.SUBJECTS, decode)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._projection.stop()

    @property
    def position(self) -> int:
        """The last event that is in the fold."""
        return self._projection.position

    def get(self, kind: str, id: str) -> Record | None:
        """A `recording`'s or `replay`'s record (see services.store.projections.recordings), None: not there."""
        return fold.record_of(self._projection.state, kind, id)

    def ids(self, kind: str) -> list[str]:
        """All ids of a kind, the newest first."""
        records = self._projection.state.bucket(fold.BUCKETS[kind]).values()
        return [r["id"] for r in sorted(records, key=lambda r: r["sequence"], reverse=True)]

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events of a kind under this id, 0 where there never was one."""
        return self._projection.state.get(fold.LAST, f"{kind}/{id}") or 0

    def counted(self, seq: int) -> bool:
        """Whether an event had an effect: all have, since each rests on the one before it."""
        return True

    async def reached(self, seq: int) -> None:
        """Wait until the event is in the fold. TimeoutError where that takes far too long."""
        await self._projection.reached(seq, _FOLD_SECONDS)

    async def progress(self, kind: str, id: str) -> dict[str, Any]:
        """What a recorder says of what it is at: progress, and size or stats; empty where none is at it."""
        try:
            answer: dict[str, Any] = orjson.loads(
                await self._bus.ask(ask_subject(kind, "progress", id), b"{}", _ASK_SECONDS)
            )
        except NobodyThere:
            return {}
        except (BusError, ValueError) as error:
            _log.warn("no word of the progress", kind=kind, id=id, err=error)
            return {}
        return answer

    async def all_progress(self, kind: str, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What `progress` gives, by id."""
        asked = list(ids)
        return dict(zip(asked, await asyncio.gather(*(self.progress(kind, id) for id in asked)), strict=True))

    async def exported(self, sequence: int, chunk: int) -> bytes:
        """A part of a recording's file, empty behind its last one. Raises BusError."""
        question = orjson.dumps({"sequence": sequence, "chunk": chunk})
        return await self._bus.ask(ask_subject("recorder", "export"), question, _EXPORT_SECONDS)
