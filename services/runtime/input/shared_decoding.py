"""Messages of the log to points, once for all tasks of a worker; what cannot be read is set aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.bus.connection import Bus
from services.bus.follow import StoredMessage
from services.bus.streams import WRITES
from services.lineprotocol.packing.layout import PACKED
from services.lineprotocol.packing.messages import text
from services.process import log as logs
from services.process.flight_recorder import FLIGHT_RECORDER, packed
from services.runtime.input.line_protocol_decoder import (
    EVERYTHING,
    LineProtocolDecoder,
    LogBatch,
    UnreadableMessage,
    Wanted,
)

log = logs.get("engine")

_WHAT = packed(kind="message", id=WRITES)
_SHOWN = 500  # characters of an error in the log: it may quote a line of some megabytes


class SharedDecoding:
    """refused: how many messages were set aside."""

    def __init__(self, bus: Bus, decoder: LineProtocolDecoder) -> None:
        self._bus, self._decoder = bus, decoder
        self.refused = 0

    def decode(
        self, dbrp: tuple[str, str], part: Sequence[StoredMessage], wanted: Wanted = EVERYTHING
    ) -> list[LogBatch]:
        """The points of some messages of a database and retention policy; of those that are not wanted only their
        number.

        What is no line protocol is counted, logged, kept among the dead letters and skipped; so is a message that
        workers died of.
        """
        if not FLIGHT_RECORDER.aside.get(WRITES) and WRITES not in FLIGHT_RECORDER.suspected:
            return self._together(dbrp, part, wanted)
        parts = self._carefully(dbrp, part)
        return [batch for some in parts for batch in self._together(dbrp, some, wanted)]

    def _together(self, dbrp: tuple[str, str], part: Sequence[StoredMessage], wanted: Wanted) -> list[LogBatch]:
        try:
            with FLIGHT_RECORDER.at(_WHAT, part[0].seq, part[-1].seq):
                batch, refused = self._decoder.decode(*dbrp, part, wanted)
        except Exception as e:
            log.exception("messages cannot be decoded", e, first=part[0].seq, last=part[-1].seq)
            if len(part) > 1:
                return [batch for message in part for batch in self._together(dbrp, [message], wanted)]
            batch, refused = None, [UnreadableMessage(part[0].seq, f"internal error: {e!r}")]
        if refused:
            messages = {m.seq: m for m in part}
            for bad in refused:
                self._refuse(dbrp, messages[bad.seq], bad.error)
        return [] if batch is None else [batch]

    def _carefully(self, dbrp: tuple[str, str], part: Sequence[StoredMessage]) -> Iterator[Sequence[StoredMessage]]:
        """What is not set aside; each by itself where one of them may be what a worker died of."""
        first, last = FLIGHT_RECORDER.suspected.get(WRITES, (0, -1))
        together: list[StoredMessage] = []
        for message in part:
            alone = first <= message.seq <= last
            deadly = FLIGHT_RECORDER.deadly(WRITES, message.seq, message.time_ns)
            if together and (alone or deadly):
                yield together
                together = []
            if deadly:
                self._refuse(dbrp, message, deadly)
            elif alone:
                yield [message]
            else:
                together.append(message)
        if together:
            yield together

    def _refuse(self, dbrp: tuple[str, str], message: StoredMessage, why: str) -> None:
        self.refused += 1
        self._bus.set_aside(WRITES, _as_text(message), why)
        log.limited("refused").warn(
            "a message on the bus is not line protocol and is skipped",
            database=dbrp[0],
            seq=message.seq,
            error=why if len(why) <= _SHOWN else f"{why[:_SHOWN]}…",
            refused=self.refused,
        )


def _as_text(message: StoredMessage) -> StoredMessage:
    """The same message with its text for a body, for people to look at."""
    body = text(message.data, message.headers)
    if body is message.data:
        return message
    headers = {name: value for name, value in (message.headers or {}).items() if name != PACKED}
    return message._replace(data=body, headers=headers)
