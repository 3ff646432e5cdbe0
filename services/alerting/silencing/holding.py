"""What keeps alerts from handlers for a while: silences, mutes, and that an alert flaps."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from services.alerting.flapping.flaps import FlapSettings
from services.alerting.silencing.labels import labels_in
from services.alerting.silencing.mutes import Mutes
from services.alerting.silencing.silences import Silences
from services.alerting.topics.runs import BoundHandler
from services.alerting.topics.topic import FLAPPING, MUTED, SILENCED, Topic
from services.alertlog.matchers import Labels
from services.store.folds.oncall.mutes import MuteRecord
from services.store.folds.silences import SilenceRecord


class Holding:
    """All of it, as it is known now. silences and mutes may be asked by themselves."""

    def __init__(
        self,
        silences: Callable[[], Iterable[SilenceRecord]],
        mutes: Callable[[], Iterable[MuteRecord]] = tuple,
        flapping: Callable[[str], FlapSettings | None] = lambda topic: None,
    ) -> None:
        """silences(), mutes(): all of them, as they are now. flapping(topic): when a topic's alerts flap."""
        self.silences, self.mutes = Silences(silences), Mutes(mutes)
        self._flapping = flapping

    def changed(self) -> None:
        """Something of it has become other than it was."""
        self.silences.changed()
        self.mutes.changed()

    def any_at(self, time_ns: int) -> bool:
        """Whether a silence or a mute might hold back what was stored at this time."""
        return self.silences.any_at(time_ns) or self.mutes.any_at(time_ns)

    def by_matchers(self, labels: Labels, time_ns: int, handler: BoundHandler | None = None) -> int:
        """Which of SILENCED and MUTED holds back from a handler, or all (None), an alert that was stored at this time;
        0: neither."""
        if self.silences.of(labels, time_ns):
            return SILENCED
        return MUTED if self.mutes_of(labels, time_ns, handler) else 0

    def mutes_of(self, labels: Labels, time_ns: int, handler: BoundHandler | None = None) -> list[str]:
        """The ids of the mutes that keep it from a handler, or from all (None)."""
        return [one.record.id for one in self.mutes.of(labels, time_ns) if one.is_for(handler)]

    def settings(self, topic: str, time_ns: int) -> FlapSettings | None:
        """When a topic's alerts flap that were stored at this time, None: never."""
        settings = self._flapping(topic)
        return settings if settings is not None and time_ns >= settings.since else None

    def flaps(self, topic: Topic, id: str, time_ns: int) -> bool:
        """Whether an alert flaps at this time."""
        return bool(topic.flaps.told) and topic.flaps.flaps(self.settings(topic.name, time_ns), id, time_ns)

    def holds(
        self, topic: Topic, id: str, time_ns: int, handler: BoundHandler | None = None, labels: Labels | None = None
    ) -> int:
        """Which of SILENCED, MUTED and FLAPPING holds an alert back at this time, as it stands; 0: nothing does.

        labels: of the alert, where they are at hand.
        """
        found = 0
        if self.any_at(time_ns):
            found = self.by_matchers(labels if labels is not None else labels_in(topic, id), time_ns, handler)
        return found or (FLAPPING if self.flaps(topic, id, time_ns) else 0)

    def next_change(self, time_ns: int) -> int | None:
        """When a silence or a mute ends next after this time, at the earliest; None where none does."""
        nexts = (self.silences.next_end(time_ns), self.mutes.next_change(time_ns))
        return min((one for one in nexts if one is not None), default=None)

    def last_change(self, time_ns: int) -> int:
        """When one has ended last before this time, at the latest; 0 where none has."""
        return max(self.silences.latest_end(time_ns), self.mutes.last_change(time_ns))
