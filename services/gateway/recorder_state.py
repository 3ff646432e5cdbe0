"""What this gateway knows of recordings and replays: its fold over EVENTS, and what recorders answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import orjson

from services import log as logs
from services.bus.connection import Bus
from services.bus.errors import BusError, NobodyThere
from services.bus.subjects import ask_subject
from services.gateway.fold_state import FoldState
from services.store.projections import recordings as fold
from services.store.projections.tasks import Record
from services.store.store import Store

_log = logs.get("gateway")

_ASK_SECONDS = 2.0
_EXPORT_SECONDS = 30.0


class RecorderState(FoldState):
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store) -> None:
        """store: where the fold is kept; it has to be open for as long."""
        super().__init__(bus, store, fold.fold, fold.SUBJECTS, "recordings")

    def get(self, kind: str, id: str) -> Record | None:
        """A `recording`'s or `replay`'s record (see services.store.projections.recordings), None: not there."""
        return fold.record_of(self._state, kind, id)

    def ids(self, kind: str) -> list[str]:
        """All ids of a kind, the newest first."""
        records = self._state.bucket(fold.BUCKETS[kind]).values()
        return [r["id"] for r in sorted(records, key=lambda r: r["sequence"], reverse=True)]

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events of a kind under this id, 0 where there never was one."""
        return self._state.get(fold.LAST, f"{kind}/{id}") or 0

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

    async def listed(self, sequence: int) -> tuple[int, list[int]]:
        """Of how many query nodes a recording of batches is, and for each chunk of which. Raises BusError."""
        question = orjson.dumps({"sequence": sequence})
        answer = orjson.loads(await self._bus.ask(ask_subject("recorder", "list"), question, _EXPORT_SECONDS))
        return answer["streams"], answer["chunks"]

    async def exported(self, sequence: int, chunk: int) -> bytes:
        """A part of a recording's file, empty behind its last one. Raises BusError."""
        question = orjson.dumps({"sequence": sequence, "chunk": chunk})
        return await self._bus.ask(ask_subject("recorder", "export"), question, _EXPORT_SECONDS)
