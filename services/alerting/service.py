"""The alerting service: ALERTS folded into topics, their handlers run, questions answered."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from schemas.config import Config
from services import log as logs
from services.alerting.dispatch import Dispatcher, Limits
from services.alerting.endings import Endings
from services.alerting.forward import Forwarder
from services.alerting.handler import Around
from services.alerting.http import Http
from services.alerting.inhibitors import Inhibitors
from services.alerting.keeper import Keeper
from services.alerting.known import Known
from services.alerting.lane import Entry
from services.alerting.message import Message, deletion, encode_deletion
from services.alerting.runs import HandlerOf
from services.alerting.topics import Folded, Topic, Topics, owner_of
from services.alerting.trials import run_trial, trials
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.follow import Follower
from services.bus.follow import Message as Stored
from services.bus.streams import ALERTS, EVENTS
from services.bus.subjects import ALERTS as SUBJECTS
from services.bus.subjects import alert_subject, inhibition_subject, parse_alert_subject, parse_inhibition_subject
from services.engine.alerts.inhibition import Released, decode, encode_released
from services.engine.alerts.mark import mark_of, put_mark
from services.engine.alerts.taking_up import TakenUp, taken_up
from services.store.effective import Effective
from services.store.errors import StoreError
from services.store.store import Store

_log = logs.get("alerting")

_SCHEMA, _VERSION = "alerting", 4
_BUCKET = "tickbus-alerting"
_STEP_SECONDS = 0.005  # how long the fold goes on before others have their turn
_STOP_SECONDS = 0.6  # for what is being sent when the service stops; commands have a little more to end
_BUS_PAUSE = 0.2
_WATCH_SECONDS = 60.0


class Alerting:
    """Use as an async context manager: it has caught up with the log when it begins, and has saved when it ends."""

    def __init__(
        self,
        bus: Bus,
        path: Path,
        sections: Mapping[str, Any] | Effective,
        limits: Limits | None = None,
        replicas: int = 1,
        url: str = "",
    ) -> None:
        """path: the LMDB file. sections: the configuration's, by name; or the configuration, which follows the log.

        url: that of the API.
        """
        self._bus, self._path, self._replicas = bus, path, replicas
        self._http = Http()
        self._effective = sections if isinstance(sections, Effective) else Effective(Config(sections=sections))
        self._limits = limits or Limits()
        self._around = Around(self._http, self._effective.sections, url=url, timeout=self._limits.timeout)
        self.topics = Topics()
        self.inhibitors = Inhibitors()
        self.events = self.repeats = self.refused = self.lag = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._passing: set[asyncio.Task[None]] = set()
        self._releasing: set[str] = set()

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
        await self.known.stop()
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
        """Whether the topic is there for readers: a node's own while its task runs, others once they had events.

        Others are there, too, once they were given a handler. One that was deleted is there again with its next event,
        a node's own also when its task starts anew.
        """
        topic = self.topics.get(name)
        if self._owned(name, topic):
            return self.runs.is_open(name) and not self._deleted(name)
        return topic is not None and not topic.deleted

    def names(self) -> list[str]:
        """The topics that are there for readers, in the order of their bytes."""
        topics = self.topics.by_name.items()
        named = {name for name, topic in topics if not topic.deleted and not self._owned(name, topic)}
        own = {name for name in self.runs.open_topics() if not self._deleted(name)}
        return sorted(named | own, key=lambda name: name.encode("utf-8", "surrogatepass"))

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

    def inhibited(self, task: str) -> dict[str, list[int]]:
        """How many alerts of each node of a task were inhibited, by level, since the task was enabled."""
        return self.inhibitors.counts(task, self.runs.began(task))

    def tests(self) -> dict[str, dict[str, Any]]:
        """The services that can be tested, each with the options of its test as it is configured now."""
        return {name: trial.options(self._around.sections) for name, trial in trials().items()}

    async def test(self, name: str, options: dict[str, Any]) -> str:
        """Test a service as it is configured now; why that failed, "" where it did not. See trials.py."""
        return await run_trial(name, options, self._around)

    def stats(self) -> dict[str, Any]:
        """Counts since the start. lag: messages of ALERTS not folded yet; waiting: events not handled yet."""
        lanes = self.dispatcher.lanes.values()
        waiting = [{"topic": ln.of.topic, "kind": ln.of.kind, "messages": len(ln.entries)} for ln in lanes]
        return {**self._figures(), "lanes": waiting}

    async def caught_up(self) -> None:
        """Wait until everything that is in ALERTS now is folded. Raises BusError."""
        await self.folded(await self._bus.last_sequence(ALERTS))

    async def delete(self, name: str) -> None:
        """Have a topic's events forgotten, in the log as here. Raises BusError."""
        try:
            subject = alert_subject(name)
        except ValueError:
            return  # no topic can have a name so long
        await self.folded((await self._bus.publish(subject, encode_deletion(self.known.position))).seq)

    async def folded(self, seq: int) -> None:
        """Wait until a message of ALERTS is folded."""
        while self._keeper.position < seq:
            self._folded.clear()
            await self._folded.wait()

    async def unhandled(self, replay: str) -> tuple[int, int]:
        """What is left of a replay's events that are in ALERTS now: how many wait for handlers, and how many events the
        handlers that they wait for have done. Events that come of them by handlers count too. Raises BusError.
        """
        while True:
            put = self.dispatcher.put_of(replay)
            waiting, done = self.dispatcher.waiting_of(replay)
            await self.caught_up()
            if waiting or self.dispatcher.put_of(replay) == put:
                return self.dispatcher.waiting_of(replay) if waiting else (0, done)

    async def current(self) -> None:
        """Wait until everything is folded that was in ALERTS when the service began."""
        await self._caught_up.wait()

    async def fetch(self, seq: int) -> Message | None:
        """A message of ALERTS, None where it is there no more. Raises BusError."""
        stored = await self._bus.get_message(ALERTS, seq)
        return None if stored is None else Message(stored.data, parse_alert_subject(stored.subject))

    async def _begin(self) -> None:
        self._folded, self._caught_up = asyncio.Event(), asyncio.Event()
        self.known = Known(self._store)
        self.runs = self.known.runs
        await self.known.start(self._bus, self._effective)
        bucket = await self._bus.bucket(_BUCKET, replicas=self._replicas)
        self._keeper = Keeper(self._store, bucket, self.topics, self.inhibitors)
        forwarder = functools.partial(Forwarder, self._bus)
        self.dispatcher = Dispatcher(self._around, self, self._keeper, self._limits, forwarder)
        state = await self._bus.stream_state(ALERTS)
        for key, entry in await self._keeper.load(state.created, state.last_seq):
            self._put_again(key, entry)
        if self._keeper.anew:
            self._apply_forgotten(state.first_seq)
        self.endings = Endings(self._bus, self, self.topics, self.runs, self._begin_task, self._run_changed)
        await self._catch_up()
        for task in self.runs.tasks():
            self.endings.begin(task)
        for name in list(self.topics.by_name):
            self._sweep(name)
        self.known.on_change(self._run_changed, self._handlers_changed)
        for topic in self.known.handlers.topics():
            self._handlers_changed(topic)
        for owner in self.inhibitors.owners():
            self._end_inhibiting(owner)
        keeping = (self._keeper.keep_saving(self.dispatcher), self._keeper.keep_telling(self.dispatcher), self._watch())
        self._tasks += [asyncio.create_task(work) for work in keeping]

    async def _catch_up(self) -> None:
        """Begin to follow ALERTS, and come to its present end."""
        following, waiting = asyncio.create_task(self._follow()), asyncio.create_task(self.current())
        self._tasks.append(following)
        await asyncio.wait([waiting, following], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if following.done():
            following.result()

    async def _end(self) -> None:
        tasks, self._tasks = [*self._tasks, *self._passing], []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def failed(self) -> None:
        """Return or raise when the service cannot go on; until then wait."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _follow(self) -> None:
        async with self._bus.follow(ALERTS, [SUBJECTS], self._keeper.position) as follower:
            self.lag = await follower.lag()
            while True:
                if not self.lag:
                    self._caught_up.set()
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
            owner = parse_inhibition_subject(stored.subject)
            if owner is None:
                await self._take_alert(parse_alert_subject(stored.subject), stored)
            else:
                await self._take_inhibition(owner, stored)
        except ValueError as error:
            self.refused += 1
            _log.warn("a message is no alert and is skipped", subject=stored.subject, seq=stored.seq, err=error)
        self._keeper.position = stored.seq

    async def _take_alert(self, topic: str, stored: Stored) -> None:
        if (after := deletion(stored.data)) is not None:
            await self._wait_for(after)
            self._delete(topic, after)
        elif (mark := mark_of(stored.data)) is not None:
            await self._wait_for(mark)
            self._apply(topic, mark)
        elif (taken := taken_up(stored.data)) is not None:
            await self._wait_for(taken.started)
            self._take_up(topic, taken)
        else:
            message = Message(stored.data, topic)
            await self._wait_for(message.started)
            self._fold(stored, message)

    async def _take_inhibition(self, owner: str, stored: Stored) -> None:
        """Take in that alerts of a task inhibit others, or that it is over with what they inhibit."""
        told = decode(stored.data)
        if isinstance(told, Released):
            await self._wait_for(told.until)
            self.inhibitors.release(owner, told.until, stored.time_ns)
        elif told.owner != owner:
            raise ValueError(f"it is of {told.owner!r} and came as of {owner!r}")
        else:
            await self._wait_for(told.started)
            self.inhibitors.take(told)
        if self._caught_up.is_set():
            self._end_inhibiting(owner)

    def _fold(self, stored: Stored, message: Message) -> None:
        """Nothing else runs between folding, queueing and (by the caller) moving the position on."""
        task, started, name = message.owner, message.started, message.topic
        topic = self.topics.get(name)
        handlers = self.runs.handlers(task, started, name)
        if topic is not None:
            handlers += self.known.handlers.at(name, topic.applied)
        life = self.runs.life(task, started)
        folded = self.topics.fold(message, life, bool(handlers), self.inhibitors.inhibited(message))
        if folded.inhibited is not None:
            self.inhibitors.count(message, folded.inhibited, life)
        self.events += len(folded.events)
        self.repeats += len(message) - len(folded.events)
        if not folded.events:
            return
        self._keeper.touched(self.topics.by_name[name])
        for handler in handlers:
            self._queue(handler, stored, message, folded)
        if message.via is not None and message.via.collected:
            self.dispatcher.covered(message.via.handler, (int(message.seq[0]), int(message.row[0])))

    def _take_up(self, name: str, taken: TakenUp) -> None:
        topic = self.topics.take_up(name, taken, self.runs.life(taken.task, taken.started))
        if topic is not None:
            self._keeper.touched(topic)

    def _queue(self, handler: HandlerOf, stored: Stored, message: Message, folded: Folded) -> None:
        first, end = folded.events[0], folded.events[-1] + 1
        start = self._keeper.rest(handler.key, stored.seq, first, end)
        if start < end:
            before, lasted = folded.previous, folded.durations
            entry = Entry(stored.seq, first, end, before, stored.time_ns, start, lasted, message.replay, message)
            self.dispatcher.put(handler, entry)

    def _apply(self, name: str, seq: int) -> None:
        """From here on a topic has the handlers that it had at this event."""
        self._keeper.touched(self.topics.apply(name, seq, self.known.handlers.begun(name, seq)))

    def _apply_forgotten(self, first: int) -> None:
        """Give topics the handlers whose marks lay before the first message that the log still has."""
        handlers = self.known.handlers
        for name in handlers.topics():
            seq = handlers.before(name, first)
            if seq:
                self._apply(name, seq)

    def _delete(self, name: str, after: int) -> None:
        topic = self.topics.delete(name, after, self.runs.owns(name))
        if topic is not None:
            self._keeper.touched(topic)

    def _deleted(self, name: str) -> bool:
        """Whether the own topic of a node was deleted, and its task has not started since."""
        topic = self.topics.get(name)
        return topic is not None and topic.deleted and self.runs.began(owner_of(name)) <= topic.deleted_after

    async def _wait_for(self, event: int) -> None:
        """Wait until an event that a message rests on is known. ValueError where there is no such event."""
        if event <= self.known.position:
            return
        while True:
            try:
                if event > await self._bus.last_sequence(EVENTS):
                    raise ValueError(f"there is no event {event} yet that it could rest on")
                break
            except BusError as error:
                _log.warn("the log of events cannot be asked yet", err=error)
                await asyncio.sleep(_BUS_PAUSE)
        await self.known.reached(event)

    def _put_again(self, key: str, entry: Entry) -> None:
        handler = self.known.handler(key)
        if handler is None:
            _log.error("alert events given up on", handler=key, seq=entry.seq, err="it is not known any more")
            self._keeper.removed(key, entry)
        else:
            self.dispatcher.put(handler, entry)

    def _handlers_changed(self, topic: str) -> None:
        """See to it that the change is marked in ALERTS, whatever becomes of the gateway that should do it."""
        if self.known.handlers.last(topic) > self._applied(topic):
            self._begin_task(self._mark(topic))

    async def _mark(self, topic: str) -> None:
        while (seq := self.known.handlers.last(topic)) > self._applied(topic):
            try:
                await self.folded(await put_mark(self._bus, topic, seq))
            except BusError as error:
                _log.limited(topic).warn("a topic's handlers cannot be marked yet", topic=topic, err=error)
                await asyncio.sleep(_BUS_PAUSE)

    def _applied(self, name: str) -> int:
        topic = self.topics.get(name)
        return topic.applied if topic is not None else 0

    def _begin_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    def _end_inhibiting(self, owner: str) -> None:
        """See to it that what a run inhibits that is over ends in ALERTS too, whatever its worker came to tell."""
        if self._over(owner):
            if owner not in self._releasing:
                self._releasing.add(owner)
                self._begin_task(self._release(owner))
        elif self.runs.deleted(owner) and not self.runs.open(owner):
            self.inhibitors.drop(owner)

    async def _release(self, owner: str) -> None:
        while until := self._over(owner):
            try:
                ack = await self._bus.publish(inhibition_subject(owner), encode_released(until))
                await self.folded(ack.seq)
            except BusError as error:
                _log.warn("what an ended task inhibits cannot be ended yet", task=owner, err=error)
                await asyncio.sleep(_BUS_PAUSE)
        self._releasing.discard(owner)
        self._end_inhibiting(owner)

    def _over(self, owner: str) -> int:
        """Up to which sequence of EVENTS runs of an owner that still inhibit have ended; 0: there are none."""
        until = self.runs.began(owner) - 1 if self.runs.open(owner) else self.known.position
        first = self.inhibitors.first(owner)
        return until if first is not None and first <= until else 0

    def _run_changed(self, task: str) -> None:
        self._end_inhibiting(task)
        self.endings.begin(task)
        if ":" in task:
            if self.runs.deleted(task):
                self._begin_task(self._replay_ended(task))
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
            self.dispatcher.forget(owner)
            for topic in self.topics.drop_owner(owner):
                self._keeper.touched(topic)

    def _sweep(self, name: str) -> None:
        """Forget a topic whose task was deleted, once its alerts have ended where they are to."""
        if self.alive(name) is None and not self.endings.pending(owner_of(name)):
            for topic in self.topics.drop(name):
                self._keeper.touched(topic)

    def _owned(self, name: str, topic: Topic | None) -> bool:
        return (topic is not None and topic.anonymous) or self.runs.owns(name)

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
