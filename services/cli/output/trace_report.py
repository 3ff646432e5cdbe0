"""What a trace has found, for people: its lines as a table, and what was counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from services.cli.output.printing import print_field, print_heading
from services.cli.output.tables import Column, print_table

Line = Mapping[str, Any]

_POINTS = 3  # of a batch


def print_trace(view: Mapping[str, Any], lines: Iterable[Line]) -> None:
    """Print a trace that has finished. view: as GET /traces/ID shows it."""
    summary = view["summary"]
    rows = [[*_head(line), _tags(line), _what(line)] for line in lines]
    if rows:
        columns = [Column(head, fits=True, whole=True) for head in ("Time", "Node", "")]
        columns += [Column(head, fits=True) for head in ("Tags", "What")]
        print_table(columns, rows)
    print_field("shown", _shown(summary, len(rows)))
    for name, text in _facts(summary):
        print_field(name, text)
    print_heading("nodes")
    heads = [Column("Node", fits=True), *(Column(head, 12, right=True) for head in ("In", "Out", "Wanted", "Errors"))]
    counted = [
        [name, *(f"{node[key]:,}" for key in ("in", "out", "lines", "errors"))]
        for name, node in summary["nodes"].items()
    ]
    print_table(heads, counted)
    for name, node in summary["nodes"].items():
        for reason in node["reasons"]:
            print_field(name, f"errors such as: {reason}")


def _shown(summary: Mapping[str, Any], shown: int) -> str:
    found = summary["found"]
    return f"all {shown:,} lines" if shown == found else f"{shown:,} of {found:,} lines: --limit, --json show more"


def _facts(summary: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    began, log = summary["began"], summary["log"]
    at = f"at {began['time']}: " if began["time"] else ""
    yield "began", f"{at}{began['note']}"
    if began["definition"] == "now":
        yield "definition", "the present one: what the task was then is not known"
    last = f", the last at {log['last']['time']}" if log["last"] else ""
    yield "read", f"{log['messages']:,} message{'' if log['messages'] == 1 else 's'} of the log{last}"
    if summary["alone"]:
        yield "counted", "what has the tags of --group, for other points do not matter to it"
    if log["trimmed"]:
        yield "log", log["trimmed"]
    if summary["refused"]:
        yield "passed over", f"{summary['refused']:,} messages without line protocol"
    if summary["where"]:
        yield "where", f"it could be evaluated for no point: {summary['where']}"
    if summary["ended"]:
        yield "ended", f"the task ended: {summary['ended']}"


def _head(line: Line) -> tuple[str, str, str]:
    way = line["kind"] if line["kind"] in ("in", "out") else ""
    return line["time"] or "", line["node"], way


def _tags(line: Line) -> str:
    """Those of its group; of what is in none all it has."""
    if line.get("group"):
        return " ".join(str(line["group"]).split("\n"))
    series = (line.get("data") or {}).get("series") or [{}]
    tags = series[0].get("tags") or line.get("tags") or {}
    return ",".join(f"{key}={value}" for key, value in tags.items())


def _what(line: Line) -> str:
    if line["kind"] in ("in", "out"):
        return _flowing(line)
    told = _TOLD.get(line["kind"])
    return line["kind"] if told is None else told(line)


def _flowing(line: Line) -> str:
    if "point" in line:
        return _fields(line["fields"])
    if "barrier" in line:
        return "the group ends" if line["deletes"] else "barrier"
    points = line["points"]
    shown = "; ".join(_fields(point["fields"]) for point in points[-_POINTS:])
    some = "no points" if not points else f"{len(points):,} points: " if len(points) > 1 else "1 point: "
    return f"{some}{'…; ' if len(points) > _POINTS else ''}{shown}"


def _fields(fields: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={_value(value)}" for name, value in fields.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


_TOLD: Mapping[str, Callable[[Line], str]] = {
    "alert": lambda line: f"{line['level']}, was {line['previousLevel']}: {line['message']}",
    "inhibition": lambda line: f"{'inhibits' if line['on'] else 'inhibits no more'} {line['category']}",
    "post": lambda line: f"would post to {line.get('endpoint') or line.get('url', '')}",
    "influxdb": lambda line: f"would write {len(line.get('lines', ())):,} lines to {line['database']}",
    "loopback": lambda line: f"would write {len(line['lines']):,} lines to {line['database']}",
    "log": lambda line: f"would log {line.get('prefix', '')} {_fields(line.get('fields', {}))}",
    "scale": lambda line: f"would scale {line['resource']} from {line['old']} to {line['new']}",
}
