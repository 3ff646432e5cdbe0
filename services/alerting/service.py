"""The alerting service: ALERTS folded into topics, their handlers run, questions answered. Here it is put together."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from schemas.config import Config
from services.alerting.alert_fold import AlertFold
from services.alerting.delivery import notices
from services.alerting.delivery.dispatch import Dispatcher
from services.alerting.delivery.forward import Forwarder
from services.alerting.delivery.observers import Observers
from services.alerting.delivery.protocols import DeliveryLimits
from services.alerting.delivery.queue import DeliveryQueue, QueueEntry
from services.alerting.delivery.shared_progress import SharedProgress
from services.alerting.delivery.sharing import Participation, Sharing, own_name
from services.alerting.escalation.escalations import Escalations
from services.alerting.folded_log import FoldedLog
from services.alerting.grouping.groups import Groups
from services.alerting.handler_base import HandlerContext
from services.alerting.handlers import escalate, group
from services.alerting.projection import AlertingProjection
from services.alerting.service_tests.registry import run_service_test, service_tests
from services.alerting.silencing.ends import HoldingEnds
from services.alerting.silencing.holding import Holding
from services.alerting.state_store import AlertStateStore
from services.alerting.topics.inhibitors import Inhibitors
from services.alerting.topics.topic import FLAPPING, MUTED, SILENCED
from services.alerting.topics.topics import Topics
from services.alerting.topics.view import View
from services.alerting.transitions.comments import CommentLog
from services.alerting.transitions.report import ReportQuestion, ReportRow, report
from services.alerting.transitions.transition_log import TransitionLog
from services.alerting.transports.http import Http
from services.alerting.upkeep.upkeep import Upkeep
from services.alertlog import deletion
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.positions import EventsSeq
from services.bus.streams import ALERTS
from services.bus.subjects import alert_subject
from services.process import log as logs
from services.process.pools import Pool
from services.store.errors import StoreError
from services.store.live_config import LiveConfig
from services.store.store import Store

_log = logs.get("alerting")
_threads = Pool("transitions", 1)

_SCHEMA, _VERSION = "alerting", 7
_STOP_SECONDS = 0.6  # for what is being sent when the service stops; commands have a little more to end
_BEGIN_SECONDS = 1.0  # how long the beginning waits for the topics that are to be handled here
_WATCH_SECONDS = 60.0


class Alerting:
    """Use as an async context manager: it has caught up with the log when it begins, and has saved when it ends.

    Meanwhile there are, for those who ask: topics, inhibitors and view; transitions and comments, what has been; log,
    how far ALERTS is folded; projection, what is known of EVENTS; holding, what keeps alerts from handlers; fold,
    dispatcher, sharing and upkeep, the parts at work; name, as which it shares them.
    """

    def __init__(
        self,
        bus: Bus,
        path: Path,
        sections: Mapping[str, Any] | LiveConfig,
        limits: DeliveryLimits | None = None,
        replicas: int = 1,
        url: str = "",
        membership: Participation | None = None,
        publish: bool = False,
    ) -> None:
        """path: the LMDB file. sections: the configuration's, by name; or the configuration, which follows the log.

        url: that of the API. membership: how it shares the work with others. publish: whether every change of a
        level is told on the bus.
        """
        self._bus, self._path, self._replicas = bus, path, replicas
        self._effective = sections if isinstance(sections, LiveConfig) else LiveConfig(Config(sections=sections))
        guard = self._effective.guard
        self._http = Http(guard)
        self._limits = limits or DeliveryLimits()
        self._membership = membership or Participation()
        self._context = HandlerContext(
            self._http,
            self._effective.sections,
            url=url,
            timeout=self._limits.timeout,
            guard=guard,
            bus=bus,
            shared_secret=self._effective.config.http.shared_secret,
        )
        self._publish = publish and not guard.disables(notices.KIND)
        self._tasks: list[asyncio.Task[None]] = []
        self._first_seq = 1  # of ALERTS, when it was last looked

    async def __aenter__(self) -> Alerting:
        self._store = Store.open(self._path, _SCHEMA, _VERSION, durable=False)
        try:
            await self._load()
            try:
                await self._begin()
            except BaseException:
                await self.sharing.leave()
                await self._end()
                raise
        except BaseException:
            self._store.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()
        await self.dispatcher.stop(_STOP_SECONDS)
        with contextlib.suppress(StoreError):
            await self._state_store.save(self.dispatcher)
        await self.sharing.leave()
        await self._http.close()
        self._store.close()
        _log.info("alerts handled", **self._figures())

    async def failed(self) -> None:
        """Return or raise when the service cannot go on; until then wait."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def caught_up(self) -> str:
        """Wait until everything is folded that both logs have now; nothing is then to be complained of.

        Raises BusError.
        """
        await asyncio.gather(self.projection.caught_up(), self.log.caught_up())
        return ""

    def inhibited(self, task: str) -> dict[str, list[int]]:
        """How many alerts of each node of a task were inhibited, by level, since the task was enabled."""
        return self.inhibitors.counts(task, self.projection.runs.began(task))

    def tests(self) -> dict[str, dict[str, Any]]:
        """The services that can be tested, each with the options of its test as it is configured now."""
        return {name: test.options(self._context.sections) for name, test in service_tests().items()}

    async def test(self, name: str, options: dict[str, Any]) -> str:
        """Test a service as it is configured now; why that failed, "" where it did not. See service_tests."""
        return await run_service_test(name, options, self._context)

    def stats(self) -> dict[str, Any]:
        """Counts since the start. lag: messages of ALERTS not folded yet; waiting: events not handled yet, but for
        those that another alerting is to handle."""
        queues = [_view(queue) for queue in self.dispatcher.here()]
        return {
            "alerting": self.name,
            "shards": self.sharing.shards,
            **self._figures(),
            "queues": queues,
            "active": self.view.active(),
            "latencies": self.dispatcher.counts.latencies.rows(),
        }

    async def figures(self) -> dict[str, Any]:
        """The same, for those who ask this process."""
        return self.stats()

    async def delete(self, name: str, question: str = "") -> int:
        """Have a topic's events forgotten, in the log as here; gives the place there. Raises BusError.

        question: who asks for the same deletion again, or asks several alertings, gives the same.
        """
        try:
            subject = alert_subject(name)
        except ValueError:
            return 0  # no topic can have a name so long
        msg_id = hashlib.sha256(f"{question}/{name}".encode()).hexdigest() if question else None
        ack = await self._bus.publish(subject, deletion.encode(EventsSeq(self.projection.position)), msg_id=msg_id)
        await self.log.folded(ack.seq)
        return ack.seq

    async def unhandled(self, replay: str) -> tuple[int, int]:
        """What is left of a replay's events that are in ALERTS now: how many wait for handlers, and a number that rises
        as these get on, wherever they are run. Events that come of them by handlers count too. Raises BusError.
        """
        while True:
            put = self.dispatcher.put_of(replay)
            waiting, done = self.dispatcher.waiting_of(replay)
            await self.log.caught_up()
            if waiting or self.dispatcher.put_of(replay) == put:
                return self.dispatcher.waiting_of(replay) if waiting else (0, done)

    async def report(self, asked: ReportQuestion) -> list[ReportRow]:
        """What a time was like. Raises TooManyChanges, StoreError."""
        standing = {
            (name, id): stood[0]
            for name in self.topics.by_name
            if (topic := self.view.alive(name)) is not None
            for id, stood in topic.standing()
        }
        return await _threads.run(report, self.transitions, standing, asked, time.time_ns())

    async def forget_past(self) -> None:
        """Drop changes and comments of messages that ALERTS has no more."""
        try:
            state = await self._bus.stream_state(ALERTS)
            if state.first_seq <= self._first_seq:
                return
            self.comments.forget(state.first_seq)
            if not state.messages:
                await _threads.run(self.transitions.forget_all, state.first_seq)
            else:
                first = await self._bus.get_message(ALERTS, state.first_seq)
                if first is None:
                    return  # it went meanwhile
                while await _threads.run(self.transitions.forget, first.time_ns):
                    pass
            self._first_seq = state.first_seq
        except (BusError, StoreError) as error:
            _log.warn("old changes of alerts cannot be dropped yet", err=error)

    async def _load(self) -> None:
        """Take up what is kept, and make the parts of it."""
        self.topics, self.inhibitors = Topics(), Inhibitors()
        self.projection = AlertingProjection(self._store, self._publish)
        self.view = View(self.topics, self.projection.runs)
        self.holding = Holding(self.projection.silences, self.projection.mutes, self.projection.flapping)
        self.projection.on_holding(self.holding.changed)
        await self.projection.start(self._bus, self._effective)
        self.name = self._membership.name or own_name(self._store)
        self.transitions, self.comments = TransitionLog(self._store), CommentLog()
        progress, state = await SharedProgress.open(self._bus, self.name, self._replicas)
        self._created = state.created
        self._state_store = state_store = AlertStateStore(
            self._store, self.topics, self.inhibitors, progress.cursor, self.transitions, self.comments
        )
        self.log = FoldedLog(self._bus, lambda: state_store.position)
        self.sharing: Sharing = Sharing(self._bus, self.name, self._membership, self._replicas, progress, self.log)
        forwarder = functools.partial(Forwarder, self._bus)
        self.dispatcher = Dispatcher(self._context, self.log, state_store, self._limits, forwarder, self.sharing)
        folded = self.topics, self.inhibitors
        self.upkeep = Upkeep(self._bus, self.log, self.projection, *folded, self.dispatcher, state_store)
        told = self.upkeep.releases.begin
        of = self._bus, self.log, self.topics, self.projection.handlers, self.sharing.has
        self.groups = Groups(self.log, self.topics, Observers(group.HANDLER, *of), self.holding)
        self.escalations = Escalations(self.log, self.topics, Observers(escalate.HANDLER, *of), self.holding)
        self.projection.on_holding(self._standing_changed)
        self._holding_ends = HoldingEnds(self._bus, self.log, self.topics, self.holding, self.sharing.has)
        self.projection.on_holding(self._holding_ends.changed)
        self.fold = AlertFold(
            self._bus,
            self.log,
            self.projection,
            *folded,
            state_store,
            self.dispatcher,
            told,
            self._publish,
            self.holding,
            self.transitions,
            self.comments,
            self._standing_changed,
            self._holding_ends.changed,
        )
        for key, entry in state_store.load(state.created, state.last_seq):
            self._put_again(key, entry)
        if state_store.starts_empty:
            self.fold.apply_forgotten(state.first_seq)
            self.fold.notices_since = time.time_ns() - round(self._limits.retry_for * 1e9)

    def _standing_changed(self) -> None:
        """Alerts, or what is done about them, are others than they were."""
        self.groups.changed()
        self.escalations.changed()

    def _put_again(self, key: str, entry: QueueEntry) -> None:
        """Have a handler go on with what it had not done when the service stopped."""
        handler = self.projection.handler(key)
        if handler is None:
            log = _log.limited(f"given up {key}")
            log.error("alert events given up on", handler=key, seq=entry.seq, err="it is not known any more")
            self._state_store.removed(key, entry)
        else:
            self.dispatcher.put(handler, entry)

    async def _begin(self) -> None:
        shared = asyncio.Event()
        self._tasks.append(asyncio.create_task(self.sharing.run(self.dispatcher, shared)))
        await self._catch_up()
        self.upkeep.begin()
        self._tasks += [
            asyncio.create_task(work)
            for work in (
                self._state_store.keep_saving(self.dispatcher),
                self._watch(),
                self._holding_ends.run(),
                self.groups.run(),
                self.escalations.run(),
            )
        ]
        # where others have to be waited for it answers meanwhile
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BEGIN_SECONDS):
                await shared.wait()

    async def _catch_up(self) -> None:
        """Begin to follow ALERTS, and come to its present end."""
        following = asyncio.create_task(self.fold.run(self._created))
        waiting = asyncio.create_task(self.log.current())
        self._tasks.append(following)
        await asyncio.wait([waiting, following], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if following.done():
            following.result()

    async def _end(self) -> None:
        """Take nothing more in, of either log, and begin nothing more that would follow from it."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self.projection.stop()
        await self.upkeep.stop()

    async def _watch(self) -> None:
        """Log the figures once in a while, if they have moved."""
        before = self._figures()
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            await self.forget_past()
            now = self._figures()
            if now != before:
                _log.info("alerts handled", **now)
                before = now

    def _figures(self) -> dict[str, int]:
        counts = self.dispatcher.counts
        return {
            "events": self.fold.events,
            "silenced": self.fold.held[SILENCED],
            "muted": self.fold.held[MUTED],
            "flapping": self.fold.held[FLAPPING],
            "repeats": self.fold.repeats,
            "refused": self.fold.refused,
            "handled": sum(counts.handled.values()),
            "retried": counts.retried,
            "given_up": counts.dead_lettered,
            "waiting": self.dispatcher.waiting,
            "lag": self.fold.lag,
        }


def _view(queue: DeliveryQueue) -> dict[str, Any]:
    """What waits for one handler. oldest: since when (ns); 0: nothing does."""
    return {
        "topic": queue.of.topic,
        "kind": queue.of.kind,
        "handler": queue.of.key,
        "messages": queue.messages,
        "events": queue.waiting(),
        "bytes": queue.bytes,
        "oldest": queue.entries[0].time_ns if queue.entries else 0,
    }
