"""POST /write, /api/v2/write and /api/v3/write_lp: line protocol from HTTP to the stream WRITES. The hot path.

A body goes to the bus as it came (ungzipped), a large one packed; nothing is made of its points here.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from grammar.golang.quoting import quote
from schemas.api.operations import V2WriteSchema, V3WriteSchema, WriteSchema
from schemas.config import Config
from services.gateway.access.privileges import Privilege, User, database_resource
from services.gateway.http.answers import RETRY_AFTER_SECONDS, Answer
from services.gateway.http.connections.bodies import Bodies, Held
from services.gateway.http.gunzip import gunzip
from services.gateway.http.query import read_query
from services.gateway.http.rejection import RequestRejected
from services.gateway.http.writing.dialects import AUTO, V1, V2, V3, Dialect
from services.gateway.http.writing.gathering import Gathering
from services.gateway.http.writing.line_store import LineStore
from services.gateway.http.writing.off_loop import off_loop
from services.gateway.http.writing.write_request import WRITE_PATHS, WriteRequest
from services.gateway.operations.operation import Description
from services.gateway.operations.paths import V2_WRITE, V3_WRITE
from services.lineprotocol.timed import in_nanoseconds
from services.lineprotocol.validate import check
from services.process import log as logs

ReadBody = Callable[[int, Held], Awaitable[bytes]]
"""Reads a request's body whole, on an account of what it takes in memory.

Raises ClientDisconnected, and RequestRejected where it is larger than so many bytes, does not come in time, or there is
no room for it.
"""

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
    for path in sorted(WRITE_PATHS - {V2_WRITE, V3_WRITE})
] + [
    (
        "POST",
        V2_WRITE,
        Description(
            about="Write points as to InfluxDB 2.x. Mistakes are told as there: a code and a message.",
            parameters=V2WriteSchema,
            body=("text/plain",),
            answers={204: None},
            errors=(400, 413),
        ),
    ),
    (
        "POST",
        V3_WRITE,
        Description(
            about="Write points as to InfluxDB 3; of a body with mistakes nothing is written.",
            parameters=V3WriteSchema,
            body=("text/plain",),
            answers={204: None},
            errors=(400, 413),
        ),
    ),
]
"""What the documents say of it."""

_MOST_KEPT = 1000
_WRITTEN = Answer(204)
_LATER = ((b"retry-after", str(RETRY_AFTER_SECONDS).encode()),)
_log = logs.get("write")


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a write goes. problem: why it cannot go there."""

    db: str
    precision: str
    subject: str
    problem: str


class Writes:
    """Takes writes for one bus."""

    def __init__(self, config: Config, store: LineStore, bodies: Bodies) -> None:
        self._store, self._packer = store, store.packer
        self._bodies = bodies
        self._max_body = config.http.max_body_size
        self._trace = config.http.write_tracing
        self._v1 = V1()
        self._dialects: dict[str, Dialect] = {V2_WRITE: V2(config.http.buckets), V3_WRITE: V3(config.http.buckets)}
        self._targets: dict[tuple[Dialect, bytes], _Target] = {}
        self._gathering = Gathering(store.store)

    async def __call__(self, request: WriteRequest, read: ReadBody, user: User | None = None) -> Answer:
        """The answer to one request, whose body `read` reads. user: whose it is, None: anybody may write.

        204 only once JetStream has the points. 400 for what does not parse and for a missing db, 401 (2.x and 3: 403)
        for a database that the user may not write to (in this order, as Kapacitor 1.5.7), 413 for a body over the
        limit, 503 where JetStream does not acknowledge or its disk is nearly full. Raises ClientDisconnected where
        `read` does: a client that hangs up in the middle has written nothing.
        """
        dialect: Dialect = self._dialects.get(request.path, self._v1)
        try:
            with self._bodies.hold() as held:
                await self._write(request, dialect, await read(self._max_body, held), user, held)
        except RequestRejected as refused:
            body = dialect.error(refused.status, str(refused))
            return Answer(refused.status, body, _LATER if refused.status == 503 else ())
        return _WRITTEN

    async def _write(self, request: WriteRequest, dialect: Dialect, body: bytes, user: User | None, held: Held) -> None:
        received = time.time_ns()
        if request.gzip:
            body = await off_loop(gunzip, body, self._max_body)
            held.grow(len(body))
        if self._trace:
            _log.debug("write body received", body=body.decode("utf-8", "replace"))
        target = self._targets.get((dialect, request.query)) or self._target(dialect, request.query)
        precision = target.precision
        packed = await self._packer.read(body, precision)
        if packed is None:
            error = await off_loop(check, body, precision)
            if error is not None:
                raise RequestRejected(400, error)
            packed = b""
        if not target.db:
            raise RequestRejected(400, dialect.missing)
        if user is not None and not user.may(database_resource(target.db), Privilege.WRITE):
            text = f"{quote(user.name)} user is not authorized to write to database {quote(target.db)}"
            raise RequestRejected(dialect.not_allowed, text)
        if not body or body.isspace():
            return
        if target.problem:
            raise RequestRejected(400, target.problem)
        if precision is AUTO:
            body, precision, packed = await off_loop(in_nanoseconds, body), "n", None
        name = "" if user is None else user.name
        if not request.key and Gathering.takes(body):
            await self._gathering.write(target.subject, precision, body, name)
            return
        await self._store.store(target.subject, body, precision, received, request.key, name, packed)

    def _target(self, dialect: Dialect, query: bytes) -> _Target:
        """Clients repeat themselves, so what was found out is kept."""
        place = dialect.place({name: values[0] for name, values in read_query(query).items()})
        subject, problem = "", place.problem
        try:
            subject = self._store.subject(place.db, place.rp)
        except ValueError as error:
            problem = problem or str(error)
        target = _Target(place.db, place.precision, subject, problem)
        if len(self._targets) >= _MOST_KEPT:
            self._targets.clear()
        self._targets[dialect, query] = target
        return target
