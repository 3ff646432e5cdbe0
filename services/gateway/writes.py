"""POST /write: line protocol from HTTP to the stream WRITES. The hot path.

A body goes to the bus as it came (ungzipped); nothing is made of its points here.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from grammar.gotemplate.strconv import quote
from schemas.api.operations import WriteSchema
from schemas.config import Config
from services import log as logs
from services.bus.connection import Bus
from services.bus.errors import BusError, BusUnavailable
from services.bus.subjects import escape, write_subject
from services.engine.lineprotocol.validate import check
from services.gateway.access.privileges import Privilege, User, database_resource
from services.gateway.answers import RETRY_AFTER_SECONDS, Answer
from services.gateway.bodies import Bodies, Held
from services.gateway.cut import LineTooLong, cut
from services.gateway.disk import Disk
from services.gateway.gathering import Gathering
from services.gateway.gunzip import gunzip
from services.gateway.operation import Description
from services.gateway.query import read_query
from services.gateway.refused import Refused
from services.gateway.write_request import WRITE_PATHS, WriteRequest

ReadBody = Callable[[int, Held], Awaitable[bytes]]
"""Reads a request's body whole, on an account of what it takes in memory.

Raises Gone, and Refused where it is larger than so many bytes, does not come in time, or there is no room for it.
"""

PRECISIONS = frozenset({"n", "u", "ms", "s", "m", "h"})

ROUTES = [
    (
        "POST",
        path,
        Description(
            about="Write points, in line protocol. 204 once they are stored; mistakes are told in plain text.",
            parameters=WriteSchema,
            body=("text/plain",),
            answers={204: None},
            errors=(400, 413),
        ),
    )
    for path in sorted(WRITE_PATHS)
]
"""What the documents say of it."""

_HEADER_ROOM = 2048
_LONG_KEY = 128
_OFF_LOOP_BYTES = 4 << 20
_COMPLAINT_SECONDS = 10.0
_MOST_KEPT = 1000
_WRITTEN = Answer(204)
_LATER = ((b"retry-after", str(RETRY_AFTER_SECONDS).encode()),)
_log = logs.get("write")


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a query says a write goes. problem: why it cannot go there."""

    db: str
    precision: str
    subject: str
    problem: str | None


class Writes:
    """Takes writes for one bus."""

    def __init__(self, config: Config, bus: Bus, disk: Disk, bodies: Bodies) -> None:
        self._bus = bus
        self._disk = disk
        self._bodies = bodies
        self._max_body = config.http.max_body_size
        self._ack_timeout = config.nats.ack_timeout
        self._default_rp = config.default_retention_policy
        self._trace = config.http.write_tracing
        self._targets: dict[bytes, _Target] = {}
        self._gathering = Gathering(self._gathered)
        self._failed = 0
        self._complained = -_COMPLAINT_SECONDS

    async def __call__(self, request: WriteRequest, read: ReadBody, user: User | None = None) -> Answer:
        """The answer to one request, whose body `read` reads. user: whose it is, None: anybody may write.

        204 only once JetStream has the points. 400 as plain text for what does not parse and for a missing db, 401
        for a database that the user may not write to (in this order, as Kapacitor 1.5.7), 413 for a body over the
        limit, 503 where JetStream does not acknowledge or its disk is nearly full. Raises Gone where `read` does: a
        client that hangs up in the middle has written nothing.
        """
        try:
            with self._bodies.hold() as held:
                await self._write(request, await read(self._max_body, held), user, held)
        except Refused as refused:
            return Answer(refused.status, f"{refused}\n".encode(), _LATER if refused.status == 503 else ())
        return _WRITTEN

    async def _write(self, request: WriteRequest, body: bytes, user: User | None, held: Held) -> None:
        received = time.time_ns()
        if request.gzip:
            body = await _off_loop(gunzip, body, self._max_body)
            held.grow(len(body))
        if self._trace:
            _log.debug("write body received", body=body.decode("utf-8", "replace"))
        target = self._targets.get(request.query) or self._target(request.query)
        error = await _off_loop(check, body, target.precision)
        if error is not None:
            raise Refused(400, error)
        if not target.db:
            raise Refused(400, "database is required")
        if user is not None and not user.may(database_resource(target.db), Privilege.WRITE):
            text = f"{quote(user.name)} user is not authorized to write to database {quote(target.db)}"
            raise Refused(401, text)
        if not body or body.isspace():
            return
        if target.problem is not None:
            raise Refused(400, target.problem)
        if not request.key and Gathering.takes(body):
            await self._gathering.write(target.subject, target.precision, body)
            return
        headers = {"precision": target.precision, "received": str(received)}
        await self._publish(target.subject, body, headers, request.key)

    async def _gathered(self, subject: str, precision: str, body: bytes) -> None:
        await self._publish(subject, body, {"precision": precision, "received": str(time.time_ns())}, b"")

    def _target(self, query: bytes) -> _Target:
        """Clients repeat themselves, so what was found out is kept."""
        given = {name: values[0] for name, values in read_query(query).items()}
        db, precision = given.get("db", ""), given.get("precision", "n")
        subject, problem = "", None
        try:
            subject = write_subject(db, given.get("rp", "") or self._default_rp)
        except ValueError as error:
            problem = str(error)
        target = _Target(db, precision if precision in PRECISIONS else "n", subject, problem)
        if len(self._targets) >= _MOST_KEPT:
            self._targets.clear()
        self._targets[query] = target
        return target

    async def _publish(self, subject: str, body: bytes, headers: dict[str, str], key: bytes) -> None:
        """Store the body, in several messages where it is too big for one.

        With a key each message has an id, so that a repeat of the write fills in what is missing and doubles nothing.
        """
        full = self._disk.refuses_data(len(body))
        if full:
            self._complain("write refused", full)
            raise Refused(503, f"the write was not stored, try again: {full}")
        limit = self._bus.max_payload - _HEADER_ROOM
        name = _message_id(subject, key) if key else None
        try:
            if len(body) <= limit:
                await self._bus.publish(subject, body, headers, name, timeout=self._ack_timeout)
                return
            pieces = await _off_loop(cut, body, limit)
            for number, piece in enumerate(pieces):
                piece_name = f"{name}/{number}" if name else None
                await self._bus.publish(subject, piece, headers, piece_name, timeout=self._ack_timeout)
        except LineTooLong as problem:
            raise Refused(413, str(problem)) from problem
        except BusUnavailable as problem:
            self._complain("write not acknowledged", problem)
            raise Refused(503, f"the write was not acknowledged, try again: {problem}") from problem
        except BusError as problem:
            self._complain("write refused by the bus", problem)
            raise Refused(500, str(problem)) from problem

    def _complain(self, text: str, error: BusError | str) -> None:
        """Log what goes wrong, not once a write: an outage must not fill the disk with lines about it."""
        self._failed += 1
        now = time.monotonic()
        if now - self._complained >= _COMPLAINT_SECONDS:
            _log.warn(text, err=error, failed=self._failed)
            self._failed, self._complained = 0, now


def _message_id(subject: str, key: bytes) -> str:
    text = escape(key.decode("latin-1")) if len(key) <= _LONG_KEY else hashlib.sha256(key).hexdigest()
    return f"{subject}/{text}"


async def _off_loop(work: Callable[[bytes, Any], Any], body: bytes, argument: Any) -> Any:
    """Big bodies are worked on in a thread, so that other requests go on meanwhile."""
    if len(body) < _OFF_LOOP_BYTES:
        return work(body, argument)
    return await asyncio.to_thread(work, body, argument)
