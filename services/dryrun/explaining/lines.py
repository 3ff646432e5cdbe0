"""Points of the log as they were written: their lines, and where points that are held lie."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable
from typing import Any

import numpy as np

from grammar.golang.times import format_rfc3339, parse_rfc3339
from services.bus.follow import StoredMessage
from services.bus.subjects import parse_write_subject
from services.columns.groups.series import SeriesTable
from services.lineprotocol.packing.messages import some_lines
from services.runtime.input.line_protocol_decoder import LOOPBACKS, LineProtocolDecoder

_LONGEST = 10_000  # characters of a line that are shown


def written(message: StoredMessage, row: int) -> dict[str, Any]:
    """A point as it was written: {"seq", "row", "database", "retention-policy", "line", "precision", "stored"}.

    stored: when the log took it, RFC 3339. "received" where the gateway has noted when it came there, "user" where it
    knew whose the write was, "loopbacks" where a task has written it: how many tasks' writes it has come through.
    """
    database, retention_policy = parse_write_subject(message.subject)
    headers = message.headers or {}
    found: dict[str, Any] = {
        "seq": message.seq,
        "row": row,
        "database": database,
        "retention-policy": retention_policy,
        "line": _line(message, row),
        "precision": headers.get("precision", "n"),
        "stored": format_rfc3339(message.time_ns),
    }
    received, loopbacks = headers.get("received", ""), headers.get(LOOPBACKS, "")
    if received.isascii() and received.isdigit():
        found["received"] = format_rfc3339(int(received))
    if "user" in headers:
        found["user"] = urllib.parse.unquote(headers["user"])
    return found | ({"loopbacks": int(loopbacks)} if loopbacks.isascii() and loopbacks.isdigit() else {})


class Places:
    """Finds where in the log points lie that are known by their times and tags alone."""

    def __init__(self, points: Iterable[dict[str, Any]]) -> None:
        """points: as services.columns.groups.shown has them; `seq` and `row` are written into those that are found."""
        self._decoder = LineProtocolDecoder(SeriesTable())
        self._wanted: dict[tuple[int, tuple[tuple[str, str], ...]], list[dict[str, Any]]] = {}
        for point in points:
            key = parse_rfc3339(point["time"]), tuple(sorted(point["tags"].items()))
            self._wanted.setdefault(key, []).append(point)
        self._found: set[tuple[int, tuple[tuple[str, str], ...]]] = set()
        self.settle()

    @property
    def missing(self) -> bool:
        """Whether some have not been found."""
        return bool(self._wanted)

    def look(self, message: StoredMessage) -> None:
        """Look for points in a message; of several alike the last one counts, until `settle` is called."""
        batch, _ = self._decoder.decode(*parse_write_subject(message.subject), [message])
        if batch is None:
            return
        for row in np.flatnonzero(np.isin(batch.points.time, self._times)).tolist():
            tags = self._decoder.table.series(int(batch.points.series[row])).tags
            key = int(batch.points.time[row]), tuple(sorted(tags))
            for point in self._wanted.get(key, ()):
                point["seq"], point["row"] = message.seq, row
                self._found.add(key)

    def settle(self) -> None:
        """What has been found is not looked for again."""
        for key in self._found:
            del self._wanted[key]
        self._found.clear()
        self._times = np.array(sorted({time for time, _ in self._wanted}), dtype=np.int64)


def _line(message: StoredMessage, row: int) -> str:
    for line in some_lines(message.data, message.headers, [row]):
        text = line.decode("utf-8", "replace")
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return ""
