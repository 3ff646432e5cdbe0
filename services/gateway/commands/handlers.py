"""Deciding what becomes of topics' handlers. HTTP and the bus both come here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonpatch
import jsonpointer
import orjson
from marshmallow import ValidationError

from grammar.gotemplate.strconv import quote
from schemas.api.handler import HandlerRequestSchema
from services import log as logs
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.streams import ALERTS
from services.bus.subjects import escape
from services.engine.alerts.mark import put_mark
from services.gateway.alerting import Alerting
from services.gateway.commands.decisions import Decisions, check_in_path
from services.gateway.commands.refusal import Refusal
from services.gateway.disk import Disk
from services.gateway.handler_state import HandlerState
from services.store.projections.handlers import name_of
from services.store.projections.tasks import Record

Check = Callable[[str, Any, str], None]
"""check(kind, options, match): ValueError, in the reference's words, where there can be no such handler."""

_REQUEST = HandlerRequestSchema()
_NAMES = "must contain only letters, numbers, '-', '.' and '_'."
_KEYS = ("id", "kind", "options", "match")
_MOST_COPIED = 1 << 20  # bytes of a handler that is being patched, once something was copied in it

_log = logs.get("gateway")


class HandlerCommands:
    """Each command is decided on the fold, and decided anew where somebody else was first."""

    def __init__(self, bus: Bus, state: HandlerState, alerting: Alerting, check: Check, disk: Disk) -> None:
        self._bus, self._state, self._alerting, self._check = bus, state, alerting, check
        self._decisions = Decisions(bus, state, "handler", disk)

    def check(self, topic: str, body: Any) -> Record:
        """What a request to give a topic a handler asks for. Raises Refusal where that cannot be."""
        new = _spec(topic, _read(body, 400, "invalid handler json"))
        self._possible(new, "failed to create handler")
        return new

    async def create(self, topic: str, body: Any) -> Record:
        """Give a topic a handler; gives its record. Raises Refusal."""
        new = self.check(topic, body)

        async def define(basis: int) -> int:
            if self._state.get(topic, new["id"]) is not None:
                text = f"cannot register handler, handler with ID {quote(new['id'])} already exists"
                raise Refusal(500, f"failed to create handler: {text}")
            return await self._publish(topic, new["id"], "defined", _definition(new), basis)

        async with self._decisions.alone(topic):
            await self._mark(topic, await self._decisions.decide(new["id"], define))
        return new

    async def declare(self, topic: str, body: Any) -> int:
        """Have a handler be what a request to create it says; gives the event by which it is, 0 where it was so.

        Raises Refusal.
        """
        new = self.check(topic, body)

        async def declare(basis: int) -> int:
            old = self._state.get(topic, new["id"])
            if old is not None and _definition(old) == _definition(new):
                return 0
            return await self._publish(topic, new["id"], "updated" if old else "defined", _definition(new), basis)

        async with self._decisions.alone(topic):
            seq = await self._decisions.decide(new["id"], declare)
            if seq:
                await self._mark(topic, seq)
        return seq

    async def replace(self, topic: str, id: str, body: Any) -> Record:
        """Put another handler in the place of one; gives the new record. Raises Refusal."""
        self._there(topic, id)
        new = _spec(topic, _read(body, 400, "failed to unmarshal JSON"))
        return await self._update(topic, id, lambda old: new)

    async def patch(self, topic: str, id: str, operations: Any) -> Record:
        """Change a handler by a JSON patch (RFC 6902) of it; gives the new record. Raises Refusal."""
        self._there(topic, id)
        return await self._update(topic, id, lambda old: _patched(topic, old, operations))

    async def delete(self, topic: str, id: str) -> None:
        """Take a handler from a topic; no error where there is none. Raises Refusal."""

        async def delete(basis: int) -> int:
            if self._state.get(topic, id) is None:
                return 0
            return await self._publish(topic, id, "deleted", {}, basis)

        async with self._decisions.alone(topic):
            seq = await self._decisions.decide(id, delete)
            if seq:
                await self._mark(topic, seq)

    async def _update(self, topic: str, id: str, change: Callable[[Record], Record]) -> Record:
        async def update(basis: int) -> tuple[int, Record]:
            old = self._there(topic, id)
            new = change(old)
            self._possible(new, "failed to update handler")
            data = _definition(new)
            if new["id"] != id:
                if self._state.get(topic, new["id"]) is not None:
                    raise Refusal(500, "failed to update handler: handler spec already exists")
                data |= {"was": id, "was-sequence": old["sequence"]}
            return await self._publish(topic, new["id"], "updated", data, basis), new

        async with self._decisions.alone(topic):
            seq, new = await self._decisions.decide(id, update)
            await self._mark(topic, seq)
        return new

    def _there(self, topic: str, id: str) -> Record:
        record = self._state.get(topic, id)
        if record is None:
            raise Refusal(404, f"unknown handler: {quote(id)}")
        return record

    def _possible(self, new: Record, failure: str) -> None:
        try:
            self._check(new["kind"], new["options"], new["match"])
        except ValueError as error:
            raise Refusal(500, f"{failure}: {error}") from error

    async def _publish(self, topic: str, id: str, what: str, data: dict[str, Any], basis: int) -> int:
        try:
            position = await self._bus.last_sequence(ALERTS)
        except BusError as error:
            raise Refusal(503, f"the bus cannot be reached: {error}") from error
        return await self._decisions.publish(name_of(topic, id), what, data | {"position": position}, basis)

    async def _mark(self, topic: str, seq: int) -> None:
        """Mark in ALERTS what counts from now on, and wait until alerting has come there: what is written after the
        answer is handled so. Without alerting it is handled so once it runs."""
        try:
            mark = await put_mark(self._bus, topic, seq)
        except BusError as error:
            raise Refusal(503, f"the change is stored, but does not count yet: {error}") from error
        try:
            await self._alerting.folded(mark)
        except Refusal as error:
            _log.warn("alerting does not say that a handler counts", topic=topic, err=error)


def _read(body: Any, status: int, problem: str) -> dict[str, Any]:
    try:
        given: dict[str, Any] = _REQUEST.load(body)
    except ValidationError as error:
        raise Refusal(status, f"{problem}: {_text(error)}") from error
    return given


def _text(error: ValidationError) -> str:
    problems = error.messages_dict if isinstance(error.messages, dict) else {"_schema": error.messages}
    return "; ".join(f"{key}: {value[0] if isinstance(value, list) else value}" for key, value in problems.items())


def _spec(topic: str, given: dict[str, Any]) -> Record:
    """A handler as it was asked for. Raises Refusal where its names are none."""
    if not _named(topic, "-._:"):
        raise Refusal(400, f"invalid handler spec: handler topic {_NAMES} {quote(topic)}")
    if not _named(given["id"], "-._"):
        raise Refusal(400, f"invalid handler spec: handler ID {_NAMES} {quote(given['id'])}")
    check_in_path("invalid handler spec: handler topic", topic)
    check_in_path("invalid handler spec: handler ID", given["id"])
    if not given["kind"]:
        raise Refusal(400, "invalid handler spec: handler Kind must not be empty")
    try:
        escape(name_of(topic, given["id"]))
    except ValueError as error:
        raise Refusal(400, f"invalid handler spec: handler topic and ID are too long: {error}") from error
    return {key: given[key] for key in _KEYS}


def _named(name: str, besides: str) -> bool:
    return bool(name) and all(c in besides or c in "0123456789" or c.isalpha() for c in name)


def _definition(record: Record) -> dict[str, Any]:
    return {key: record[key] for key in ("kind", "options", "match")}


def _patched(topic: str, old: Record, operations: Any) -> Record:
    """What a patch makes of a handler. Raises Refusal."""
    if not isinstance(operations, list):
        raise Refusal(400, "invalid patch json: an array of operations expected")
    spec: Any = {"topic": topic, **{key: old[key] for key in _KEYS}}
    try:
        for operation in operations:
            spec = jsonpatch.apply_patch(spec, [operation])
            if operation.get("op") == "copy" and len(orjson.dumps(spec)) > _MOST_COPIED:
                raise Refusal(400, "failed to apply patch: too much is copied")
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        raise Refusal(400, f"failed to apply patch: {error}") from error
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise Refusal(400, f"failed to apply patch: not an operation that fits: {error}") from error
    new = _spec(topic, _read(spec, 500, "failed to unmarshal patched json"))
    if spec.get("topic", topic) != topic:
        raise Refusal(500, "failed to update handler: cannot change topic in update")
    return new
