"""The bus as every service sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import BinaryIO

from services.bus import ask as asking
from services.bus import backups, streams
from services.bus import tell as telling
from services.bus.ask import ASK_TIMEOUT, Answering, Handler
from services.bus.follow import MAX_BYTES, MAX_MESSAGES, Follower, Message
from services.bus.kv import Bucket
from services.bus.link import Credentials, Link
from services.bus.objects import Objects
from services.bus.publish import PUBLISH_TIMEOUT, PubAck, Publisher
from services.bus.streams import StreamLimits, StreamState
from services.bus.tell import Hearing

CONNECT_TIMEOUT = 10.0


class Bus:
    """A connection to NATS with JetStream. Make it with `Bus.connect`; it then reconnects by itself for ever."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._publisher = Publisher(link)

    @classmethod
    async def connect(
        cls,
        url: str,
        name: str = "tickbus",
        credentials: Credentials | None = None,
        timeout: float = CONNECT_TIMEOUT,
    ) -> Bus:
        """Connect to `nats://[user:password@]host:port`, or to several of a cluster, divided by commas.

        BusUnavailable where no server is reached within `timeout` seconds, or at once where it refuses the
        credentials. From then on nothing is raised in the background: losing and regaining the server are log lines.
        """
        link = Link(name)
        await link.open(url, credentials or Credentials(), timeout)
        return cls(link)

    async def close(self) -> None:
        """Send what is still to be sent, then end; what waits for an answer fails with BusUnavailable."""
        await self._link.close()

    async def __aenter__(self) -> Bus:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    @property
    def connected(self) -> bool:
        """Whether the server is there at this moment."""
        return self._link.connected

    @property
    def name(self) -> str:
        """What this connection is called in logs and in the server's monitoring."""
        return self._link.name

    @property
    def max_payload(self) -> int:
        """The largest message the server takes, in bytes, headers included."""
        return self._link.max_payload

    @property
    def in_flight(self) -> int:
        """Published messages that JetStream has not yet acknowledged."""
        return self._publisher.in_flight

    @property
    def in_flight_bytes(self) -> int:
        """How large they are together, headers included."""
        return self._publisher.in_flight_bytes

    async def ensure_streams(
        self,
        writes: StreamLimits | None = None,
        events: StreamLimits | None = None,
        alerts: StreamLimits | None = None,
    ) -> None:
        """Create WRITES, EVENTS and ALERTS, or bring them to these limits; safe when several services do so at once."""
        none = StreamLimits()
        await streams.ensure_streams(self._link, writes or none, events or none, alerts or none)

    async def publish(
        self,
        subject: str,
        data: bytes,
        headers: Mapping[str, str] | None = None,
        msg_id: str | None = None,
        expect_last: int | None = None,
        timeout: float = PUBLISH_TIMEOUT,
    ) -> PubAck:
        """Store one message in the stream that holds the subject; returns once JetStream has acknowledged it.

        msg_id: a repeat of it within two minutes is not stored again (the ack then says duplicate).
        expect_last: the subject's last sequence must be this (0: the subject is new), else WrongSequence.

        Raises BusUnavailable (at once while not connected, or after `timeout` seconds), WrongSequence,
        PayloadTooLarge, ValueError for a line break in a header. So many messages and bytes are on their way at
        most; callers beyond that wait their turn within the timeout.
        """
        return await self._publisher.publish(subject, data, headers, msg_id, expect_last, timeout)

    def follow(
        self,
        stream: str,
        subjects: Iterable[str],
        after: int = 0,
        max_messages: int = MAX_MESSAGES,
        max_bytes: int = MAX_BYTES,
    ) -> Follower:
        """Read a stream's messages of these subjects from the one after sequence `after`, in order, for ever.

        Use as `async with bus.follow(…) as f: messages = await f.batch()`. max_messages bounds one batch, max_bytes
        what waits in memory (at least twice max_payload). Without subjects it waits for ever. Subjects may have
        wildcards; two of them must not overlap in part (`a.*` with `*.b`).
        """
        return Follower(self._link, stream, subjects, after, max_messages, max_bytes)

    async def stream_state(self, stream: str) -> StreamState:
        """First and last sequence, size and creation time of a stream. ApiError (code 404) where it does not exist."""
        return await streams.stream_state(self._link, stream)

    async def last_sequence(self, stream: str) -> int:
        """The last sequence of a stream, 0 where it never held a message."""
        return (await streams.stream_state(self._link, stream)).last_seq

    async def last_subject_sequence(self, subject: str) -> int:
        """The last sequence of one subject, 0 where it has no message."""
        message = await streams.last_message(self._link, subject)
        return message.seq if message else 0

    async def last_message(self, subject: str) -> Message | None:
        """The last message of one subject of the three streams, None where it has none."""
        return await streams.last_message(self._link, subject)

    async def get_message(self, stream: str, seq: int) -> Message | None:
        """One message by its sequence, None where the stream has it not (any more)."""
        return await streams.get_message(self._link, stream, seq)

    def answer(self, subject: str, handler: Handler, queue: str | None = None) -> Answering:
        """Answer what is asked on a subject with `await handler(data, headers)`; goes on over reconnects.

        queue: of all who answer the subject under one queue name, one gets each question. Questions are answered side
        by side. A handler that raises is logged, and the asker gets AskFailed. End it with `.stop()`.
        """
        return Answering(self._link, subject, handler, queue or "")

    async def ask(
        self, subject: str, data: bytes, timeout: float = ASK_TIMEOUT, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """One answer, of any size.

        Raises NobodyThere at once where nobody answers this subject, BusTimeout after `timeout` seconds, AskFailed
        where the handler failed, BusUnavailable without connection.
        """
        return await asking.ask(self._link, subject, data, timeout, headers)

    async def ask_all(
        self,
        subject: str,
        data: bytes,
        expected: int | None = None,
        timeout: float = ASK_TIMEOUT,
        headers: Mapping[str, str] | None = None,
    ) -> list[bytes]:
        """The answers of all who listen, in the order they come: until `expected` have answered (failures count, but
        are only logged) or `timeout` seconds have passed. Empty at once where nobody listens."""
        return await asking.ask_all(self._link, subject, data, expected, timeout, headers)

    def tell(self, subject: str, data: bytes) -> None:
        """Say something to all who listen now; nobody keeps it. Raises BusUnavailable, PayloadTooLarge."""
        telling.tell(self._link, subject, data)

    def hear(self, subject: str, heard: Callable[[bytes], None]) -> Hearing:
        """Call with the data of all that is told on a subject (wildcards allowed); goes on over reconnects.

        It must not block. End it with `.stop()`.
        """
        return Hearing(self._link, subject, heard)

    def backup(self) -> AsyncIterator[bytes]:
        """A copy of all streams, buckets and objects, piece by piece; see services.bus.backups. Raises BusError."""
        return backups.backup(self._link)

    async def restore(self, file: BinaryIO) -> list[str]:
        """Make everything of a backup on a server without streams; gives their names. Raises ValueError, BusError."""
        return await backups.restore(self._link, file)

    async def bucket(self, name: str, ttl: float = 0.0, replicas: int = 1) -> Bucket:
        """A key-value bucket, created where it is not there. ttl: seconds after which a key expires, 0 for never."""
        return await Bucket.open(self._link, self._publisher, name, ttl, replicas)

    async def objects(self, name: str, replicas: int = 1) -> Objects:
        """An object store, created where it is not there."""
        return await Objects.open(self._link, self._publisher, name, replicas)
