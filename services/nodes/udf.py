"""@name(): what a user's own function makes of the points or batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from services.columns.frame import Barriers, Batches, Frame, Message
from services.columns.groups.series import NO_DIMENSIONS, Dimensions
from services.columns.snapshot import State
from services.nodes.udf_host import decode
from services.nodes.udf_host.connection import Failed, Passed, Received, UdfConnection
from services.nodes.udf_host.decode import UdfBatch
from services.nodes.udf_host.encode import Encoder
from services.nodes.udf_host.journal import Journal
from services.pipeline.functions import UDF, OptionValues, UdfProperties
from services.pipeline.spec import Edge
from services.process import log as logs
from services.runtime.async_node import AsyncNode
from services.runtime.context import Context
from services.runtime.errors import TaskFailed
from tickbus.udf.protocol import VALUE_TYPES, Request, framed

log = logs.get("engine")

_SNAPSHOT_BYTES = 256 << 10  # so much may have been sent since the last snapshot before another is asked for
_FULL_BYTES = 8 << 20  # with so much unanswered the node takes no more
_TRIES = 3  # in a row without an answer between them; then the task ends
_FIRST_PAUSE = 0.1  # seconds before the first restart, doubled for each that follows

_DUE = 1  # a tick that has passed


class UDFNode(AsyncNode):
    """Sends its points or batches to a function of the user's and hands on what that sends back.

    The function runs in a process of its own (or behind a socket), which is watched: it has to answer a
    KeepaliveRequest within its timeout. One that crashes or falls silent is counted as an error and started again,
    given its last snapshot and what it was sent since; so nothing is lost and nothing comes twice, as far as the
    function does the same again. What it answers belongs to the step that its input came in, and enters the graph in
    that step's name. What it sends while it has nothing to answer enters as a step of the clock.

    The task ends, with the function's own words as its error, where the function sends an ErrorResponse or does not
    take its options or its snapshot; and where it has been started three times in a row without getting anywhere.
    """

    spec = UDF

    not_by_group = "the function's snapshot is of all groups"
    properties: UdfProperties

    def __init__(self, properties: UdfProperties, context: Context) -> None:
        super().__init__(properties, context)
        self._function = properties.function
        self._journal = Journal()
        self._encoder = Encoder(context.table)
        self._given: Dimensions = NO_DIMENSIONS
        self._place = ("", "")
        self._batch: UdfBatch | None = None  # has begun and not ended
        self._connection: UdfConnection | None = None
        self._wake: Callable[[], None] = _nobody
        self._failures = 0  # since something was answered

    def attach(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._start(0.0)

    def run(self, inputs: Sequence[Sequence[Message]]) -> list[Message]:
        data, origins = b"", list[int]()
        for message in inputs[0]:
            if isinstance(message, Barriers):
                continue
            self._learn(message)
            encode = self._encoder.frame if isinstance(message, Frame) else self._encoder.batches
            more, of = encode(message)  # type: ignore[arg-type]
            data += more
            origins += of
        entry = self._journal.add(data, origins, self._about())
        if self._encoder.odd:
            self.context.error("unsupported field value type", self._encoder.odd)
            self._encoder.odd = 0
        if self._connection is None:
            self._start(0.0)
        else:
            self._connection.send(data, [entry] * len(origins))
            if self._journal.size > _SNAPSHOT_BYTES:
                self._ask_for_snapshot()
        return []

    def answer(self) -> list[Message] | None:
        entry = self._journal.answered()
        if entry is None:
            return None
        out = self._messages(entry.points, entry.of, entry.about)
        self._journal.release(entry)
        return out

    def full(self) -> bool:
        return self._journal.pending_bytes > _FULL_BYTES

    def next_tick(self) -> int | None:
        return _DUE if self._connection is not None and self._connection.waiting else None

    def tick(self, now: int) -> Sequence[Message]:
        """Take in what has come back."""
        stray: list[Any] = []
        if self._connection is not None:
            for received in self._connection.take():
                self._take_in(received, stray)
        return self._messages(stray, [0] * len(stray), self._about())

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def state(self) -> State:
        # The snapshot that is asked for now shortens what the next state has to hold.
        self._ask_for_snapshot()
        return {"journal": self._journal.state(), "given": self._about()}

    def restore(self, state: State) -> None:
        self._journal.restore(state["journal"])
        self._given, self._place = _from_about(state["given"])

    def _about(self) -> list[Any]:
        """What answers are made with, as plain data."""
        d = self._given
        return [[list(d.tags), d.by_name, d.star, list(d.exclude)], list(self._place)]

    def _learn(self, message: Frame | Batches) -> None:
        """What the answers will be like, as far as the protocol cannot say it."""
        self._given = message.dimensions
        if len(message.points):
            series = self.context.table.series(int(message.points.series[-1]))
            self._place = (series.database, series.retention_policy)

    def _start(self, delay: float) -> None:
        """A new run of the function: it is initialized, restored, and sent what it does not know by its snapshot."""
        task, node = self.context.task, self.context.node
        self._batch = None
        self._connection = UdfConnection(
            self._function.settings,
            self._wake,
            lambda line: log.info("UDF log", task=task, node=node, text=line),
            delay,
        )
        options = [_option(name, values) for name, values in self.properties.options]
        self._connection.send(framed(Request(init={"options": options, "taskID": task, "nodeID": node})))
        if self._journal.snapshot:
            self._connection.send(framed(Request(restore={"snapshot": self._journal.snapshot})))
        for entry in self._journal.again():
            self._connection.send(entry.data, [entry] * len(entry.origins))

    def _take_in(self, received: Received, stray: list[Any]) -> None:
        if isinstance(received, Passed):
            if self._journal.passed(received.fence):
                self._failures = 0
        elif isinstance(received, Failed):
            self._failed(received)
        else:
            what = received.WhichOneof("message")
            _TAKE_IN.get(what, UDFNode._unasked)(self, getattr(received, what), stray)

    def _point(self, point: Any, stray: list[Any]) -> None:
        if self._batch is not None:
            self._batch.points.append(point)
            return
        if self._function.provides is not Edge.STREAM:
            raise self._ended(f"UDF {self._function.name} provides batches and has sent a point outside of one")
        if not self._journal.received(point):
            stray.append(point)

    def _begin(self, begin: Any, stray: list[Any]) -> None:
        if self._function.provides is not Edge.BATCH:
            raise self._ended(f"UDF {self._function.name} provides a stream and has sent a batch")
        self._batch = UdfBatch(begin)

    def _end(self, end: Any, stray: list[Any]) -> None:
        batch, self._batch = self._batch, None
        if batch is None:
            raise self._ended(f"UDF {self._function.name} has ended a batch that it had not begun")
        batch.end = end
        if not self._journal.received(batch):
            stray.append(batch)

    def _initialized(self, answer: Any, stray: list[Any]) -> None:
        if not answer.success:
            raise self._ended(f"failed to initialize processes {answer.error}")

    def _restored(self, answer: Any, stray: list[Any]) -> None:
        if not answer.success:
            raise self._ended(f"error restoring snapshot: {answer.error}")

    def _snapshot(self, answer: Any, stray: list[Any]) -> None:
        if not self._journal.keep(answer.snapshot):
            self._unasked(answer, stray)

    def _unasked(self, answer: Any, stray: list[Any]) -> None:
        self.context.log(f"received message without requesting it: {type(answer).__name__}")

    def _failed(self, failed: Failed) -> None:
        if failed.reported:
            raise self._ended(failed.reason)
        self._failures += 1
        if self._failures >= _TRIES:
            raise self._ended(failed.reason)
        self.context.error(f"UDF {self._function.name} is started again: {failed.reason}")
        statistics = self.context.statistics
        statistics.trouble = f"{self.context.node}: {failed.reason}"
        statistics.more["restarts"] = statistics.more.get("restarts", 0) + 1
        self._start(_FIRST_PAUSE * 2 ** (self._failures - 1))

    def _ended(self, reason: str) -> TaskFailed:
        return TaskFailed(f"{self.context.node}: {reason}")

    def _ask_for_snapshot(self) -> None:
        if self._connection is not None and self._journal.ask():
            self._connection.send(framed(Request(snapshot={})))

    def _messages(self, received: list[Any], origins: list[int], about: Any) -> list[Message]:
        if not received:
            return []
        given, place = _from_about(about)
        if self._function.provides is Edge.STREAM:
            return decode.frames(received, origins, given, self.context.table)
        return decode.batches(received, origins, given, place, self.context.table)


_TAKE_IN: dict[str, Callable[[UDFNode, Any, list[Any]], None]] = {
    "point": UDFNode._point,
    "begin": UDFNode._begin,
    "end": UDFNode._end,
    "init": UDFNode._initialized,
    "restore": UDFNode._restored,
    "snapshot": UDFNode._snapshot,
}

_VALUES: dict[type, str] = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}


def _option(name: str, values: OptionValues) -> dict[str, Any]:
    """An option as InitRequest has it."""
    out: list[dict[str, Any]] = []
    for value in values:
        field = _VALUES.get(type(value), "durationValue")
        type_ = VALUE_TYPES.index(field.removesuffix("Value").upper())
        out.append({"type": type_, field: int(value) if field == "durationValue" else value})
    return {"name": name, "values": out}


def _from_about(state: Any) -> tuple[Dimensions, tuple[str, str]]:
    (tags, by_name, star, exclude), (database, policy) = state
    return Dimensions(tuple(tags), by_name, star, tuple(exclude)), (database, policy)


def _nobody() -> None:
    """Nobody waits: the node is ticked by its owner's own will."""
