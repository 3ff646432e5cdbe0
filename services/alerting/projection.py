"""What alerting knows besides the alerts: one fold over all of EVENTS, so that any event of it can be waited for.

It is made of runs.py, of handlers.py, overrides.py and silences.py in services/store/folds, and of oncall/ there, whose
buckets stand beside each other; what is of no other kind is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from services.alerting.delivery.notices import notice_handler, topic_of
from services.alerting.delivery.shards import TOPIC_HANDLER
from services.alerting.topics.runs import TASKS, BoundHandler, Runs, forget
from services.alerting.topics.runs import fold as fold_runs
from services.bus.connection import Bus
from services.bus.events import Event, decode
from services.bus.streams import EVENTS
from services.bus.subjects import EVENTS as SUBJECTS
from services.store.folds import handlers, overrides, silences
from services.store.folds.oncall import flapping, mutes
from services.store.folds.oncall.flapping import FlappingRecord
from services.store.folds.oncall.mutes import MuteRecord
from services.store.folds.silences import SilenceRecord
from services.store.folds.state import Change, State
from services.store.live_config import LiveConfig
from services.store.projection import Projection
from services.store.store import Store

_RECORDS = {**handlers.RECORDS, **silences.RECORDS, **mutes.RECORDS, **flapping.RECORDS}
_HOLDING = frozenset((silences.SILENCES, mutes.MUTES, flapping.FLAPPING))


class AlertingProjection:
    """The fold, kept in a store."""

    def __init__(self, store: Store, publish: bool = False) -> None:
        """publish: whether topics tell on the bus of each change of a level, without a handler."""
        self._publish = publish
        self._projection: Projection[Event] = Projection(store, _fold, EVENTS, forget=forget, records=_RECORDS)
        self.runs = Runs(lambda: self._projection.state)
        self.handlers = TopicHandlers(lambda: self._projection.state)

    @property
    def position(self) -> int:
        """Sequence of the last event folded."""
        return self._projection.position

    async def start(self, bus: Bus, effective: LiveConfig) -> None:
        """Follow the log; returns once its present end is reached. effective: the configuration, which does so too."""
        await self._projection.start(bus, [SUBJECTS], decode)
        effective.follow(self._projection)

    async def stop(self) -> None:
        """Follow no more, and save."""
        await self._projection.stop()

    async def reached(self, seq: int, timeout: float | None = None) -> None:
        """Wait until the fold has come to this event. TimeoutError after so many seconds."""
        await self._projection.reached(seq, timeout)

    async def caught_up(self) -> None:
        """Wait until the fold has come to the present end of the log. Raises BusError."""
        await self._projection.caught_up()

    def on_change(self, task: Callable[[str], None], topic: Callable[[str], None]) -> None:
        """Call with the id of each task of which something has changed, and each topic whose handlers have."""
        listeners = {TASKS: task, handlers.TOPICS: topic}

        def changed(changes: list[Change]) -> None:
            for change in changes:
                if change.bucket in listeners:
                    listeners[change.bucket](change.key)

        self._projection.on_change(changed)

    def silences(self) -> Iterator[SilenceRecord]:
        """All silences that are known, in no particular order."""
        yield from silences.silences(self._projection.state)

    def mutes(self) -> Iterator[MuteRecord]:
        """All mutes that are known, in no particular order."""
        yield from mutes.mutes(self._projection.state)

    def flapping(self, topic: str) -> FlappingRecord | None:
        """When a topic's alerts flap, None where nothing is said of it."""
        return flapping.flapping_of(self._projection.state, topic)

    def on_holding(self, listener: Callable[[], None]) -> None:
        """Call whenever a silence, a mute, or when a topic's alerts flap has changed."""

        def changed(changes: list[Change]) -> None:
            if any(change.bucket in _HOLDING for change in changes):
                listener()

        self._projection.on_change(changed)

    def handler(self, key: str) -> BoundHandler | None:
        """The handler of this key, a run's or a topic's; None where it is not known any more."""
        told = topic_of(key)
        if told is not None:
            return notice_handler(told) if self._publish else None
        return self.handlers.handler(key) if key.startswith(f"{TOPIC_HANDLER}/") else self.runs.handler(key)


class TopicHandlers:
    """What is asked of the fold about handlers of topics. seq: a sequence of EVENTS."""

    def __init__(self, state: Callable[[], State]) -> None:
        """state(): the fold's, as it is now."""
        self._state = state

    def topics(self) -> dict[str, int]:
        """The topics that have or had handlers, each with the last event that changed them."""
        return {topic: record.last for topic, record in self._state().bucket(handlers.TOPICS).items()}

    def last(self, topic: str) -> int:
        """The last event that changed a topic's handlers, 0 for none."""
        record = self._state().get(handlers.TOPICS, topic)
        return record.last if record else 0

    def at(self, topic: str, seq: int) -> list[BoundHandler]:
        """The handlers that a topic had after an event."""
        if not seq:
            return []
        known = handlers.all_of(self._state(), topic)
        return [_handler(topic, h) for h in known if h.sequence <= seq and (not h.ended or h.ended > seq)]

    def begun(self, topic: str, seq: int) -> bool:
        """Whether the event gave the topic a handler, or changed one."""
        return any(h.sequence == seq for h in handlers.all_of(self._state(), topic))

    def before(self, topic: str, alert: int) -> int:
        """The last event that changed a topic's handlers and was decided before this sequence of ALERTS; 0 for none."""
        known = handlers.all_of(self._state(), topic)
        changes = [(h.position, h.sequence) for h in known]
        changes += [(h.ended_position, h.ended) for h in known if h.ended]
        return max((seq for position, seq in changes if position < alert), default=0)

    def handler(self, key: str) -> BoundHandler | None:
        """The handler of this key, None where it is not known any more."""
        _, seq, topic = key.split("/", 2)
        known = handlers.all_of(self._state(), topic)
        return next((_handler(topic, h) for h in known if str(h.sequence) == seq), None)


def _fold(state: State, event: Event) -> None:
    if event.kind == "handler":
        handlers.fold(state, event)
    elif event.kind == "silence":
        silences.fold(state, event)
    elif event.kind == "mute":
        mutes.fold(state, event)
    elif event.kind == "flapping":
        flapping.fold(state, event)
    elif event.kind == overrides.KIND:
        overrides.fold(state, event)
    else:
        fold_runs(state, event)


def _handler(topic: str, h: handlers.HandlerRecord) -> BoundHandler:
    key = f"{TOPIC_HANDLER}/{h.sequence}/{topic}"
    return BoundHandler(key, topic, h.kind, h.options, h.match, h.began, h.id)
