"""Deciding what becomes of silences. HTTP and the bus both come here."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any

import orjson

from grammar.golang.quoting import quote
from grammar.golang.times import format_rfc3339
from schemas.api.oncall.silence import SilenceRequestSchema
from services.bus.connection import Bus
from services.gateway.access.audit import caller
from services.gateway.clients.alerting import AlertingClient
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.commands.decisions import Decisions
from services.gateway.commands.oncall.matchers import check_matchers, worded
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.reading import read_strictly
from services.gateway.readmodels.silences import SilenceReadModel
from services.process import log as logs
from services.store.folds.event_data import Plain
from services.store.folds.silences import SilenceRecord

KEPT_NS = 120 * 3600 * 10**9
"""How long a silence is shown that is over, as in Alertmanager."""

_MOST = 100_000  # that are not over
_MOST_BYTES = 1 << 16  # of one: every gateway and alerting holds all of them
_FORGET_SECONDS = 60.0
_REQUEST = SilenceRequestSchema()

_log = logs.get("gateway")


class SilenceCommands:
    """Each command is decided on the read model, and decided anew where somebody else was first."""

    def __init__(self, bus: Bus, state: SilenceReadModel, alerting: AlertingClient, disk: NatsDisk) -> None:
        self._state, self._alerting = state, alerting
        self._forgot: float | None = None  # when it was last looked what is over for long, monotonic
        self._decisions = Decisions(bus, state, "silence", disk)

    async def create(self, body: Any) -> SilenceRecord:
        """Make a silence; gives its record. Raises OperationError."""
        given = _read(body)
        id = given.get("id") or str(uuid.uuid4())
        self._decisions.check_id(id)
        now = time.time_ns()
        start = max(given.get("start", now), now)
        data = {
            "matchers": _matchers(given.get("matchers")),
            "start": start,
            "end": _end(given, start, now, None),
            "created-by": given.get("created_by") or caller().user,
            "comment": given.get("comment", ""),
        }
        _check_size(data)

        async def define(expected_version: int) -> None:
            there = self._state.get(id)
            if there is not None:
                raise OperationError(400, f"cannot create silence: there is one with the id {quote(id)}")
            if self._state.lasting(now) >= _MOST:
                raise OperationError(400, f"cannot create silence: there are {_MOST} already")
            await self._decisions.publish(id, "created", data, expected_version)

        return await self._decide(id, define)

    async def update(self, id: str, body: Any) -> SilenceRecord:
        """Change a silence that is not over; gives its record. What is left out stays. Raises OperationError."""
        given = _read(body)
        if given.get("id", id) != id:
            raise OperationError(400, "id: that of a silence cannot be changed")

        async def change(expected_version: int) -> None:
            there, now = self._there(id), time.time_ns()
            if there.end <= now:
                raise OperationError(400, f"silence {quote(id)} is over: make another one")
            start = there.start
            if "start" in given and given["start"] != start:
                if start <= now:
                    raise OperationError(400, "start: that of a silence that has begun cannot be changed")
                start = max(given["start"], now)
            data = {
                "matchers": _matchers(given["matchers"]) if "matchers" in given else list(map(worded, there.matchers)),
                "start": start,
                "end": _end(given, start, now, there.end),
                "created-by": given.get("created_by", there.created_by),
                "comment": given.get("comment", there.comment),
            }
            _check_size(data)
            await self._decisions.publish(id, "changed", data, expected_version)

        return await self._decide(id, change)

    async def expire(self, id: str) -> None:
        """End a silence now; no error where there is none, or it is over. Raises OperationError."""

        async def expire(expected_version: int) -> None:
            there, now = self._state.get(id), time.time_ns()
            if there is not None and there.end > now:
                await self._decisions.publish(id, "expired", {"end": now}, expected_version)

        async with self._decisions.alone(id):
            await self._decisions.decide(id, expire)
        await self._known(id)

    async def _decide(self, id: str, decision: Any) -> SilenceRecord:
        await self._forget()
        async with self._decisions.alone(id):
            await self._decisions.decide(id, decision)
        await self._known(id)
        return self._there(id)

    async def _known(self, id: str) -> None:
        """Wait until alerting knows: what is written after the answer is silenced so. Without alerting it is so once
        it runs."""
        try:
            await self._alerting.folded(0)
        except OperationError as error:
            _log.warn("alerting does not say that it knows of a silence", id=id, err=error)

    async def _forget(self) -> None:
        """Delete what is over for long: nobody else does. Once in a while: there may be many to look at."""
        now = time.monotonic()
        if self._forgot is not None and now - self._forgot < _FORGET_SECONDS:
            return
        self._forgot = now
        before = time.time_ns() - KEPT_NS
        for record in self._state.all():
            if record.end < before:

                async def delete(expected_version: int, id: str = record.id) -> None:
                    if self._state.get(id) is not None:
                        await self._decisions.publish(id, "deleted", {}, expected_version)

                await self._decisions.decide(record.id, delete)

    def _there(self, id: str) -> SilenceRecord:
        record = self._state.get(id)
        if record is None:
            raise OperationError(404, f"no silence exists with the id {quote(id)}")
        return record


def _read(body: Any) -> dict[str, Any]:
    given = read_strictly(_REQUEST, body)
    if "end" in given and "duration" in given:
        raise OperationError(400, "duration: it and end exclude each other")
    return given


def _matchers(given: Sequence[Plain] | None) -> list[Plain]:
    """As events have them. Raises OperationError where there are none, or nobody could tell what they are for."""
    if not given:
        raise OperationError(400, "matchers: at least one is needed")
    return check_matchers(given)


def _check_size(data: Plain) -> None:
    size = len(orjson.dumps(data))
    if size > _MOST_BYTES:
        raise OperationError(400, f"it is {size} bytes of JSON, more than {_MOST_BYTES}")


def _end(given: Plain, start: int, now: int, before: int | None) -> int:
    """When it is to end, ns. before: its end until now, None for a new one. Raises OperationError."""
    end: int | None = given.get("end", before)
    if "duration" in given:
        end = start + given["duration"]
    if end is None:
        raise OperationError(400, "end: it or duration is required")
    if end >= 1 << 63:
        raise OperationError(400, "duration: it ends behind the last time there is")
    if end <= max(start, now):
        raise OperationError(400, f"end: {format_rfc3339(end)} is not after its start and now")
    return end
