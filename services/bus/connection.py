"""The bus as every service sees it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import BinaryIO

from services.bus import backups, broadcast, inventory, requests, streams
from services.bus.account import differences
from services.bus.account.differences import Difference, Survey
from services.bus.account.ensure import ensure_stream, ensure_streams
from services.bus.account.kept import DEFAULT_WISHES, Wishes, kept_bucket, kept_objects, notices_shape
from services.bus.account.permitted import check_permitted
from services.bus.account.room import account_of, check_room
from services.bus.account.settings import NatsSettings, credentials_of, names_of, wishes_of
from services.bus.broadcast import Subscription
from services.bus.buckets.chunks import ChunkBucket
from services.bus.buckets.dead_letters import DeadLetters
from services.bus.buckets.kv import Bucket
from services.bus.buckets.objects import Objects
from services.bus.errors import ApiError
from services.bus.follow import MAX_BYTES, MAX_MESSAGES, Follower, StoredMessage
from services.bus.inventory import Listed
from services.bus.publish import PUBLISH_TIMEOUT, PubAck, Publisher
from services.bus.requests import REQUEST_TIMEOUT, Handler, Responder
from services.bus.streams import StreamState
from services.bus.transport.credentials import Credentials
from services.bus.transport.link import Link
from services.bus.transport.names import PLAIN, Names

CONNECT_TIMEOUT = 10.0
_HEADER_ROOM = 2048


class Bus:
    """A connection to NATS with JetStream. Make it with `Bus.connect`; it then reconnects by itself for ever."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._publisher = Publisher(link)
        self.dead_letters = DeadLetters(link, self._publisher)

    @classmethod
    async def connect(
        cls,
        url: str,
        name: str = "tickbus",
        credentials: Credentials | None = None,
        timeout: float = CONNECT_TIMEOUT,
        names: Names = PLAIN,
    ) -> Bus:
        """Connect to `nats://[user:password@]host:port`, or to several of a cluster, divided by commas.

        BusUnavailable where no server is reached within `timeout` seconds, or at once where it refuses the
        credentials. From then on nothing is raised in the background: losing and regaining the server are log lines.
        names: what things are called there, where several tickbuses share it.
        """
        link = Link(name, names)
        await link.open(url, credentials or Credentials(), timeout)
        return cls(link)

    @classmethod
    async def of(cls, nats: NatsSettings, name: str, timeout: float = CONNECT_TIMEOUT, url: str = "") -> Bus:
        """Connect as a section [nats] says. url: in place of the section's. Errors as in `connect`.

        A URL that holds credentials has its own.
        """
        url = url or nats.url
        return await cls.connect(url, name, credentials_of(nats, url), timeout, names_of(nats))

    @classmethod
    async def for_service(cls, nats: NatsSettings, name: str) -> Bus:
        """The same, with the streams there that every service needs. Errors as in `ensure_streams` too."""
        bus = await cls.of(nats, name)
        try:
            await bus.ensure_streams(wishes_of(nats))
        except BaseException:
            await bus.close()
            raise
        return bus

    async def another(self, name: str) -> Bus:
        """One more connection to the same NATS, for the event loop in which this is awaited. BusUnavailable."""
        link = Link(name, self._link.names)
        await link.open(*self._link.opened, CONNECT_TIMEOUT)
        return Bus(link)

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

    async def lacks(self, stream: str) -> str:
        """Why nothing can be done with a stream at this moment, "" where something can. Raises BusError."""
        if not self.connected:
            return "not connected"
        try:
            await streams.stream_state(self._link, stream)
        except ApiError as error:
            if error.code == 404:
                return f"the stream {self._link.names.stream(stream)} is not there"
            raise
        return ""

    @property
    def name(self) -> str:
        """What this connection is called in logs and in the server's monitoring."""
        return self._link.name

    @property
    def max_payload(self) -> int:
        """The largest message the server takes, in bytes, headers included."""
        return self._link.max_payload

    @property
    def max_data(self) -> int:
        """The same without headers, where these are a few hundred bytes."""
        return self.max_payload - _HEADER_ROOM

    @property
    def in_flight(self) -> int:
        """Published messages that JetStream has not yet acknowledged."""
        return self._publisher.in_flight

    @property
    def in_flight_bytes(self) -> int:
        """How large they are together, headers included."""
        return self._publisher.in_flight_bytes

    async def ensure_streams(self, wishes: Wishes = DEFAULT_WISHES) -> None:
        """Make WRITES, EVENTS and ALERTS where they are not there; safe when several services do so at once.

        What is there stays as it is: see `survey` and `apply`. Raises Foreign where it is somebody else's, NoRoom where
        the account may keep no more, NotPermitted, BusError.
        """
        self.dead_letters.replicas = wishes.replicas
        await ensure_streams(self._link, wishes)

    async def survey(self, wishes: Wishes) -> Survey:
        """What of all that is kept is not there, or is kept otherwise than is wanted. Raises Foreign, BusError."""
        return await differences.survey(self._link, wishes)

    async def prepare(self, wishes: Wishes) -> None:
        """See that this NATS can be used, before anything is made there; then make the streams.

        Raises NotPermitted, Foreign, NoRoom, BusError.
        """
        await check_permitted(self._link)
        account = await account_of(self._link)
        found = await self.survey(wishes)
        check_room(account, self.names, wishes, found.missing)
        await self.ensure_streams(wishes)

    def apply(self, wishes: Wishes) -> AsyncIterator[Difference]:
        """Have what is there be kept as is wanted; gives what has changed, once it has. Raises Foreign, BusError."""
        return differences.apply(self._link, wishes)

    @property
    def names(self) -> Names:
        """What things are called on this NATS."""
        return self._link.names

    async def ensure_notices(self, wishes: Wishes = DEFAULT_WISHES) -> None:
        """Make NOTICES where it is not there. Errors as in `ensure_streams`."""
        await ensure_stream(self._link, notices_shape(wishes.notices))

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
        created: str = "",
        headers_only: bool = False,
        arrived: asyncio.Event | None = None,
    ) -> Follower:
        """Read a stream's messages of these subjects from the one after sequence `after`, in order, for ever.

        Use as `async with bus.follow(…) as f: messages = await f.batch()`. max_messages bounds one batch, max_bytes
        what waits in memory (at least twice max_payload). Without subjects it waits for ever. Subjects may have
        wildcards; two of them must not overlap in part (`a.*` with `*.b`).

        created: when the stream was made that `after` belongs to. `batch` and `lag` then raise StreamWentBack where the
        stream turns out to be another, or to have lost what was read. headers_only: messages come without their data.
        arrived: is set when there may be something to `take`, for who waits for other things as well.
        """
        went_back = functools.partial(streams.went_back, self._link, stream, created) if created else None
        return Follower(self._link, stream, subjects, after, max_messages, max_bytes, went_back, headers_only, arrived)

    async def listed(self) -> list[Listed]:
        """All streams, buckets and object stores that are this tickbus's, by our names. Raises BusError."""
        return await inventory.listed(self._link)

    async def stream_state(self, stream: str) -> StreamState:
        """First and last sequence, size and creation time of a stream. ApiError (code 404) where it does not exist."""
        return await streams.stream_state(self._link, stream)

    async def went_back(self, stream: str, created: str, seq: int, time_ns: int = 0) -> bool:
        """Whether a stream, which was made at `created`, does not hold any more what it held: it was made anew, or is
        shorter than `seq`, or has a message of another time (ns) there."""
        return await streams.went_back(self._link, stream, created, seq, time_ns)

    async def last_sequence(self, stream: str) -> int:
        """The last sequence of a stream, 0 where it never held a message."""
        return (await streams.stream_state(self._link, stream)).last_seq

    async def last_subject_sequence(self, subject: str) -> int:
        """The last sequence of a subject (wildcards allowed) of all that was acknowledged, 0 where there is none."""
        return await streams.last_subject_sequence(self._link, subject)

    async def last_message(self, subject: str) -> StoredMessage | None:
        """The last message of one subject of the three streams, None where it has none.

        In a cluster it may be the one before, for a moment.
        """
        return await streams.last_message(self._link, subject)

    async def get_message(self, stream: str, seq: int) -> StoredMessage | None:
        """One message by its sequence, None where the stream has it not (any more)."""
        return await streams.get_message(self._link, stream, seq)

    async def first_message(self, stream: str, seq: int) -> StoredMessage | None:
        """The first message with this sequence or a later one, None where the stream has none."""
        return await streams.first_message(self._link, stream, seq)

    def set_aside(self, stream: str, message: StoredMessage, why: str) -> None:
        """Count a message that cannot be used, and keep it among the dead letters; without waiting for that."""
        self.dead_letters.keep(stream, message.seq, message.subject, message.data, message.headers, why)

    async def purge(self, stream: str, subject: str, through: int) -> int:
        """Delete the messages of a subject (wildcards allowed) up to a sequence; gives how many. Raises BusError."""
        return await streams.purge(self._link, stream, subject, through)

    async def delete_message(self, stream: str, seq: int) -> None:
        """Delete one message; one that is not there (any more) is no error. Raises BusError."""
        await streams.delete_message(self._link, stream, seq)

    async def subjects_of(self, stream: str, filter: str) -> dict[str, int]:
        """Of which subjects (wildcards allowed) a stream holds messages, and how many. Raises BusError."""
        return await streams.subjects_of(self._link, stream, filter)

    def answer(self, subject: str, handler: Handler, queue: str | None = None) -> Responder:
        """Answer what is asked on a subject with `await handler(data, headers)`; goes on over reconnects.

        queue: of all who answer the subject under one queue name, one gets each question. Questions are answered side
        by side. A handler that raises is logged, and the asker gets RequestFailed. End it with `.stop()`.
        """
        return Responder(self._link, subject, handler, queue or "")

    async def request(
        self, subject: str, data: bytes, timeout: float = REQUEST_TIMEOUT, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """One answer, of any size.

        Raises NobodyThere at once where nobody answers this subject, BusTimeout after `timeout` seconds, RequestFailed
        where the handler failed, BusUnavailable without connection.
        """
        return await requests.request(self._link, subject, data, timeout, headers)

    async def request_all(
        self,
        subject: str,
        data: bytes,
        expected: int | None = None,
        timeout: float = REQUEST_TIMEOUT,
        headers: Mapping[str, str] | None = None,
    ) -> list[bytes]:
        """The answers of all who listen, in the order they come: until `expected` have answered (failures count, but
        are only logged) or `timeout` seconds have passed. Empty at once where nobody listens."""
        return await requests.request_all(self._link, subject, data, expected, timeout, headers)

    async def send(self, subject: str, data: bytes, headers: Mapping[str, str]) -> None:
        """Publish one message to whoever has the subject; returns once the server has taken it.

        Raises BusUnavailable, NotPermitted, PayloadTooLarge, ValueError for a bad header.
        """
        await broadcast.send(self._link, subject, data, headers, PUBLISH_TIMEOUT)

    def broadcast(self, subject: str, data: bytes, now: bool = False) -> None:
        """Say something to all who listen now; nobody keeps it. Raises BusUnavailable, PayloadTooLarge.

        now: do not gather it with what this turn of the event loop says besides.
        """
        broadcast.broadcast(self._link, subject, data, now)

    def listen(self, subject: str, heard: Callable[[bytes], None]) -> Subscription:
        """Call with the data of all that is told on a subject (wildcards allowed); goes on over reconnects.

        It must not block. End it with `.stop()`.
        """
        return Subscription(self._link, subject, heard)

    def backup(self) -> AsyncIterator[bytes]:
        """A copy of all streams, buckets and objects, piece by piece; see services.bus.backups. Raises BusError."""
        return backups.backup(self._link)

    async def restore(self, file: BinaryIO) -> list[str]:
        """Make everything of a backup on a NATS that has nothing of this tickbus; gives their names. Raises ValueError,
        BusError."""
        return await backups.restore(self._link, file)

    async def bucket(self, name: str, replicas: int = 1) -> Bucket:
        """A key-value bucket of those in services.bus.account.kept, created where it is not there."""
        return await Bucket.open(self._link, self._publisher, name, kept_bucket(name, replicas))

    async def objects(self, name: str, replicas: int = 1) -> Objects:
        """An object store of those in services.bus.account.kept, created where it is not there."""
        return await Objects.open(self._link, self._publisher, name, kept_objects(name, replicas))

    def chunks(self, name: str) -> ChunkBucket:
        """The pieces beside an object store."""
        return ChunkBucket(self._link, self._publisher, name)
