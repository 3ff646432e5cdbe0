"""Of what a run would have done outside, what somebody wants to see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from grammar.golang.times import parse_rfc3339
from services.alertlog.split import part
from services.columns.column import Rows
from services.columns.frame import points_of
from services.columns.groups.series import Series, SeriesTable
from services.dryrun.outcomes import Line, Outcomes
from services.dryrun.tracing.wanted import Filter, Wanted
from services.runtime.effects import Alerts, Effect, Failure


class WantedOutcomes:
    """Chooses among effects as Filter does among points: an alert by the tags and the fields of its data.

    Of the others those that have tags are chosen by them. What has none is wanted where tags do not matter; where a
    condition is given, only alerts are.
    """

    def __init__(self, wanted: Wanted, filter: Filter, table: SeriesTable) -> None:
        self._wanted, self._filter, self._table = wanted, filter, table
        self._tags = wanted.group.items()
        self._outcomes = Outcomes()

    def of(self, effects: Sequence[Effect]) -> Iterator[Line]:
        """The lines of effects, in order."""
        chosen = [one for effect in effects if (one := self._chosen(effect)) is not None]
        return (line for line in self._outcomes.of(chosen) if self._holds(line))

    def count(self, effects: Sequence[Effect]) -> Iterator[tuple[str, int]]:
        """Node and number of those lines, made only where their data must be looked at."""
        for effect in effects:
            if isinstance(effect, Alerts) and self._wanted.where is None:
                chosen = self._chosen(effect)
                if isinstance(chosen, Alerts):
                    yield chosen.node, len(chosen.level)
            else:
                yield from ((line["node"], 1) for line in self.of([effect]))

    def _chosen(self, effect: Effect) -> Effect | None:
        """An effect, without the alerts whose tags are others; None where nothing is left of it."""
        if isinstance(effect, Failure) or self._wanted.node not in ("", getattr(effect, "node", "")):
            return None
        if not isinstance(effect, Alerts):
            return None if self._wanted.where is not None else effect
        if not self._tags:
            return effect
        of = np.array([self._tags <= dict(one.get("tags") or {}).items() for one in effect.series], dtype=np.bool_)
        rows: Rows = np.flatnonzero(of[effect.series_of])
        if len(rows) == len(effect.series_of):
            return effect
        return part(effect, rows) if len(rows) else None

    def _holds(self, line: Line) -> bool:
        if line["kind"] != "alert":
            return not self._tags or self._tags <= line.get("tags", {}).items()
        return self._wanted.where is None or any(self._holds_for(series) for series in line["data"]["series"])

    def _holds_for(self, data: Mapping[str, Any]) -> bool:
        """Whether the condition holds for a row of an alert's data."""
        times, rows = [], []
        for values in data.get("values", ()):
            fields = dict(zip(data["columns"], values, strict=True))
            times.append(parse_rfc3339(fields.pop("time")))
            rows.append({name: value for name, value in fields.items() if value is not None})
        series = self._table.number(Series("", "", data["name"], tuple(sorted((data.get("tags") or {}).items()))))
        return bool(self._filter.holds(points_of(times, [series] * len(times), rows)).any())
