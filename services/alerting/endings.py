"""The end of the alerts that a deleted task has left, where its deletion asks for that: an OK for each that is not OK.

It is put into ALERTS once the task's run is over and all that it sent is folded, in every topic that the task itself
has sent to, so that handlers are told as of any event. Nothing is written down of how far that is: what is left to be
ended is what is not OK, whoever begins with it, and how often.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import replace
from typing import Any, Protocol

import orjson

from services import log as logs
from services.alerting.event import Event
from services.alerting.forward import encode
from services.alerting.message import Stood
from services.alerting.records import Last
from services.alerting.runs import Runs
from services.alerting.topics import Topic, Topics, own_topic
from services.bus.connection import Bus
from services.bus.errors import BusError, PayloadTooLarge
from services.bus.subjects import alert_subject
from services.engine.alerts.info import LEVELS

_log = logs.get("alerting")

_PAUSE = 0.2


class AlertLog(Protocol):
    """ALERTS, as it is folded."""

    async def caught_up(self) -> None:
        """Wait until everything that is there now is folded. Raises BusError."""

    async def folded(self, seq: int) -> None:
        """Wait until a message is folded."""


class Endings:
    """Ends the alerts of any number of tasks."""

    def __init__(
        self,
        bus: Bus,
        log: AlertLog,
        topics: Topics,
        runs: Runs,
        begin_task: Callable[[Coroutine[Any, Any, None]], None],
        ended: Callable[[str], None],
    ) -> None:
        """ended(task): all are ended, its own topics may go."""
        self._bus, self._log, self._topics, self._runs = bus, log, topics, runs
        self._begin_task, self._ended = begin_task, ended
        self._under_way: set[str] = set()
        self._done: dict[str, int] = {}  # by task, the deletion whose alerts are ended
        self._changed = asyncio.Event()

    def begin(self, task: str) -> None:
        """Something has become known of a task: end its alerts if that is due."""
        if self.pending(task) and self._runs.ending(task) is not None and task not in self._under_way:
            self._under_way.add(task)
            self._begin_task(self._end(task))

    def pending(self, task: str) -> bool:
        """Whether a task's alerts are to end, and have not all done so."""
        deletion = self._runs.ends_with(task)
        return deletion != 0 and self._done.get(task) != deletion

    async def settled(self, names: Iterable[str]) -> None:
        """Wait until in these topics nothing is to be ended any more."""
        topics = [topic for name in names if (topic := self._topics.get(name)) is not None]
        while any(self.pending(owner) for topic in topics for owner, _ in topic.seen):
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
                for topic, id, stood, last in left:
                    await self._publish(task, topic, id, stood, last, ending)
            except BusError as error:
                _log.warn("the alerts of a deleted task cannot be ended yet", task=task, err=error)
                await asyncio.sleep(_PAUSE)
        self._under_way.discard(task)
        self._changed.set()
        self._ended(task)

    def _left(self, task: str, deletion: int) -> Iterator[tuple[Topic, str, Stood, Last | None]]:
        """The alerts that are to be ended. Those of a task that recovers nothing are not, nor those of a later run."""
        for topic in list(self._topics.by_name.values()):
            nodes = [node for owner, node in (*topic.seen, *topic.taken_up) if owner == task]
            own = topic.name in {own_topic(task, node) for node in nodes}
            for id, stood, last in topic.not_ok() if nodes else ():
                mine = own and topic.started < deletion
                if last is not None:
                    mine = (mine or (last.owner == task and last.started < deletion)) and last.event.recoverable
                if mine:
                    yield topic, id, stood, last

    async def _publish(
        self, task: str, topic: Topic, id: str, stood: Stood, last: Last | None, ending: tuple[int, int]
    ) -> None:
        deletion, moment = ending
        level, time, duration = stood
        at = max(time, moment)
        message = f"{id} is {LEVELS[0]}: its task was deleted"
        before = last.event if last is not None else None
        event = Event(
            topic=topic.name,
            task=task,
            id=id,
            message=message,
            given_details=message,
            level=0,
            previous=level,
            time=at,
            duration=duration + at - time,
            recoverable=True,
            name=before.name if before else "",
            group=before.group if before else "",
            tags=before.tags if before else {},
            fields=before.fields if before else {},
            rows=None,
            server=before.server if before else ("", "", ""),
        )
        # the same from another alerting is not even stored; later it is dropped by the topic's fold
        identity = hashlib.sha256(orjson.dumps([deletion, topic.name, id, stood])).hexdigest()
        more = {"started": deletion, "ends": stood}
        try:
            ack = await self._bus.publish(alert_subject(topic.name), encode(event, topic.name, more), msg_id=identity)
        except PayloadTooLarge:
            bare = encode(replace(event, fields={}, tags={}), topic.name, more)
            ack = await self._bus.publish(alert_subject(topic.name), bare, msg_id=identity)
        await self._log.folded(ack.seq)
