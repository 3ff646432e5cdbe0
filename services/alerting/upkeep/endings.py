"""The end of the alerts that a deleted task has left, where its deletion asks for that: an OK for each that is not OK.

It is put into ALERTS once the task's run is over and all that it sent is folded, in every topic that the task itself
has sent to, so that handlers are told as of any event. Nothing is written down of how far that is: what is left to be
ended is what is not OK, whoever begins with it, and how often.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import orjson

from services.alerting.delivery.forward import message_of, store_what_fits
from services.alerting.folded_log import FoldedLog
from services.alerting.topics.runs import Runs
from services.alerting.topics.standing import as_it_stands
from services.alerting.topics.topic import Topic, own_topic
from services.alerting.topics.topics import Topics
from services.alerting.upkeep.background import BackgroundTasks
from services.alertlog.codec import AlertStatus
from services.alertlog.info import LEVELS
from services.bus.connection import Bus
from services.bus.errors import BusError, PayloadTooLarge
from services.bus.positions import EventsSeq
from services.process import log as logs

_log = logs.get("alerting")

_PAUSE = 0.2


class Endings:
    """Ends the alerts of any number of tasks."""

    def __init__(
        self,
        bus: Bus,
        log: FoldedLog,
        topics: Topics,
        runs: Runs,
        background: BackgroundTasks,
        ended: Callable[[str], None],
    ) -> None:
        """ended(task): all are ended, its own topics may go."""
        self._bus, self._log, self._topics, self._runs = bus, log, topics, runs
        self._background, self._ended = background, ended
        self._under_way: set[str] = set()
        self._done: dict[str, int] = {}  # by task, the deletion whose alerts are ended
        self._changed = asyncio.Event()

    def begin(self, task: str) -> None:
        """Something has become known of a task: end its alerts if that is due."""
        if self.pending(task) and self._runs.ending(task) is not None and task not in self._under_way:
            self._under_way.add(task)
            self._background.begin(self._end(task))

    def pending(self, task: str) -> bool:
        """Whether a task's alerts are to end, and have not all done so."""
        deletion = self._runs.ends_with(task)
        return deletion != 0 and self._done.get(task) != deletion

    async def settled(self, names: Iterable[str]) -> None:
        """Wait until in these topics nothing is to be ended any more."""
        topics = [topic for name in names if (topic := self._topics.get(name)) is not None]
        while any(self.pending(owner) for topic in topics for owner, _ in topic.deduplicators):
            self._changed.clear()
            await self._changed.wait()

    async def _end(self, task: str) -> None:
        while (ending := self._runs.ending(task)) is not None:
            try:
                await self._log.caught_up()
                left = list(self._left(task, ending[0]))
                if not left:
                    self._done[task] = ending[0]
                    break
                for topic, id, stood in left:
                    await self._publish(task, topic, id, stood, ending)
            except BusError as error:
                _log.warn("the alerts of a deleted task cannot be ended yet", task=task, err=error)
                await asyncio.sleep(_PAUSE)
        self._under_way.discard(task)
        self._changed.set()
        self._ended(task)

    def _left(self, task: str, deletion: int) -> Iterator[tuple[Topic, str, AlertStatus]]:
        """The alerts that are to be ended. Those of a task that recovers nothing are not, nor those of a later run."""
        for topic in list(self._topics.by_name.values()):
            nodes = [node for owner, node in (*topic.deduplicators, *topic.taken_up) if owner == task]
            own = topic.name in {own_topic(task, node) for node in nodes}
            for id, stood, last in topic.not_ok() if nodes else ():
                mine = own and topic.started < deletion
                if last is not None:
                    mine = (mine or (last.owner == task and last.started < deletion)) and last.event.recoverable
                if mine:
                    yield topic, id, stood

    async def _publish(self, task: str, topic: Topic, id: str, stood: AlertStatus, ending: tuple[int, int]) -> None:
        deletion, moment = ending
        level, time, duration = stood
        at = max(time, moment)
        message = f"{id} is {LEVELS[0]}: its task was deleted"
        stands = as_it_stands(topic, id)
        if stands is None:
            return
        event = replace(
            stands,
            task=task,
            message=message,
            given_details=message,
            level=0,
            previous=level,
            time=at,
            duration=duration + at - time,
            recoverable=True,
        )
        # the same from another alerting is not even stored; later it is dropped by the topic's fold
        identity = hashlib.sha256(orjson.dumps([deletion, topic.name, id, stood])).hexdigest()
        events = event, replace(event, fields={}, tags={})
        messages = (message_of(one, topic.name, ends=stood, started=EventsSeq(deletion)) for one in events)
        if not await store_what_fits(self._bus, self._log, messages, identity):
            raise PayloadTooLarge(f"the end of an alert of {topic.name!r} is more than the bus takes")
