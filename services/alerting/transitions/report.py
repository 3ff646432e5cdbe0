"""What a time was like: how often alerts changed, and for how long they were at which level, added up by topic, task,
alert or tag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.alerting.transitions.transition import Transition
from services.alerting.transitions.transition_log import TransitionLog
from services.alertlog.matchers import Matcher, all_fit

MOST_LOOKED_AT = 500_000
"""Changes, for one report."""

_LEVELS = 4

Alert = tuple[str, str]
"""Topic and id."""


class TooManyChanges(Exception):
    """A report would have to look at more changes than it may."""


@dataclass(slots=True)
class ReportRow:
    """Of what has one value. topic: "" where several may be in it. changes, time: by level, how many changes to it
    there were, and for how long (ns) alerts were at it; of OK no time. held: changes that were kept from handlers."""

    of: str
    topic: str
    alerts: set[Alert] = field(default_factory=set)
    changes: list[int] = field(default_factory=lambda: [0] * _LEVELS)
    time: list[int] = field(default_factory=lambda: [0] * _LEVELS)
    held: int = 0


@dataclass(frozen=True, slots=True)
class ReportQuestion:
    """since, until: ns, when changes were stored. by: topic, id, task, name or `tag:NAME`."""

    matchers: Sequence[Matcher]
    since: int
    until: int
    by: str


def report(log: TransitionLog, standing: Mapping[Alert, int], asked: ReportQuestion, now: int) -> list[ReportRow]:
    """The rows, those first that were not OK for longest. It takes long, and may run in another thread.

    standing: how alerts stand now (ns) that are not OK, by level. What lies before the oldest change that is kept is
    not known, and not counted. Raises TooManyChanges, StoreError.
    """
    rows = _Rows(asked, log.oldest())
    later: dict[Alert, Transition] = {}  # the change of each alert that was looked at last, the one that follows
    ends: dict[Alert, int] = {}
    for number, ((stored, _, _), one) in enumerate(log.since(asked.since)):
        if number == MOST_LOOKED_AT:
            raise TooManyChanges
        alert = one.topic, one.id
        # of an alert that stands otherwise nobody knows when that began: its topic was deleted
        end = ends.get(alert, now if standing.get(alert, 0) == one.level else stored)
        rows.lasted(one, one.level, stored, end)
        if stored <= asked.until:
            rows.changed(one)
        later[alert], ends[alert] = one, stored
    for alert, one in later.items():
        rows.lasted(one, one.previous, asked.since, ends[alert])
    for alert, level in standing.items():
        if alert not in later:
            rows.lasted(log.last_of(*alert) or _unknown(alert), level, asked.since, now)
    return sorted(rows.rows.values(), key=lambda row: (-sum(row.time), -sum(row.changes), row.of, row.topic))


class _Rows:
    """The rows as they are added up."""

    def __init__(self, asked: ReportQuestion, oldest: int) -> None:
        self.rows: dict[tuple[str, str], ReportRow] = {}
        self._asked = asked
        self._since = max(asked.since, oldest)

    def changed(self, one: Transition) -> None:
        row = self._row(one)
        if row is not None:
            row.changes[one.level] += 1
            row.held += one.silenced or one.muted or one.flapping

    def lasted(self, one: Transition, level: int, start: int, end: int) -> None:
        """An alert was at a level for so long."""
        lasted = min(end, self._asked.until) - max(start, self._since)
        row = self._row(one) if level and lasted > 0 else None
        if row is not None:
            row.time[level] += lasted

    def _row(self, one: Transition) -> ReportRow | None:
        """Where an alert is counted; None: it is not asked for."""
        labels = one.labels()
        if not all_fit(self._asked.matchers, labels):
            return None
        topic = one.topic if self._asked.by == "id" else ""
        key = labels.of(self._asked.by), topic
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = ReportRow(*key)
        row.alerts.add((one.topic, one.id))
        return row


def _unknown(alert: Alert) -> Transition:
    """The last change of an alert of which none is kept."""
    return Transition(*alert, "", "", {}, 0, 0, 0, 0, "", False)
