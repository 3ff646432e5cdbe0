"""Storing line protocol in the stream WRITES: for requests, and for inputs that are not HTTP."""

from __future__ import annotations

import hashlib
import time
import urllib.parse

from schemas.config import Config
from services.bus.connection import Bus
from services.bus.errors import BusError, BusUnavailable
from services.bus.subjects import escape, write_subject
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.http.rejection import RequestRejected
from services.gateway.http.writing.cut import LineTooLong, cut
from services.gateway.http.writing.off_loop import off_loop
from services.gateway.http.writing.packer import Packer
from services.lineprotocol.packing.layout import PACKED
from services.process import log as logs

_LONG_KEY = 128
_COMPLAINT_SECONDS = 10.0
_LATELY_SECONDS = 5.0
_log = logs.get("write")


class LineStore:
    """Stores bodies of valid line protocol on one bus."""

    def __init__(self, config: Config, bus: Bus, disk: NatsDisk) -> None:
        self._bus = bus
        self._disk = disk
        self._ack_timeout = config.nats.ack_timeout
        self._default_rp = config.default_retention_policy
        self.packer = Packer(config.nats.pack_writes)
        self._failed = 0
        self._complained = -_COMPLAINT_SECONDS
        self._refused, self._refused_at = "", 0.0

    @property
    def refused_lately(self) -> str:
        """Why the last write was not stored; "" where it was, or where that is a while ago: it may be tried again."""
        return self._refused if time.monotonic() - self._refused_at < _LATELY_SECONDS else ""

    def subject(self, db: str, rp: str) -> str:
        """Where what is written to a database goes; without a retention policy to the default one.

        Raises ValueError where the names are too long.
        """
        return write_subject(db, rp or self._default_rp)

    async def store(
        self,
        subject: str,
        body: bytes,
        precision: str,
        received: int | None = None,
        key: bytes = b"",
        user: str = "",
        packed: bytes | None = None,
    ) -> None:
        """Store the body, in several messages where it is too big for one. received: the time of lines without one, ns,
        None: the present. user: who has written them, "" for anybody: it is kept beside them for those who look back.
        packed: the body so, b"": it is to be stored as it is, None: that is not known.

        With a key each message has an id, so that a repeat of the write fills in what is missing and doubles nothing.
        Raises RequestRejected: 503 where it may be tried again.
        """
        full = self._disk.refuses_data(len(body))
        if full:
            self._complain("write refused", full)
            raise RequestRejected(503, f"the write was not stored, try again: {full}")
        received = time.time_ns() if received is None else received
        headers = {"precision": precision, "received": str(received)}
        if user:
            headers["user"] = urllib.parse.quote(user)
        limit = self._bus.max_data
        name = _message_id(subject, key) if key else None
        try:
            if packed is None:
                packed = await self._packed(body, precision)
            # With a key a repeat must be cut as it was the first time, packed or not.
            if len(body) <= limit or (packed and len(packed) <= limit and not key):
                await self._publish(subject, body, packed, headers, name)
            else:
                for number, part in enumerate(await off_loop(cut, body, limit)):
                    part_name = f"{name}/{number}" if name else None
                    await self._publish(subject, part, await self._packed(part, precision), headers, part_name)
            self._refused = ""
        except LineTooLong as problem:
            raise RequestRejected(413, str(problem)) from problem
        except BusUnavailable as problem:
            self._refused, self._refused_at = f"not acknowledged: {problem}", time.monotonic()
            self._complain("write not acknowledged", problem)
            raise RequestRejected(503, f"the write was not acknowledged, try again: {problem}") from problem
        except BusError as problem:
            self._complain("write refused by the bus", problem)
            raise RequestRejected(500, str(problem)) from problem

    async def _packed(self, body: bytes, precision: str) -> bytes:
        """A body packed, b"" where it is to be stored as it is."""
        return await self.packer.read(body, precision) or b""

    async def _publish(
        self, subject: str, text: bytes, packed: bytes, headers: dict[str, str], name: str | None
    ) -> None:
        """One message, packed if it can be."""
        if packed:
            headers = headers | {PACKED: str(len(text))}
        await self._bus.publish(subject, packed or text, headers, name, timeout=self._ack_timeout)

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
