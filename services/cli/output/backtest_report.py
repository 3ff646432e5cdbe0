"""What a backtest came to, for people: its summary as the API has it, printed as a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from grammar.golang.durations import format_go_duration
from services.cli.output.printing import print_field, print_heading
from services.cli.output.tables import Column, print_table

_LEVELS = ("OK", "INFO", "WARNING", "CRITICAL")
_MOST_ROWS = 20  # of ids
_MOST_FLAPPING = 5

Summary = Mapping[str, Any]


def print_report(name: str, view: Mapping[str, Any]) -> None:
    """Print a backtest that has finished. name: what was run. view: as GET /backtests/ID shows it."""
    summary = view["summary"]
    print_field(name, f"{view['start']} to {view['stop']}")
    for field, text in _facts(summary):
        print_field(field, text)
    for text in _notes(summary):
        print_field("note", text)
    _ids(summary["by-id"][:_MOST_ROWS], summary["ids"])
    if summary["flapping"]:
        print_field("flapping", ", ".join(_flaps(row) for row in summary["flapping"][:_MOST_FLAPPING]))
    first, last = summary["first"], summary["last"]
    _alerts("alerts" if len(first) == summary["alerts"] else "first alerts", first)
    if len(first) < summary["alerts"]:
        _alerts("last alerts", last)
    if "difference" in summary:
        _difference(summary["difference"])


def _facts(summary: Summary) -> Iterator[tuple[str, str]]:
    yield "alerts", f"{summary['alerts']:,} of {_ids_of(summary['ids'])}" if summary["alerts"] else "none"
    if summary["alerts"]:
        yield "levels", _counted({level: n for level, n in summary["levels"].items() if n})
    if summary["transitions"]:
        yield "changes", _counted(summary["transitions"])
    if summary["handlers"]:
        yield "handlers would have had", _counted(summary["handlers"])
    others = {kind: n for kind, n in summary["outcomes"].items() if kind not in ("alert", "failure")}
    if others:
        yield "not done", _counted(others)
    yield "read", f"{summary['points']:,} {summary['of']}, {_BEGAN[summary['began']].format(summary['began-at'])}"
    if summary["errors"]:
        yield "errors", _counted(summary["errors"])
        for node, reasons in summary["reasons"].items():
            for reason in reasons:
                yield f"  {node or 'the task'}", f"such as: {reason}"


_BEGAN = {
    "state": "from a state on that was kept at {}",
    "warm-up": "with a warm-up from {} on",
    "nothing": "beginning with nothing at {}",
}


def _notes(summary: Summary) -> Iterator[str]:
    if summary["failed"]:
        yield f"the task would have ended: {summary['failed']}"
    if summary.get("unreadable-messages"):
        yield f"{summary['unreadable-messages']:,} messages of the log are no line protocol, and were passed over"
    yield from summary["notes"]
    if summary.get("left-out"):
        yield f"{summary['left-out']:,} lines of results were left out, for which there was no room; all is counted"


def _flaps(row: Mapping[str, Any]) -> str:
    return f"{row['id']} ({row['changes']:,} changes, {row['changes-per-hour']:,g} an hour)"


def _ids(rows: Sequence[Mapping[str, Any]], count: int) -> None:
    if not rows:
        return
    print_heading(f"by id, {len(rows)} of {count:,}" if len(rows) < count else "by id")
    columns = [
        Column("ID", fits=True),
        *(Column(level, 10, right=True) for level in _LEVELS),
        Column("Changes", 9, right=True),
        Column("  Alerting for", 24),
        Column("Now", 8, marked=True),
    ]
    print_table(columns, [_id_row(row) for row in rows])


def _id_row(row: Mapping[str, Any]) -> list[str]:
    events = [str(row["events"].get(level, "")) for level in _LEVELS]
    lasted = _duration(sum(row["lasted"].values()))
    return [row["id"], *events, str(row["changes"]), f"  {lasted}", row["level"]]


def _alerts(heading: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    print_heading(heading)
    columns = [
        Column("Time", fits=True, whole=True),
        Column("Level", 9, marked=True),
        Column("Was", 9, marked=True),
        Column("Duration", 14),
        Column("Message", fits=True),
    ]
    print_table(
        columns,
        [[row["time"], row["level"], row["previous"], _duration(row["duration"]), row["message"]] for row in rows],
    )


def _difference(found: Mapping[str, Any]) -> None:
    against = "the other script" if found["against"] == "script" else f"the task {found['against']}"
    counts = {key: found[key] for key in ("same", "new", "missing", "level")}
    print_field(f"against {against}", _counted(counts))
    if found.get("note"):
        print_field("note", found["note"])
    rows, count = found["first"], counts["new"] + counts["missing"] + counts["level"]
    if not rows:
        return
    print_heading(f"differences, {len(rows)} of {count:,}" if len(rows) < count else "differences")
    columns = [
        Column("Difference", 11),
        Column("Time", fits=True, whole=True),
        Column("Level", 9, marked=True),
        Column("Instead of", 11, marked=True),
        Column("ID", fits=True),
    ]
    print_table(
        columns, [[row["difference"], row["time"], row["level"], row.get("against", ""), row["id"]] for row in rows]
    )


def _duration(ns: int) -> str:
    """To the second, or to the millisecond where it is short."""
    least = 10**9 if ns >= 60 * 10**9 else 10**6
    return format_go_duration(round(ns / least) * least)


def _ids_of(count: int) -> str:
    return f"{count:,} id{'' if count == 1 else 's'}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts.items())
