"""kapacitorLoopback: write points back, as if a client had written them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.bus.subjects import write_subject
from services.columns.frame import Batches, Frame, Message
from services.columns.groups.keyed_state import Partitioning
from services.columns.groups.series import SeriesTable
from services.columns.places import LastPlaces, Place, latest
from services.columns.snapshot import State
from services.lineprotocol.messages import lines_of
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, prop, putting
from services.runtime.context import Context
from services.runtime.effects import Write
from services.runtime.errors import TaskFailed, no_name_too_long
from services.runtime.progress.loopbacks import WritesBack, reached_header, writer_header

_MOST_LOOPBACKS = 8
_PART = 48 << 10  # bytes of lines in one message, which the smallest NATS takes


@dataclass
class KapacitorLoopbackProperties(Properties):
    database: str = prop(Type.STRING, default="", doc="The database to write to.")
    retention_policy: str = prop(Type.STRING, default="", doc="The retention policy to write to.")
    measurement: str = prop(Type.STRING, default="", doc="The measurement of all points; their own unless set.")
    tags: dict[str, str] = putting(Type.STRING, name="tag", doc="A tag that all points get.")

    def check(self) -> None:
        if not self.database:
            raise ValueError("must specify a database")
        if not self.retention_policy:
            raise ValueError("must specify a retention policy")

    def needs_all_groups(self, wants: Edge) -> str:
        return "what it writes back is numbered over all groups"


class KapacitorLoopbackNode(WritesBack):
    """Writes each point, of a batch each of its points, to a database and retention policy for other tasks to read.

    A task cannot write to what it reads itself. A loop through several tasks is bounded: messages carry how many
    loopbacks their points have come through, and what has come through 8 is dropped with an error of the node. Chains
    that long do not occur; a loop would go on for ever. What counts is the point that caused the output, as the last
    one of a window does.

    Written points are line protocol: nulls, NaN and infinities are left out, durations and times become strings, and a
    point without any field is dropped with an error. A message holds what one message of the log has caused, and says
    so in its headers: what a worker comes to again after a crash is not written again, for as long as the log lasts.

    Counts points_written.
    """

    spec = NodeSpec(
        name="kapacitorLoopback",
        type_name="KapacitorLoopbackNode",
        properties=KapacitorLoopbackProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=Edge.NONE,
        prefix="kapacitor_loopback",
        leaf=True,
        doc=__doc__ or "",
    )

    properties: KapacitorLoopbackProperties

    def __init__(self, properties: KapacitorLoopbackProperties, context: Context) -> None:
        super().__init__(properties, context)
        target = (properties.database, properties.retention_policy)
        if target in context.dbrps:
            raise TaskFailed('loop detected on dbrp: "{}"."{}"'.format(*target))
        with no_name_too_long("dbrp"):
            self.subject = write_subject(*target)
        context.statistics.more["points_written"] = 0
        self.writer = writer_header(context.task, context.node, context.began)
        self.stored = LastPlaces()
        self._last = LastPlaces()  # what was written last

    def state(self) -> State:
        return {"last": self._last.state()}

    def restore(self, state: State) -> None:
        if "last" in state:
            self._last = LastPlaces.of(state["last"])

    @classmethod
    def split_state(cls, state: State, sharing: Partitioning) -> list[State]:
        return [{**one, **state} for one in super().split_state(state, sharing)]

    @classmethod
    def join_states(cls, states: Sequence[State], table: SeriesTable) -> State:
        last = {"last": latest(s["last"] for s in states)} if all("last" in s for s in states) else {}
        return {**super().join_states(states, table), **last}

    def run(self, inputs: Sequence[Sequence[Message]]) -> list[Message]:
        caused: dict[int, list[bytes]] = {}
        rounds: dict[int, int] = {}
        step = self.context.step
        for message in inputs[0]:
            if not isinstance(message, Frame | Batches):
                continue
            origins = message.origin if isinstance(message, Frame) else message.origin[message.batch_of_points()]
            seqs = [0] * len(origins) if step.tick else step.seq[origins].tolist()
            loopbacks = [0] * len(origins) if step.loopbacks is None else step.loopbacks[origins].tolist()
            p = self.properties
            lines = lines_of(message, self.context.table, p.measurement, p.tags)
            for seq, line, before in zip(seqs, lines, loopbacks, strict=True):
                caused.setdefault(seq, []).append(line)
                rounds[seq] = before + 1
        for seq in sorted(caused):
            self._write(seq, caused[seq], rounds[seq])
        return []

    def _write(self, seq: int, lines: list[bytes], loopbacks: int) -> None:
        """Have written what one message of the log has caused."""
        if loopbacks > _MOST_LOOPBACKS:
            reason = f"loop detected: points have come through {_MOST_LOOPBACKS} loopbacks already and are dropped"
            self.context.error(reason, len(lines))
            return
        kept = [line for line in lines if line]
        self.context.error("a point without fields cannot be written", len(lines) - len(kept))
        self.context.statistics.more["points_written"] += len(kept)
        p = self.properties
        for body in _parts(kept):
            place = self._place(seq)
            self._last.reach(place)
            if self.stored.covers(place):
                continue
            number, part, _ = place
            suffix = f"{number}/{part}" if number >= 0 else f"tick/{-number}/{part}"
            identity = f"{self.context.task}/{self.context.node}/{suffix}"
            reached = reached_header(self._last)
            self.context.effect(Write(p.database, p.retention_policy, body, identity, loopbacks, self.writer, reached))

    def _place(self, seq: int) -> Place:
        """The place of the next message that is caused by this one of the log, or by the present tick."""
        tick = self.context.step.tick
        number = tick or self.context.environment.epochs.of(seq) + seq
        last, part, _ = self._last.tick if tick else self._last.point
        if number <= last:
            number, part = last, part + 1
        else:
            part = 0
        return (-number if tick else number), part, 0


def _parts(lines: list[bytes]) -> Iterator[bytes]:
    """Bodies that are not too long. Where they are cut follows from the lines alone."""
    begin = size = 0
    for i, line in enumerate(lines):
        if size and size + len(line) >= _PART:
            yield b"\n".join([*lines[begin:i], b""])
            begin, size = i, 0
        size += len(line) + 1
    if lines:
        yield b"\n".join([*lines[begin:], b""])
