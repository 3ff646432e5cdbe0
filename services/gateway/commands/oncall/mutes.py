"""Deciding what becomes of mutes. HTTP and the bus both come here."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import orjson

from grammar.golang.quoting import quote
from schemas.api.oncall.mute import MuteRequestSchema
from services.alertlog.oncall.time_intervals import time_interval
from services.bus.connection import Bus
from services.gateway.access.audit import caller
from services.gateway.clients.alerting import AlertingClient
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.commands.decisions import Decisions
from services.gateway.commands.oncall.matchers import check_matchers
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.reading import read_strictly
from services.gateway.readmodels.oncall import OnCallReadModel
from services.process import log as logs
from services.store.folds.event_data import Plain
from services.store.folds.oncall.mutes import MuteRecord

_MOST = 10_000
_MOST_BYTES = 1 << 16  # of one: every gateway and alerting holds all of them
_MOST_INTERVALS = 100
_REQUEST = MuteRequestSchema()

_log = logs.get("gateway")


class MuteCommands:
    """Each command is decided on the read model, and decided anew where somebody else was first."""

    def __init__(self, bus: Bus, state: OnCallReadModel, alerting: AlertingClient, disk: NatsDisk) -> None:
        self._state, self._alerting = state, alerting
        self._decisions = Decisions(bus, state, "mute", disk)

    async def create(self, body: Any) -> MuteRecord:
        """Make a mute; gives its record. Raises OperationError."""
        given = read_strictly(_REQUEST, body)
        id = given.get("id") or str(uuid.uuid4())
        self._decisions.check_id(id)
        handlers = given.get("handlers", [])
        data = {
            "matchers": _matchers(given.get("matchers", []), handlers),
            "handlers": handlers,
            "intervals": _intervals(given.get("intervals")),
            "created-by": given.get("created_by") or caller().user,
            "comment": given.get("comment", ""),
        }
        _check_size(data)

        async def define(expected_version: int) -> None:
            if self._state.mute(id) is not None:
                raise OperationError(400, f"cannot create mute: there is one with the id {quote(id)}")
            if len(self._state.mutes()) >= _MOST:
                raise OperationError(400, f"cannot create mute: there are {_MOST} already")
            await self._decisions.publish(id, "created", data, expected_version)

        await self._decide(id, define)
        return self._there(id)

    async def update(self, id: str, body: Any) -> MuteRecord:
        """Change a mute; gives its record. What is left out stays. Raises OperationError."""
        given = read_strictly(_REQUEST, body)
        if given.get("id", id) != id:
            raise OperationError(400, "id: that of a mute cannot be changed")
        intervals = _intervals(given["intervals"]) if "intervals" in given else None

        async def change(expected_version: int) -> None:
            there = self._there(id)
            handlers = given.get("handlers", list(there.handlers))
            data = {
                "matchers": _matchers(given.get("matchers", there.matchers), handlers),
                "handlers": handlers,
                "intervals": list(there.intervals) if intervals is None else intervals,
                "created-by": given.get("created_by", there.created_by),
                "comment": given.get("comment", there.comment),
            }
            _check_size(data)
            await self._decisions.publish(id, "changed", data, expected_version)

        await self._decide(id, change)
        return self._there(id)

    async def delete(self, id: str) -> None:
        """End a mute; no error where there is none. Raises OperationError."""

        async def delete(expected_version: int) -> None:
            if self._state.mute(id) is not None:
                await self._decisions.publish(id, "deleted", {}, expected_version)

        await self._decide(id, delete)

    async def _decide(self, id: str, decision: Any) -> None:
        async with self._decisions.alone(id):
            await self._decisions.decide(id, decision)
        try:
            # what is written after the answer is muted so; without alerting it is so once that runs
            await self._alerting.folded(0)
        except OperationError as error:
            _log.warn("alerting does not say that it knows of a mute", id=id, err=error)

    def _there(self, id: str) -> MuteRecord:
        record = self._state.mute(id)
        if record is None:
            raise OperationError(404, f"no mute exists with the id {quote(id)}")
        return record


def _matchers(given: Sequence[Plain], handlers: Sequence[str]) -> list[Plain]:
    """As events have them. Raises OperationError where everything would be muted for all handlers."""
    if given:
        return check_matchers(given)
    if not handlers:
        raise OperationError(400, "matchers: at least one is needed, or handlers")
    return []


def _intervals(given: Sequence[Plain] | None) -> list[Plain]:
    """As events have them. Raises OperationError where there are none, or one is none."""
    if not given:
        raise OperationError(400, "intervals: at least one is needed")
    if len(given) > _MOST_INTERVALS:
        raise OperationError(400, f"intervals: there are {len(given)}, more than {_MOST_INTERVALS}")
    for at, one in enumerate(given):
        try:
            time_interval(one)
        except ValueError as error:
            key, colon, why = str(error).partition(": ")
            text = f".{key}: {why}" if colon else f": {key}"
            raise OperationError(400, f"intervals.{at}{text}") from error
    return [dict(one) for one in given]


def _check_size(data: Plain) -> None:
    size = len(orjson.dumps(data))
    if size > _MOST_BYTES:
        raise OperationError(400, f"it is {size} bytes of JSON, more than {_MOST_BYTES}")
