"""Which events can go: a pure function of the log up to some place, tried out on the folds themselves.

What goes, of tasks, templates, recordings, replays, traces, backtests, silences and mutes that were deleted, is all
that was told of them; of a task whose alerts are still in ALERTS its deletion stays, since alerting must know that they
are of a task that is no more. Of what is there go the runs that are over, and what other events have made void. What
other events rest on stays with them: a renaming binds two ids, and the change of a template all of its tasks.

A resource of which an event is told that is not known here stays whole: to a later version it may be anything.

What each event was to others, those are asked who know: the folds, with all of it and without what is to go.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field

from schemas.events import backtest, load, recording, replay, run, silence, task, template, trace, user
from schemas.events.oncall import flapping, mute
from services.bus.events import Event
from services.bus.subjects import events_subject
from services.compaction.lives import Life, Lives, Name
from services.store.compaction import Gone
from services.store.folds import recordings, tasks, templates
from services.store.folds.state import State

SUBJECTS = (
    *tasks.SUBJECTS,
    *recordings.SUBJECTS,
    "tickbus.event.user.>",
    "tickbus.event.silence.>",
    "tickbus.event.mute.>",
    "tickbus.event.flapping.>",
    "tickbus.event.load.>",
)

_KNOWN = {
    "task": task.SCHEMAS,
    "template": template.SCHEMAS,
    "run": run.SCHEMAS,
    "recording": recording.SCHEMAS,
    "replay": replay.SCHEMAS,
    "trace": trace.SCHEMAS,
    "backtest": backtest.SCHEMAS,
    "user": user.SCHEMAS,
    "silence": silence.SCHEMAS,
    "mute": mute.SCHEMAS,
    "flapping": flapping.SCHEMAS,
    "load": load.SCHEMAS,
}
_ENDED_BY = {
    **dict.fromkeys(("user", "silence", "mute"), "deleted"),
    **dict.fromkeys(("load", "flapping"), "withdrawn"),
}
"""Kinds of which each id is for itself, and what ends one."""
_OF_PARTS = frozenset(("split", "paused", "handed", "part-started"))
_MOST_BYTES = 300 << 10
_SKEW_NS = 3600 * 10**9  # by which the clocks of who deletes and of who stores alerts may differ


@dataclass(slots=True)
class CompactionPlan:
    """through: by kind and id, up to which sequence its events go; drops: single events that go.

    gone: resources of which nothing is left then.
    """

    through: dict[Name, int] = field(default_factory=dict)
    drops: list[int] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    size: int = 0  # bytes that it takes to tell it, about

    def __bool__(self) -> bool:
        return bool(self.through or self.drops)

    @property
    def full(self) -> bool:
        """Whether the rest is for the next time."""
        return self.size > _MOST_BYTES

    def purge(self, kind: str, id: str, through: int) -> None:
        """Have the events of a resource go up to a sequence."""
        self.through[kind, id] = through
        self.size += 2 * len(id) + 48

    def drop(self, seqs: Iterable[int]) -> None:
        """Have single events go."""
        before = len(self.drops)
        self.drops += seqs
        self.size += 12 * (len(self.drops) - before)

    def lose(self, kind: str, id: str, last: int) -> None:
        """Nothing is left of a resource then."""
        self.gone.append(Gone(kind, id, last))
        self.size += 2 * len(id) + 32

    def purges(self) -> list[tuple[str, int]]:
        """Subjects, and up to which sequence they are to be purged."""
        return [(events_subject(kind, id), through) for (kind, id), through in self.through.items()]


class Survey:
    """Use `take` for all events in order, then `plan`; then a second one to try the plan out, and `differs` of both."""

    def __init__(
        self, until: int, alerting: Set[Name], first_alert: int, without: CompactionPlan | None = None
    ) -> None:
        """until: the first sequence that is to be left alone. alerting: the tasks and replays of which ALERTS holds
        alerts in topics of their own, or what they inhibit. first_alert: when (ns) the first alert there was stored.
        without: fold as if that was carried out.
        """
        self._alerting, self._first_alert = alerting, first_alert
        self._through = without.through if without is not None else {}
        self._dropped = frozenset(without.drops) if without is not None else frozenset()
        self._lives = Lives(until)
        self._unknown: set[Name] = set()
        self._tasks, self._recordings = State(), State()

    def take(self, event: Event) -> None:
        """Take an event in."""
        if event.seq <= self._through.get((event.kind, event.id), 0) or event.seq in self._dropped:
            return
        if event.what not in _KNOWN.get(event.kind, ()):
            self._unknown.add(("task" if event.kind == "run" else event.kind, event.id))
        # what a fold fails on otherwise changes nothing for anybody
        with contextlib.suppress(Exception):
            if event.kind in ("task", "template", "run"):
                self._tasks.take(tasks.fold, event, event.seq)
            elif event.kind in recordings.BUCKETS:
                self._recordings.take(recordings.fold, event, event.seq)
        self._lives.take(event)

    def plan(self, except_for: Set[Name] = frozenset()) -> CompactionPlan:
        """What can go. except_for: of these nothing."""
        plan, lives, except_for = CompactionPlan(), self._lives, except_for | self._unknown
        removable = lives.removable(self._dead() - except_for)
        for id in lives.ids("task", "run"):
            if not plan.full and ("task", id) not in except_for and not lives.is_bound("task", id):
                self._plan_task(plan, id, removable)
        for names in lives.together(name for name in removable if lives.is_bound(*name)):
            if not plan.full:
                self._plan_bound(plan, names)
        for kind, id in sorted(removable):
            if not plan.full and kind != "task" and not lives.is_bound(kind, id):
                last = lives.of(kind, id).last
                plan.purge(kind, id, last)
                plan.lose(kind, id, last)
        return plan

    def differs(self, other: Survey) -> set[Name]:
        """The resources that are not the same in two surveys."""
        found = {("task", id) for id in _different(self._tasks, other._tasks, tasks.TASKS, tasks.ENDED)}
        found |= {("template", id) for id in _different(self._tasks, other._tasks, templates.TEMPLATES)}
        for kind, bucket in recordings.BUCKETS.items():
            found |= {(kind, id) for id in _different(self._recordings, other._recordings, bucket)}
        return found

    def _dead(self) -> set[Name]:
        """What is no more, and of which nothing has to be remembered either."""
        lives, state = self._lives, self._tasks
        dead: set[Name] = set()
        for id in lives.ids("task"):
            there = tasks.task_of(state, id) is not None or state.get(tasks.ENDED, id)
            if not there and lives.is_over("run", id) and not self._remembered(id):
                dead.add(("task", id))
        dead |= {("template", id) for id in lives.ids("template") if templates.template_of(state, id) is None}
        for kind in recordings.BUCKETS:
            gone = (id for id in lives.ids(kind) if recordings.record_of(self._recordings, kind, id) is None)
            dead |= {(kind, id) for id in gone if (kind, id) not in self._alerting}
        for kind, what in _ENDED_BY.items():
            dead |= {(kind, id) for id in lives.ids(kind) if lives.of(kind, id).events[-1].what == what}
        return {name for name in dead if lives.is_over(*name)}

    def _remembered(self, id: str) -> bool:
        """Whether alerting has to know that a task of this id was deleted."""
        ends_alerts = self._lives.of("task", id).ends_alerts
        ends_late = ends_alerts > 0 and ends_alerts + _SKEW_NS > self._first_alert > 0
        return ("task", id) in self._alerting or ends_late

    def _plan_task(self, plan: CompactionPlan, id: str, removable: Set[Name]) -> None:
        """Of a task that is understood by itself."""
        own, runs = self._lives.of("task", id), self._lives.of("run", id)
        record, ended = tasks.task_of(self._tasks, id), tasks.ended_of(self._tasks, id)
        deleted = own.last_of("deleted")
        if record is None and not ended and (not own.events or ("task", id) in removable):
            for kind, life in (("task", own), ("run", runs)):
                if life.events:
                    plan.purge(kind, id, life.last)
            plan.lose("task", id, max(own.last, runs.last))
            return
        if deleted and not any(one.sequence <= deleted for one in ended):
            _purge(plan, ("task", id), own, deleted - 1 if self._remembered(id) else deleted)
            _purge(plan, ("run", id), runs, deleted)
        if record is not None and not ended:
            plan.drop(_over(own, runs, deleted, record.run))

    def _plan_bound(self, plan: CompactionPlan, names: Set[Name]) -> None:
        """Of resources that are understood only together: all of it."""
        for kind, id in sorted(names):
            lives = [self._lives.of(kind, id)] + ([self._lives.of("run", id)] if kind == "task" else [])
            plan.drop(one.seq for life in lives for one in life.events)
            plan.lose(kind, id, max(life.last for life in lives))


def _purge(plan: CompactionPlan, name: Name, life: Life, through: int) -> None:
    """Have the events of a resource go up to a sequence, if there are any."""
    if life.events and life.events[0].seq <= through:
        plan.purge(*name, through)


def _over(own: Life, runs: Life, deleted: int, run: tasks.RunRecord | None) -> Iterator[int]:
    """Of a task that is there, what was told of runs that are over, and how it was switched in between.

    Of each run that a worker has told of last stays what it told first and last, of those that were stopped the last.
    """
    recent = [one for one in runs.events if one.seq > deleted]
    begun = [one for one in recent if one.what in ("started", "failed")]
    latest = max((one.run for one in begun), default=0)
    yield from (one.seq for one in begun if one.run < latest)
    started = [one.seq for one in begun if one.run == latest and one.what == "started"]
    if run is not None and run.enabled == latest and begun[-1].what == "started":
        yield from started[1:-1]
    stopped = [one for one in recent if one.what == "stopped"]
    yield from (one.seq for one in stopped[:-1] if one.run <= stopped[-1].run)
    yield from (one.seq for one in recent if one.what in _OF_PARTS and one.run < latest)
    stopped_parts = [one for one in recent if one.what == "part-stopped"]
    yield from (one.seq for one in stopped_parts if stopped and one.run < stopped[-1].run)
    switched = [one for one in own.events if one.seq > deleted]
    last_stopped = stopped[-1].run if stopped else 0
    for on, off, then in zip(switched, switched[1:], switched[2:], strict=False):
        over = on.seq < latest and off.seq <= last_stopped and then.seq <= latest
        if over and (on.what, off.what, then.what) == ("enabled", "disabled", "enabled"):
            yield from (on.seq, off.seq)


def _different(one: State, other: State, *buckets: str) -> Iterator[str]:
    for bucket in buckets:
        these, those = one.bucket(bucket), other.bucket(bucket)
        yield from (key for key in {*these, *those} if these.get(key) != those.get(key))
