"""The alerting service: ALERTS folded into topics, their handlers run, questions answered."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from services import log as logs
from services.alerting.dispatch import Dispatcher, Entry, Limits
from services.alerting.handler import Around
from services.alerting.http import Http
from services.alerting.keeper import Keeper
from services.alerting.message import DELETION, Message
from services.alerting.runs import HandlerOf, Runs
from services.alerting.topics import Topic, Topics
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.follow import Follower
from services.bus.follow import Message as Stored
from services.bus.streams import ALERTS, EVENTS
from services.bus.subjects import ALERTS as SUBJECTS
from services.bus.subjects import alert_subject, parse_alert_subject
from services.store.errors import StoreError
from services.store.store import Store

_log = logs.get("alerting")

_SCHEMA, _VERSION = "alerting", 1
_BUCKET = "tickbus-alerting"
_STEP_SECONDS = 0.005  # how long the fold goes on before others have their turn
_STOP_SECONDS = 1.0  # for what is being sent when the service stops
_BUS_PAUSE = 0.2
_WATCH_SECONDS = 60.0


class Alerting:
    """Use as an async context manager: it has caught up with the log when it begins, and has saved when it ends."""

    def __init__(
        self, bus: Bus, path: Path, sections: Mapping[str, Any], limits: Limits | None = None, replicas: int = 1
    ) -> None:
        """path: the LMDB file. sections: the configuration's, by name."""
        self._bus, self._path, self._replicas = bus, path, replicas
        self._http = Http()
        self._around = Around(self._http, sections)
        self._limits = limits or Limits()
        self.topics = Topics()
        self.events = self.repeats = self.refused = self.lag = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._ending: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Alerting:
        self._store = Store.open(self._path, _SCHEMA, _VERSION, durable=False)
        try:
            await self._begin()
        except BaseException:
            await self._end()
            self._store.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()
        await self.dispatcher.stop(_STOP_SECONDS)
        await self.runs.stop()
        with contextlib.suppress(StoreError):
            await self._keeper.save(self.dispatcher)
        try:
            await self._keeper.tell(self.dispatcher)
        except BusError as problem:
            _log.warn("progress could not be put on the bus", err=problem)
        await self._http.close()
        self._store.close()
        _log.info("alerts handled", **self._figures())

    def visible(self, name: str) -> bool:
        """Whether the topic is there for readers: a node's own while its task runs, others once they had events."""
        topic = self.topics.get(name)
        if topic is None or topic.anonymous:
            return name in set(self.runs.open_topics())
        return not topic.deleted

    def names(self) -> list[str]:
        """The topics that are there for readers, in the order of their bytes."""
        named = {name for name, topic in self.topics.by_name.items() if not topic.anonymous and not topic.deleted}
        return sorted(named | set(self.runs.open_topics()), key=lambda name: name.encode("utf-8", "surrogatepass"))

    def alive(self, name: str) -> Topic | None:
        """What there is of a topic, whether or not it is there for readers; None where its task was deleted since."""
        topic = self.topics.get(name)
        if topic is None or (topic.anonymous and topic.started < self.runs.deleted(topic.task)):
            return None
        return topic

    def collected(self, topic: Topic) -> int:
        """How many events a topic had; one that is a node's own, since its task was enabled."""
        if topic.anonymous and topic.started < self.runs.began(topic.task):
            return 0
        return topic.collected

    def stats(self) -> dict[str, Any]:
        """Counts since the start. lag: messages of ALERTS not folded yet; waiting: events not handled yet."""
        lanes = self.dispatcher.lanes.values()
        waiting = [{"topic": ln.of.topic, "kind": ln.of.kind, "messages": len(ln.entries)} for ln in lanes]
        return {**self._figures(), "lanes": waiting}

    async def caught_up(self) -> None:
        """Wait until everything that is in ALERTS now is folded. Raises BusError."""
        await self._reached(await self._bus.last_sequence(ALERTS))

    async def delete(self, name: str) -> None:
        """Have a topic's events forgotten, in the log as here. Raises BusError."""
        await self._reached((await self._bus.publish(alert_subject(name), DELETION)).seq)

    async def _reached(self, seq: int) -> None:
        while self._keeper.position < seq:
            self._folded.clear()
            await self._folded.wait()

    async def _begin(self) -> None:
        self._folded = asyncio.Event()
        self.runs = Runs(self._store)
        await self.runs.start(self._bus)
        bucket = await self._bus.bucket(_BUCKET, replicas=self._replicas)
        self._keeper = Keeper(self._store, bucket, self.topics)
        self.dispatcher = Dispatcher(self._around, self._fetch, self._keeper, self._limits)
        state = await self._bus.stream_state(ALERTS)
        for key, entry in await self._keeper.load(state.created, state.last_seq):
            self._put_again(key, entry)
        caught_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        following = asyncio.create_task(self._follow(caught_up))
        self._tasks.append(following)
        await asyncio.wait([caught_up, following], return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            following.result()
        for name in list(self.topics.by_name):
            self._sweep(name)
        self.runs.on_change(self._run_changed)
        keeping = (self._keeper.keep_saving(self.dispatcher), self._keeper.keep_telling(self.dispatcher), self._watch())
        self._tasks += [asyncio.create_task(work) for work in keeping]

    async def _end(self) -> None:
        tasks, self._tasks = [*self._tasks, *self._ending], []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def failed(self) -> None:
        """Return or raise when the service cannot go on; until then wait."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _follow(self, caught_up: asyncio.Future[None]) -> None:
        async with self._bus.follow(ALERTS, [SUBJECTS], self._keeper.position) as follower:
            self.lag = await follower.lag()
            while True:
                if not self.lag and not caught_up.done():
                    caught_up.set_result(None)
                await self._take(follower, await follower.batch())

    async def _take(self, follower: Follower, messages: list[Stored]) -> None:
        until = time.monotonic() + _STEP_SECONDS
        for stored in messages:
            await self._take_one(stored)
            if time.monotonic() > until:
                self._folded.set()
                await asyncio.sleep(0)
                until = time.monotonic() + _STEP_SECONDS
        self.lag = follower.pending
        self._folded.set()

    async def _take_one(self, stored: Stored) -> None:
        try:
            topic = parse_alert_subject(stored.subject)
            if stored.data == DELETION:
                self._delete(topic)
                self._keeper.position = stored.seq
                return
            message = Message(stored.data, topic)
            if message.started > self.runs.position:
                await self._wait_for(message.started)
        except ValueError as error:
            self.refused += 1
            _log.warn("a message is no alert and is skipped", subject=stored.subject, seq=stored.seq, err=error)
        else:
            self._fold(stored, message)
        self._keeper.position = stored.seq

    def _fold(self, stored: Stored, message: Message) -> None:
        """Nothing else runs between folding, queueing and (by the caller) moving the position on."""
        task, started = message.owner, message.started
        handlers = self.runs.handlers(task, started, message.topic)
        folded = self.topics.fold(message, self.runs.life(task, started), bool(handlers))
        self.events += len(folded.events)
        self.repeats += len(message) - len(folded.events)
        if not folded.events:
            return
        self._keeper.touched(self.topics.by_name[message.topic])
        first, end = folded.events[0], folded.events[-1] + 1
        for handler in handlers:
            start = self._keeper.rest(handler.key, stored.seq, first, end)
            if start < end:
                entry = Entry(stored.seq, first, end, folded.previous, stored.time_ns, start, message)
                self.dispatcher.put(handler, entry)

    def _delete(self, name: str) -> None:
        topic = self.topics.delete(name)
        if topic is not None:
            self._keeper.touched(topic)

    async def _wait_for(self, started: int) -> None:
        """Wait until the run that a message belongs to is known. ValueError where there is no such event."""
        while True:
            try:
                if started > await self._bus.last_sequence(EVENTS):
                    raise ValueError(f"there is no event {started} yet that could have started its run")
                await self.runs.reached(started)
                break
            except BusError as error:
                _log.warn("the log of events cannot be asked yet", err=error)
                await asyncio.sleep(_BUS_PAUSE)

    async def _fetch(self, seq: int) -> Message | None:
        stored = await self._bus.get_message(ALERTS, seq)
        return None if stored is None else Message(stored.data, parse_alert_subject(stored.subject))

    def _put_again(self, key: str, entry: Entry) -> None:
        handler: HandlerOf | None = self.runs.handler(key)
        if handler is None:
            _log.error("alert events given up on", handler=key, seq=entry.seq, err="its run is not known any more")
            self._keeper.removed(key, entry)
        else:
            self.dispatcher.put(handler, entry)

    def _run_changed(self, task: str) -> None:
        if ":" in task:
            if self.runs.deleted(task):
                ending = asyncio.create_task(self._replay_ended(task))
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)
        elif self.runs.deleted(task):
            for name in [name for name in self.topics.by_name if name.startswith(f"main:{task}:")]:
                self._sweep(name)

    async def _replay_ended(self, owner: str) -> None:
        """Forget the topics of a replay once all that it has sent is folded."""
        while True:
            try:
                await self.caught_up()
                break
            except BusError as error:
                _log.warn("the log of alerts cannot be asked yet", err=error)
                await asyncio.sleep(_BUS_PAUSE)
        if not self.runs.open(owner):
            for topic in self.topics.drop_owner(owner):
                self._keeper.touched(topic)

    def _sweep(self, name: str) -> None:
        """Forget a topic whose task was deleted."""
        if self.alive(name) is None:
            self.topics.drop(name)

    async def _watch(self) -> None:
        """Log the figures once in a while, if they have moved."""
        before = self._figures()
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            now = self._figures()
            if now != before:
                _log.info("alerts handled", **now)
                before = now

    def _figures(self) -> dict[str, int]:
        counts = self.dispatcher.counts
        return {
            "events": self.events,
            "repeats": self.repeats,
            "refused": self.refused,
            "handled": sum(counts.handled.values()),
            "retried": counts.retried,
            "given_up": counts.given_up,
            "waiting": self.dispatcher.waiting,
            "lag": self.lag,
        }
