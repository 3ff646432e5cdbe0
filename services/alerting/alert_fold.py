"""The fold: every message of ALERTS in its order, into topics and inhibitors, and its events into handlers' queues."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from schemas.api.oncall.comment import MOST_TEXT
from services.alerting.delivery.dispatch import Dispatcher
from services.alerting.delivery.notices import changes, notice_handler
from services.alerting.delivery.queue import QueueEntry
from services.alerting.folded_log import FoldedLog
from services.alerting.handler_base import Observer
from services.alerting.handlers import kinds
from services.alerting.projection import AlertingProjection
from services.alerting.silencing.applying import Held, looked_up, told_again, with_held
from services.alerting.silencing.holding import Holding
from services.alerting.state_store import AlertStateStore
from services.alerting.topics.inhibitors import Inhibitors
from services.alerting.topics.message import ReceivedMessage
from services.alerting.topics.runs import BoundHandler
from services.alerting.topics.topic import FLAPPING, MUTED, SILENCED, Folded
from services.alerting.topics.topics import Topics
from services.alerting.transitions.comments import Comment, CommentLog
from services.alerting.transitions.transition import changes_in
from services.alerting.transitions.transition_log import TransitionLog
from services.alertlog import acknowledgement, bringing_in, deletion, inhibition, mark, taking_up
from services.alertlog.acknowledgement import Acknowledgement
from services.alertlog.bringing_in import BroughtIn
from services.alertlog.inhibition import Released
from services.alertlog.oncall import comment as comment_message
from services.alertlog.oncall.comment import SaidComment
from services.alertlog.taking_up import TakenUp
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.follow import Follower, StoredMessage
from services.bus.streams import ALERTS, EVENTS
from services.bus.subjects import ALERTS as SUBJECTS
from services.bus.subjects import parse_alert_subject, parse_inhibition_subject
from services.process import log as logs
from services.process.flight_recorder import FLIGHT_RECORDER, packed

_log = logs.get("alerting")

_WHAT = packed(kind="message", id=ALERTS)
_STEP_SECONDS = 0.005  # how long the fold goes on before others have their turn
_BUS_PAUSE = 0.2


class AlertFold:
    """Counts since the start: events, and repeats of such that were dropped; held: of the events, those that were kept
    from handlers, by why (SILENCED, MUTED, FLAPPING); refused: messages that are no alerts.

    lag: messages of ALERTS that are not folded yet. notices_since: where nothing is known of how far the notices of a
    topic are, those of messages that are older than this (ns) are not told: all of the log would be, which an earlier
    tickbus has left.
    """

    def __init__(
        self,
        bus: Bus,
        log: FoldedLog,
        projection: AlertingProjection,
        topics: Topics,
        inhibitors: Inhibitors,
        state_store: AlertStateStore,
        dispatcher: Dispatcher,
        told: Callable[[str], None],
        publish: bool,
        holding: Holding,
        transitions: TransitionLog,
        comments: CommentLog,
        standing_changed: Callable[[], None],
        flap_began: Callable[[], None],
    ) -> None:
        """told(owner): after the first end of the log, a message of a run of a task that is over has told what alerts
        inhibit, or has some that are inhibited.

        publish: whether each change of a level is told on the bus, besides what handlers do. flap_began(): an alert
        flaps, which nobody was told yet.
        """
        self._publish = publish
        self.notices_since = 0
        self._bus, self._log, self._projection = bus, log, projection
        self._topics, self._inhibitors = topics, inhibitors
        self._state_store, self._dispatcher, self._told = state_store, dispatcher, told
        self._holding, self._transitions, self._standing_changed = holding, transitions, standing_changed
        self._comments, self._flap_began = comments, flap_began
        self.events = self.repeats = self.refused = self.lag = 0
        self.held = {SILENCED: 0, MUTED: 0, FLAPPING: 0}

    async def run(self, created: str) -> None:
        """Follow ALERTS for ever. created: of the stream that what is kept belongs to.

        Raises StreamWentBack: what is kept has to be made anew then, as a start does.
        """
        async with self._bus.follow(ALERTS, [SUBJECTS], self._state_store.position, created=created) as follower:
            self.lag = await follower.lag()
            while True:
                if not self.lag:
                    self._log.reached_end()
                await self._take(follower, await follower.batch())

    def apply_forgotten(self, first: int) -> None:
        """Give topics the handlers whose marks lay before the first message that the log still has."""
        handlers = self._projection.handlers
        for name in handlers.topics():
            seq = handlers.before(name, first)
            if seq:
                self._apply(name, seq)

    async def _take(self, follower: Follower, messages: list[StoredMessage]) -> None:
        until = time.monotonic() + _STEP_SECONDS
        for stored in messages:
            await self._take_one(stored)
            if time.monotonic() > until:
                self._log.moved()
                await asyncio.sleep(0)
                until = time.monotonic() + _STEP_SECONDS
        self.lag = follower.pending
        self._log.moved()

    async def _take_one(self, stored: StoredMessage) -> None:
        try:
            if why := FLIGHT_RECORDER.deadly(ALERTS, stored.seq, stored.time_ns):
                raise ValueError(why)
            owner = parse_inhibition_subject(stored.subject)
            if owner is None:
                await self._take_alert(parse_alert_subject(stored.subject), stored)
            else:
                await self._take_inhibition(owner, stored)
        except BusError:
            raise
        except Exception as error:
            # anybody may publish to ALERTS: whatever is wrong with one message, the next is folded
            self.refused += 1
            self._bus.set_aside(ALERTS, stored, f"no alert: {error}")
            keys = {"subject": stored.subject, "seq": stored.seq, "refused": self.refused}
            _log.limited(f"refused/{type(error).__name__}").warn(
                "a message is no alert and is skipped", **keys, err=repr(error)
            )
        self._state_store.position = stored.seq

    async def _take_alert(self, topic: str, stored: StoredMessage) -> None:
        if (after := deletion.decode(stored.data)) is not None:
            await self._wait_for(after)
            self._delete(topic, after)
        elif (marked := mark.decode(stored.data)) is not None:
            await self._wait_for(marked)
            self._apply(topic, marked)
        elif (taken := taking_up.decode(stored.data)) is not None:
            await self._wait_for(taken.started)
            self._take_up(topic, taken)
        elif (said := acknowledgement.decode(stored.data)) is not None:
            self._acknowledge(topic, said, stored.time_ns)
        elif (comment := comment_message.decode(stored.data)) is not None:
            self._comment(topic, comment, stored)
        elif (brought := bringing_in.decode(stored.data)) is not None:
            await self._wait_for(brought.after)
            self._bring_in(topic, brought)
        else:
            message = ReceivedMessage(stored.data, topic)
            await self._wait_for(message.started)
            await looked_up(self._holding, message, stored.time_ns)
            with FLIGHT_RECORDER.at(_WHAT, stored.seq, stored.seq):
                self._fold(stored, message)

    async def _take_inhibition(self, owner: str, stored: StoredMessage) -> None:
        """Take in that alerts of a task inhibit others, or that it is over with what they inhibit."""
        announcement = inhibition.decode(stored.data)
        if isinstance(announcement, Released):
            await self._wait_for(announcement.until)
            self._inhibitors.release(owner, announcement.until, stored.time_ns)
            self._tell(owner, announcement.until)
        elif announcement.owner != owner:
            raise ValueError(f"it is of {announcement.owner!r} and came as of {owner!r}")
        else:
            await self._wait_for(announcement.started)
            self._inhibitors.take(announcement)
            self._tell(owner, announcement.started)

    def _tell(self, owner: str, started: int) -> None:
        """Something of a run has come: of one that goes on nothing can be due, and to look for it is not cheap."""
        runs = self._projection.runs
        if self._log.was_at_end and not (runs.open(owner) and runs.began(owner) <= started):
            self._told(owner)

    async def _wait_for(self, event: int) -> None:
        """Wait until an event that a message rests on is known. ValueError where there is no such event."""
        if event <= self._projection.position:
            return
        while True:
            try:
                if event > await self._bus.last_sequence(EVENTS):
                    raise ValueError(f"there is no event {event} yet that it could rest on")
                break
            except BusError as error:
                _log.warn("the log of events cannot be asked yet", err=error)
                await asyncio.sleep(_BUS_PAUSE)
        await self._projection.reached(event)

    def _fold(self, stored: StoredMessage, message: ReceivedMessage) -> None:
        """Nothing else runs between folding, queueing and (by the caller) moving the position on."""
        task, started, name = message.owner, message.started, message.topic
        runs, topic = self._projection.runs, self._topics.get(name)
        handlers = runs.handlers(task, started, name)
        if topic is not None:
            handlers += self._projection.handlers.at(name, topic.applied)
        life = runs.life(task, started)
        if message.reminds is not None:
            held = told_again(self._holding, topic, message, stored.time_ns, handlers)
        else:
            before = self._topics.fold(message, life, self._inhibitors.inhibited(message))
            topic = self._topics.by_name[name]
            held = with_held(self._holding, topic, message, before, stored.time_ns, handlers)
            for number, transition in changes_in(message, before, held.folded):
                self._transitions.add((stored.time_ns, stored.seq, number), transition)
        self._note_held(held)
        folded = held.folded
        if folded.inhibited is not None:
            self._inhibitors.count(message, folded.inhibited, life)
            self._tell(task, started)  # of a task that is no more nothing is to be kept
        self.events += len(folded.events)
        self.repeats += len(message) - len(folded.events)
        if not folded.events and not held.by_handler:
            return
        self._state_store.touched(self._topics.by_name[name])
        for handler in handlers:
            if isinstance(kinds().get(handler.kind), Observer):
                self._standing_changed()
            else:
                self._queue(handler, stored, message, held.of(handler))
        if self._publish and folded.events and changes(message, folded):
            notices = notice_handler(name)
            if stored.time_ns >= self.notices_since or self._state_store.knows(notices.key):
                self._queue(notices, stored, message, folded)
        if message.via is not None and message.via.collected:
            self._dispatcher.covered(message.via.handler, (int(message.seq[0]), int(message.row[0])))

    def _note_held(self, held: Held) -> None:
        for why, count in held.counts.items():
            self.held[why] += count
        if held.counts.get(FLAPPING):
            self._flap_began()

    def _queue(self, handler: BoundHandler, stored: StoredMessage, message: ReceivedMessage, folded: Folded) -> None:
        if not folded.events:
            return
        first, end = folded.events[0], folded.events[-1] + 1
        start = self._state_store.rest(handler.key, stored.seq, first, end)
        if start < end:
            before, lasted = folded.previous, folded.durations
            entry = QueueEntry(stored.seq, first, end, before, stored.time_ns, start, lasted, message.replay, message)
            self._dispatcher.put(handler, entry)

    def _take_up(self, name: str, taken: TakenUp) -> None:
        topic = self._topics.take_up(name, taken, self._projection.runs.life(taken.task, taken.started))
        if topic is not None:
            self._state_store.touched(topic)

    def _bring_in(self, name: str, brought: BroughtIn) -> None:
        topic = self._topics.bring_in(name, brought)
        if topic is not None:
            self._state_store.touched(topic)

    def _acknowledge(self, name: str, said: Acknowledgement, time_ns: int) -> None:
        topic = self._topics.get(name)
        if topic is not None:
            topic.acknowledge(said, time_ns)
            self._state_store.touched(topic)
            self._standing_changed()

    def _comment(self, name: str, said: SaidComment, stored: StoredMessage) -> None:
        topic = self._topics.get(name)
        if topic is not None and topic.stood(said.id) is not None and len(said.text) <= MOST_TEXT:
            self._comments.add(Comment(name, said.id, stored.seq, stored.time_ns, said.by, said.text))

    def _apply(self, name: str, seq: int) -> None:
        """From here on a topic has the handlers that it had at this event."""
        self._state_store.touched(self._topics.apply(name, seq, self._projection.handlers.begun(name, seq)))
        self._standing_changed()

    def _delete(self, name: str, after: int) -> None:
        topic = self._topics.delete(name, after, self._projection.runs.owns(name))
        if topic is not None:
            self._state_store.touched(topic)
