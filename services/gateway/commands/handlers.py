"""Deciding what becomes of topics' handlers. HTTP and the bus both come here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonpatch
import jsonpointer
import orjson
from marshmallow import ValidationError

from grammar.golang.quoting import quote
from schemas.api.handler import HandlerRequestSchema
from services.alertlog.mark import put_mark
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.positions import EventsSeq
from services.bus.streams import ALERTS
from services.bus.subjects import escape
from services.gateway.clients.alerting import AlertingClient
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.commands.decisions import Decisions, check_in_path
from services.gateway.operations.operation_error import OperationError
from services.gateway.readmodels.handlers import HandlerReadModel
from services.process import log as logs
from services.process.permissions import NotPermitted
from services.store.folds.event_data import Plain
from services.store.folds.handlers import HandlerRecord, name_of

Check = Callable[[str, Any, str], None]
"""check(kind, options, match): ValueError, in the reference's words, where there can be no such handler."""

_REQUEST = HandlerRequestSchema()
_NAMES = "must contain only letters, numbers, '-', '.' and '_'."
_KEYS = ("id", "kind", "options", "match")
_MOST_COPIED = 1 << 20  # bytes of a handler that is being patched, once something was copied in it

_log = logs.get("gateway")


class HandlerCommands:
    """Each command is decided on the read model, and decided anew where somebody else was first."""

    def __init__(
        self, bus: Bus, state: HandlerReadModel, alerting: AlertingClient, check: Check, disk: NatsDisk
    ) -> None:
        self._bus, self._state, self._alerting, self._check = bus, state, alerting, check
        self._decisions = Decisions(bus, state, "handler", disk)

    def check(self, topic: str, body: Any) -> Plain:
        """What a request to give a topic a handler asks for. Raises OperationError where that cannot be."""
        new = _spec(topic, _read(body, 400, "invalid handler json"))
        self._possible(new, "failed to create handler")
        return new

    async def create(self, topic: str, body: Any) -> Plain:
        """Give a topic a handler; gives its record. Raises OperationError."""
        new = self.check(topic, body)

        async def define(expected_version: int) -> int:
            if self._state.get(topic, new["id"]) is not None:
                text = f"cannot register handler, handler with ID {quote(new['id'])} already exists"
                raise OperationError(500, f"failed to create handler: {text}")
            return await self._publish(topic, new["id"], "defined", _definition(new), expected_version)

        async with self._decisions.alone(topic):
            await self._mark(topic, await self._decisions.decide(new["id"], define))
        return new

    async def declare(self, topic: str, body: Any) -> int:
        """Have a handler be what a request to create it says; gives the event by which it is, 0 where it was so.

        Raises OperationError.
        """
        new = self.check(topic, body)

        async def declare(expected_version: int) -> int:
            old = self._state.get(topic, new["id"])
            if old is not None and _definition(old.spec()) == _definition(new):
                return 0
            return await self._publish(
                topic, new["id"], "updated" if old else "defined", _definition(new), expected_version
            )

        async with self._decisions.alone(topic):
            seq = await self._decisions.decide(new["id"], declare)
            if seq:
                await self._mark(topic, seq)
        return seq

    async def replace(self, topic: str, id: str, body: Any) -> Plain:
        """Put another handler in the place of one; gives the new record. Raises OperationError."""
        self._there(topic, id)
        new = _spec(topic, _read(body, 400, "failed to unmarshal JSON"))
        return await self._update(topic, id, lambda old: new)

    async def patch(self, topic: str, id: str, operations: Any) -> Plain:
        """Change a handler by a JSON patch (RFC 6902) of it; gives the new record. Raises OperationError."""
        self._there(topic, id)
        return await self._update(topic, id, lambda old: _patched(topic, old, operations))

    async def delete(self, topic: str, id: str) -> None:
        """Take a handler from a topic; no error where there is none. Raises OperationError."""

        async def delete(expected_version: int) -> int:
            if self._state.get(topic, id) is None:
                return 0
            return await self._publish(topic, id, "deleted", {}, expected_version)

        async with self._decisions.alone(topic):
            seq = await self._decisions.decide(id, delete)
            if seq:
                await self._mark(topic, seq)

    async def _update(self, topic: str, id: str, change: Callable[[HandlerRecord], Plain]) -> Plain:
        async def update(expected_version: int) -> tuple[int, Plain]:
            old = self._there(topic, id)
            new = change(old)
            self._possible(new, "failed to update handler")
            data = _definition(new)
            if new["id"] != id:
                if self._state.get(topic, new["id"]) is not None:
                    raise OperationError(500, "failed to update handler: handler spec already exists")
                data |= {"was": id, "was-sequence": old.sequence}
            return await self._publish(topic, new["id"], "updated", data, expected_version), new

        async with self._decisions.alone(topic):
            seq, new = await self._decisions.decide(id, update)
            await self._mark(topic, seq)
        return new

    def _there(self, topic: str, id: str) -> HandlerRecord:
        record = self._state.get(topic, id)
        if record is None:
            raise OperationError(404, f"unknown handler: {quote(id)}")
        return record

    def _possible(self, new: Plain, failure: str) -> None:
        try:
            self._check(new["kind"], new["options"], new["match"])
        except NotPermitted as error:
            raise OperationError(403, f"{failure}: {error}") from error
        except ValueError as error:
            raise OperationError(500, f"{failure}: {error}") from error

    async def _publish(self, topic: str, id: str, what: str, data: dict[str, Any], expected_version: int) -> int:
        try:
            position = await self._bus.last_sequence(ALERTS)
        except BusError as error:
            raise OperationError(503, f"the bus cannot be reached: {error}") from error
        return await self._decisions.publish(name_of(topic, id), what, data | {"position": position}, expected_version)

    async def _mark(self, topic: str, seq: int) -> None:
        """Mark in ALERTS what counts from now on, and wait until alerting has come there: what is written after the
        answer is handled so. Without alerting it is handled so once it runs."""
        try:
            mark = await put_mark(self._bus, topic, EventsSeq(seq))
        except BusError as error:
            raise OperationError(503, f"the change is stored, but does not count yet: {error}") from error
        try:
            await self._alerting.folded(mark)
        except OperationError as error:
            _log.warn("alerting does not say that a handler counts", topic=topic, err=error)


def _read(body: Any, status: int, problem: str) -> dict[str, Any]:
    try:
        given: dict[str, Any] = _REQUEST.load(body)
    except ValidationError as error:
        raise OperationError(status, f"{problem}: {_text(error)}") from error
    return given


def _text(error: ValidationError) -> str:
    problems = error.messages_dict if isinstance(error.messages, dict) else {"_schema": error.messages}
    return "; ".join(f"{key}: {value[0] if isinstance(value, list) else value}" for key, value in problems.items())


def _spec(topic: str, given: dict[str, Any]) -> Plain:
    """A handler as it was asked for. Raises OperationError where its names are none."""
    if not _named(topic, "-._:/"):
        raise OperationError(400, f"invalid handler spec: handler topic {_NAMES} {quote(topic)}")
    if not _named(given["id"], "-._"):
        raise OperationError(400, f"invalid handler spec: handler ID {_NAMES} {quote(given['id'])}")
    check_in_path("invalid handler spec: handler topic", topic)
    check_in_path("invalid handler spec: handler ID", given["id"])
    if not given["kind"]:
        raise OperationError(400, "invalid handler spec: handler Kind must not be empty")
    try:
        escape(name_of(topic, given["id"]))
    except ValueError as error:
        raise OperationError(400, f"invalid handler spec: handler topic and ID are too long: {error}") from error
    return {key: given[key] for key in _KEYS}


def _named(name: str, besides: str) -> bool:
    return bool(name) and all(c in besides or c in "0123456789" or c.isalpha() for c in name)


def _definition(record: Plain) -> dict[str, Any]:
    return {key: record[key] for key in ("kind", "options", "match")}


def _patched(topic: str, old: HandlerRecord, operations: Any) -> Plain:
    """What a patch makes of a handler. Raises OperationError."""
    if not isinstance(operations, list):
        raise OperationError(400, "invalid patch json: an array of operations expected")
    spec: Any = {"topic": topic, **old.spec()}
    try:
        for operation in operations:
            spec = jsonpatch.apply_patch(spec, [operation])
            if operation.get("op") == "copy" and len(orjson.dumps(spec)) > _MOST_COPIED:
                raise OperationError(400, "failed to apply patch: too much is copied")
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        raise OperationError(400, f"failed to apply patch: {error}") from error
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise OperationError(400, f"failed to apply patch: not an operation that fits: {error}") from error
    new = _spec(topic, _read(spec, 500, "failed to unmarshal patched json"))
    if spec.get("topic", topic) != topic:
        raise OperationError(500, "failed to update handler: cannot change topic in update")
    return new
