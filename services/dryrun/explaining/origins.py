"""Where in the log points that a node holds came from, so that they can be told with their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grammar.golang.times import parse_rfc3339
from services.columns.column import IntArray
from services.columns.frame import Barriers, Frame, Message, Step
from services.columns.groups.series import SeriesTable, Tags

Place = tuple[int, int]
"""Sequence of the message and row of the point in it; a negative sequence is a tick's number."""

_MOST = 400_000  # points that are remembered of one node; of more the older ones are forgotten


class HeldOrigins:
    """What went into one node: for each point (or batch) of the groups concerned the place that it came of."""

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._parts: list[NDArray[np.int64]] = []  # columns: time, series (a batch's group: -1 - its number), seq, row
        self._size = 0

    def note(self, message: Message, step: Step) -> None:
        """Points or batches of the groups concerned are going in."""
        if isinstance(message, Barriers):
            return
        if isinstance(message, Frame):
            time, of = message.points.time, message.points.series.astype(np.int64)
        else:
            time, of = message.tmax, -1 - message.group.astype(np.int64)
        seq, row = _places(message.origin, step)
        self._parts.append(np.stack([time, of, seq, row], axis=1))
        self._size += len(time)
        while self._size - len(self._parts[0]) > _MOST:
            self._size -= len(self._parts.pop(0))

    def place(self, shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Write into points and batches, as services.columns.groups.shown has them, their `seq` and `row`.

        Those that a place is known of; gives the points that none is known of.
        """
        points = [point for point in shown if "time" in point]
        found = self._found({parse_rfc3339(point["time"]) for point in points})
        lacking = []
        for point in reversed(points):  # of several alike the last ones that came are still held
            alike = parse_rfc3339(point["time"]), tuple(sorted(point["tags"].items()))
            # a node may have given what it holds another measurement
            places = found.get((point.get("point", ""), *alike)) or found.get(("", *alike), [])
            if places:
                point["seq"], point["row"] = places.pop() if len(places) > 1 else places[0]
            elif "batch" not in point:
                lacking.append(point)
        return lacking

    def _found(self, times: set[int]) -> dict[tuple[str, int, Tags], list[Place]]:
        """By measurement ("": of any), time and tags the places of points, in order of arrival."""
        found: dict[tuple[str, int, Tags], list[Place]] = {}
        if not self._parts or not times:
            return found
        every = np.concatenate(self._parts)
        chosen = every[np.isin(every[:, 0], np.array(sorted(times), dtype=np.int64))]
        for time, of, seq, row in chosen.tolist():
            series = self._table.series(of) if of >= 0 else None
            tags = self._table.group(-1 - of).tags if series is None else series.tags
            for name in {"", "" if series is None else series.name}:
                found.setdefault((name, time, tuple(sorted(tags))), []).append((seq, row))
        return found


def places_in(shown: Any) -> Iterator[Mapping[str, Any]]:
    """Everything in some plain data that has a place in the log, outermost first."""
    if isinstance(shown, Mapping):
        if "seq" in shown and "row" in shown:
            yield shown
        for value in shown.values():
            yield from places_in(value)
    elif isinstance(shown, list):
        for value in shown:
            yield from places_in(value)


def _places(origin: IntArray, step: Step) -> tuple[IntArray, IntArray]:
    if step.tick:
        return np.full(len(origin), -step.tick, dtype=np.int64), np.zeros(len(origin), dtype=np.int64)
    return step.seq[origin], step.row[origin].astype(np.int64)
