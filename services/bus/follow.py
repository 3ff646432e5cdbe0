"""Following a stream: all messages in order, without gap or repeat, whatever happens to connection or server."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, NamedTuple

import orjson

from services.bus.errors import BusError, BusUnavailable, StreamWentBack
from services.bus.transport import headers as wire
from services.bus.transport import nats_errors
from services.bus.transport.link import Link
from services.process import log

_log = log.get("bus")

MAX_MESSAGES = 20_000
MAX_BYTES = 16 << 20

_EXPIRES_SECONDS = 30
_HEARTBEAT_SECONDS = 5
_SILENT_HEARTBEATS = 3
_INACTIVE_SECONDS = 60
_QUIET_SECONDS = 1.0
_BEGIN_SECONDS = 10.0
_PULL_MESSAGES = 1_000_000
_ROOM_FOR_HEADERS = 64 << 10
_RETRY_FIRST, _RETRY_LAST = 0.05, 2.0


class StoredMessage(NamedTuple):
    """One message of a stream. time_ns: when JetStream stored it, ns since 1970."""

    seq: int
    subject: str
    data: bytes
    headers: dict[str, str] | None
    time_ns: int


class Follower:
    """Reads a stream from a position on. Made by Bus.follow; use it as an async context manager.

    Underneath is an ephemeral pull consumer without acknowledgements. Requests to it ask for bytes, and a new one is
    sent when half of what was asked has come, so that data always waits here while memory stays bounded. Whatever
    breaks (connection, server, consumer), a new consumer starts at the message after the last one handed out. Where
    one can tell, it is asked each time whether the stream still is the same one.
    """

    def __init__(
        self,
        link: Link,
        stream: str,
        subjects: Iterable[str],
        after: int,
        max_messages: int,
        max_bytes: int,
        went_back: Callable[[int, int], Awaitable[bool]] | None = None,
        headers_only: bool = False,
        arrived: asyncio.Event | None = None,
    ) -> None:
        """went_back(seq, time): whether the stream is not the one any more that held a message, see streams.went_back.
        Asked before a new consumer counts. arrived: is set when there may be something to `take`."""
        self._link = link
        self._stream = stream
        self._subjects = _without_covered(subjects)
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._position = after
        self._stamp = 0  # of the message there, ns; 0: not known
        self._ask_went_back = went_back
        self._headers_only = headers_only
        self._went_back = False
        self._pending = 0
        self._arrived = arrived or asyncio.Event()
        self._broken = asyncio.Event()
        self._restored = asyncio.Event()
        self._begun = asyncio.Event()
        self._ready = False
        self._closed = False
        self._refusal: BusError | ValueError | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._names: dict[bytes, str] = {}
        self._buffer: list[tuple[bytes, bytes, bytes | None, bytes]] = []
        self._pulls: dict[bytes, int] = {}
        self._asked = self._delivered = self._pull_number = self._sid = 0
        self._consumer = self._inbox = ""
        self._too_small = False
        self._heard = False

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self._stream

    @property
    def position(self) -> int:
        """Sequence of the last message handed out, or where it started."""
        return self._position

    @property
    def pending(self) -> int:
        """How many messages of these subjects the stream held after the last one handed out: the lag."""
        return self._pending

    @property
    def connected(self) -> bool:
        """Whether what is stored comes here at once."""
        return self._ready and not self._broken.is_set()

    @property
    def went_back(self) -> bool:
        """Whether the stream is not the one that was read."""
        return self._went_back

    @property
    def refusal(self) -> BusError | ValueError | None:
        """Why the stream cannot be followed at this moment, None where it can, or nothing is known."""
        return self._refusal

    @property
    def buffered(self) -> bool:
        """Whether messages have come that were not handed out."""
        return bool(self._buffer)

    async def __aenter__(self) -> Follower:
        self._link.on_lost.append(self._on_lost)
        self._link.on_restored.append(self._on_restored)
        if self._subjects:
            self._keeper = self._link.spawn(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        self._wake()
        self._link.on_lost.remove(self._on_lost)
        self._link.on_restored.remove(self._on_restored)
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        self._drop_consumer()

    async def batch(self) -> list[StoredMessage]:
        """Everything that has come, at least one message, in stream order; waits where there is nothing.

        Raises BusError only after the follower or its bus was closed, or StreamWentBack.
        """
        while True:
            while not self._buffer:
                self._check_open()
                self._arrived.clear()
                await self._arrived.wait()
            messages = self._take()
            if messages:
                return messages

    def take(self) -> list[StoredMessage]:
        """As `batch`, without waiting: nothing where nothing has come."""
        if not self._buffer:
            self._check_open()
            return []
        return self._take()

    async def lag(self) -> int:
        """`pending` as soon as JetStream has told it; waits until following has begun."""
        while not self._ready:
            self._check_open()
            self._begun.clear()
            await self._begun.wait()
        return self._pending

    def _check_open(self) -> None:
        if self._went_back:
            raise StreamWentBack(f"{self._stream} is not what it was up to sequence {self._position}")
        if self._closed or self._link.closing:
            raise BusUnavailable("the follower is closed")

    def _take(self) -> list[StoredMessage]:
        """Make messages of what lies in the buffer, as far as its sequences are whole, and ask for more."""
        raw = self._buffer
        if len(raw) > self._max_messages:
            raw = self._buffer[: self._max_messages]
            del self._buffer[: self._max_messages]
        else:
            self._buffer = []
        messages: list[StoredMessage] = []
        position, delivered, pending, size = self._position, self._delivered, b"", 0
        stamp = self._stamp
        names = self._names
        new = tuple.__new__
        # $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<deliveries>.<seq>.<consumer seq>.<time>.<pending>[.<id>]
        splits = 5 if raw[0][1].count(b".") == 11 else 4
        for subject, reply, headers, data in raw:
            words = reply.rsplit(b".", splits)
            seq, consumer_seq = int(words[1]), int(words[2])
            if consumer_seq != delivered + 1 or seq <= position:
                self._warn("a message was lost on the way, asking again")
                self._broken.set()
                break
            delivered, position = consumer_seq, seq
            name = names.get(subject)
            if name is None:
                name = self._name(subject)
            size += len(subject) + len(reply) + len(data)
            decoded = None
            if headers is not None:
                size += len(headers)
                decoded = wire.decode(headers)
            stamp = int(words[3])
            messages.append(new(StoredMessage, (seq, name, data, decoded, stamp)))
            pending = words[4]
        self._position, self._delivered, self._stamp = position, delivered, stamp
        if pending:
            self._pending = int(pending)
        self._asked -= size
        if not (self._pulls or self._buffer):
            self._asked = 0
        self._pull()
        return messages

    def _name(self, subject: bytes) -> str:
        if len(self._names) > 10_000:
            self._names.clear()
        name = self._names[subject] = self._link.names.subject_in(subject.decode("utf-8", "replace"))
        return name

    def _on_message(self, subject: bytes, reply: bytes, headers: bytes | None, data: bytes) -> None:
        self._heard = True
        if not reply:
            self._on_status(subject, headers)
            return
        self._buffer.append((subject, reply, headers, data))
        if len(self._buffer) == 1:
            self._arrived.set()

    def _on_status(self, subject: bytes, headers: bytes | None) -> None:
        status = wire.status(headers)
        if status == 100:
            return
        text = wire.status_text(headers).lower()
        left = int((wire.decode(headers) or {}).get("Nats-Pending-Bytes", 0))
        size = self._pulls.pop(subject, 0)
        if status == 408 or (status == 409 and "maxbytes" in text.replace(" ", "")):
            self._asked -= left
            if not (self._pulls or self._buffer):
                self._asked = 0
            if left >= size > 0 and status == 409:
                self._too_small = True
            self._pull()
        else:
            # 503 no such consumer, 409 consumer deleted, leadership change, server shutdown …
            self._broken.set()

    def _pull(self) -> None:
        """Ask for as much as there is room for, once that is at least half of everything."""
        if not self._ready or self._broken.is_set():
            return
        least = self._link.max_payload + _ROOM_FOR_HEADERS
        room = max(self._max_bytes, 2 * least) - self._asked
        if room < max(self._max_bytes // 2, least):
            return
        request: dict[str, Any] = {
            "batch": _PULL_MESSAGES,
            "max_bytes": room,
            "expires": round(_EXPIRES_SECONDS * 1e9),
            "idle_heartbeat": round(_HEARTBEAT_SECONDS * 1e9),
        }
        if self._too_small:
            # The next message is larger than what this server takes today; it can only come by itself.
            if self._buffer:
                return
            del request["max_bytes"]
            request["batch"] = 1
            self._too_small = False
        self._pull_number += 1
        inbox = f"{self._inbox}.{self._pull_number}"
        try:
            self._link.client.send(
                f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}", orjson.dumps(request), inbox
            )
        except nats_errors.Error:
            self._broken.set()
            return
        self._pulls[inbox.encode()] = room
        self._asked += room

    async def _keep(self) -> None:
        """Make the consumer, watch that it lives, make another when it does not."""
        wait, complained = _RETRY_FIRST, False
        while True:
            try:
                await self._make_consumer()
            except (BusError, ValueError) as error:
                self._refusal = error
                if not complained and self._link.connected:
                    self._warn("cannot follow the stream, trying on", err=error)
                    complained = True
                self._restored.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._restored.wait()
                wait = min(2 * wait, _RETRY_LAST)
                continue
            if self._went_back:
                self._wake()
                return
            wait, complained, self._refusal = _RETRY_FIRST, False, None
            await self._watch()

    async def _watch(self) -> None:
        """Return when the consumer has to be made anew."""
        silent = 0
        while not self._broken.is_set():
            try:
                async with asyncio.timeout(_HEARTBEAT_SECONDS):
                    await self._broken.wait()
            except TimeoutError:
                silent = 0 if self._heard or not self._pulls else silent + 1
                self._heard = False
                if silent >= _SILENT_HEARTBEATS:
                    self._warn("JetStream has gone silent, asking again")
                    return

    async def _make_consumer(self) -> None:
        self._drop_consumer()
        self._clear()
        name = f"tickbus-{secrets.token_hex(8)}"
        config: dict[str, Any] = {
            "name": name,
            "description": self._link.name,
            "ack_policy": "none",
            "inactive_threshold": _INACTIVE_SECONDS * 10**9,
            "mem_storage": True,
            "num_replicas": 1,
            "filter_subjects": self._subjects,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self._position + 1,
            "headers_only": self._headers_only,
        }
        self._inbox = self._link.client.new_inbox()
        self._sid = self._link.client.listen(self._inbox + ".*", self._on_message)
        answer = await self._link.api(
            f"CONSUMER.CREATE.{self._stream}.{name}",
            {"stream_name": self._stream, "config": config, "action": "create"},
        )
        self._consumer = name
        # asked behind its making: what it then is the consumer of is the stream that is asked about
        if self._ask_went_back is not None and await self._ask_went_back(self._position, self._stamp):
            self._went_back = True
            return
        self._pending = answer.get("num_pending", 0)
        self._ready = True
        self._begun.set()
        self._pull()

    def _drop_consumer(self) -> None:
        if self._sid:
            self._link.client.forget(self._sid)
        if self._consumer and self._link.connected:
            try:
                gone = self._link.start(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._consumer}", b"", 5.0)
            except BusError:
                return
            gone.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._sid, self._consumer, self._ready = 0, "", False

    def _clear(self) -> None:
        """Forget everything about the consumer that was."""
        self._buffer = []
        self._pulls = {}
        self._asked = self._delivered = self._pull_number = self._sid = 0
        self._consumer = self._inbox = ""
        self._too_small = self._ready = False
        self._heard = False
        self._broken.clear()

    def _on_lost(self) -> None:
        self._broken.set()
        if self._link.closing:
            self._wake()

    def _warn(self, text: str, **keys: object) -> None:
        _log.warn(
            text, client=self._link.name, stream=self._link.names.stream(self._stream), after=self._position, **keys
        )

    def _wake(self) -> None:
        self._arrived.set()
        self._begun.set()

    def _on_restored(self) -> None:
        self._broken.set()
        self._restored.set()


async def stored(link: Link, stream: str, subject: str) -> list[StoredMessage]:
    """All messages of a subject (it may have wildcards) that a stream holds, in order.

    Where others replace or purge messages meanwhile, the server may still count what it will never send: when nothing
    comes for a moment, it is asked anew how much there is. Raises BusUnavailable where nobody can read for ten seconds.
    """
    messages: list[StoredMessage] = []
    position = 0
    while True:
        async with Follower(link, stream, [subject], position, MAX_MESSAGES, MAX_BYTES) as follower:
            try:
                async with asyncio.timeout(_BEGIN_SECONDS):
                    left = await follower.lag()
            except TimeoutError:
                why = follower.refusal or "no answer"
                raise BusUnavailable(f"{link.names.stream(stream)} cannot be read: {why}") from follower.refusal
            try:
                while left:
                    async with asyncio.timeout(_QUIET_SECONDS):
                        messages += await follower.batch()
                    left = follower.pending
                return messages
            except TimeoutError:
                position = follower.position


def _without_covered(subjects: Iterable[str]) -> list[str]:
    """The subjects without those that a wildcard among them covers: JetStream refuses filters that overlap."""
    every = sorted(set(subjects))
    return [one for one in every if not any(one != other and covers(other, one) for other in every)]


def covers(wide: str, narrow: str) -> bool:
    """Whether every subject that `narrow` matches is also matched by `wide`."""
    wide_tokens, narrow_tokens = wide.split("."), narrow.split(".")
    for at, token in enumerate(wide_tokens):
        if at >= len(narrow_tokens):
            return False
        if token == ">":
            return True
        if token != narrow_tokens[at] and (token != "*" or narrow_tokens[at] == ">"):
            return False
    return len(wide_tokens) == len(narrow_tokens)
