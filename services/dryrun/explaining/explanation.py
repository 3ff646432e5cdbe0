"""Why an alert event was raised: the run up to its cause, and what the cause did from node to node."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.alertlog.info import LEVELS
from services.bus.follow import StoredMessage
from services.dryrun.explaining.path import Entry, PathRecorder, went
from services.dryrun.log_run import LogRun
from services.runtime.effects import Alerts, Effect


@dataclass(frozen=True, slots=True)
class Cause:
    """What has caused an alert event: a point of the log, or, where `tick` is not 0, the clock.

    node, topic: which event it is of all that it has caused, with `ordinal`. tags: of the event's group. seq, row: the
    message of the log and the point in it. tick: the tick's number. id: of the alert, where the task ran in parts and
    this is a tick: which of its events it is cannot be told by how many others there were in one part.
    """

    node: str
    topic: str
    tags: Mapping[str, str]
    seq: int
    row: int
    ordinal: int
    tick: int = 0
    id: str | None = None


@dataclass(slots=True)
class Explanation:
    """path: what the cause did at each node on the way to the alert (services.dryrun.explaining.path.Entry), in order.

    level: which the alert event has in this run; None: it is not raised in it, and so the run was not as the task was.
    message: the message of the log that holds the cause. unplaced: as of PathRecorder.
    """

    path: list[Entry] = field(default_factory=list)
    level: str | None = None
    message: StoredMessage | None = None
    unplaced: list[dict[str, Any]] = field(default_factory=list)


async def explain(log: LogRun, messages: AsyncIterable[list[StoredMessage]], cause: Cause) -> Explanation:
    """Take a task through the log up to the cause, and look at what it does then.

    log: at a kept state, or at the beginning. messages: what follows in the log, of the task's databases, with the one
    of the cause; for a tick, those that were stored before it. Raises TaskFailed, BusError.
    """
    recorder = PathRecorder(log.run, cause.tags, cause.node)
    with log:
        log.run.observe(recorder)
        message, effects = await (_tick if cause.tick else _point)(log, messages, cause, recorder)
    return Explanation(went(recorder.entries), _level(effects, cause), message, recorder.unplaced)


async def _point(
    log: LogRun, messages: AsyncIterable[list[StoredMessage]], cause: Cause, recorder: PathRecorder
) -> tuple[StoredMessage | None, list[Effect]]:
    async for some in messages:
        await log.take([m for m in some if m.seq < cause.seq])
        for message in some:
            if message.seq == cause.seq:
                await log.take_points(message, 0, cause.row)
                recorder.recording = True
                return message, await log.take_points(message, cause.row, cause.row + 1)
    return None, []


async def _tick(
    log: LogRun, messages: AsyncIterable[list[StoredMessage]], cause: Cause, recorder: PathRecorder
) -> tuple[None, list[Effect]]:
    recorder.ticks = cause.tick, cause.tick
    async for some in messages:
        await log.take(some)
    effects = await log.reach(cause.tick - 1)
    recorder.states()
    return None, effects + await log.reach(cause.tick)


def _level(effects: list[Effect], cause: Cause) -> str | None:
    """The level of the event that is asked about, among those that were raised."""
    seq = -cause.tick if cause.tick else cause.seq
    for effect in effects:
        if isinstance(effect, Alerts) and effect.node == cause.node and cause.topic in effect.topics:
            places = zip(effect.seq.tolist(), effect.row.tolist(), effect.ordinal.tolist(), strict=True)
            for i, (at, *place) in enumerate(places):
                id = effect.ids[int(effect.id_of[i])]
                if at == seq and (place == [cause.row, cause.ordinal] if cause.id is None else id == cause.id):
                    return LEVELS[int(effect.level[i])]
    return None
