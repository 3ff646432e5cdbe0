"""Why an alert was raised, or was not, as a page for a terminal: numbered nodes, what came in, what went out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.cli.output.printing import fitting, safe, styled

_ENDS = 3  # points of a longer list that are printed of its beginning and of its end
_STYLES: Mapping[str, Mapping[str, Any]] = {
    "OK": {"fg": "green"},
    "INFO": {"fg": "cyan"},
    "WARNING": {"fg": "yellow"},
    "CRITICAL": {"fg": "red", "bold": True},
}


def print_why(found: Mapping[str, Any]) -> None:
    """Print why an alert was raised, as schemas.api.inspections.why.WhySchema has it."""
    event, cause = found["event"], found["cause"]
    before = event["previous"] or "unknown"
    _say(f"{found['id']} in {found['topic']}: {before} -> {event['level']}", 0, **_STYLES.get(event["level"], {}))
    _say(f"at {event['time']}, told at {event['stored']}: {event['message']}", 1)
    if found["via"]:
        _say(f"by way of the topics {' -> '.join(found['via'])}", 1)
    _say(f"raised by {event['node']} of task {event['task']}", 1)
    _heading("Cause")
    _cause(cause)
    if found["path"]:
        _heading("Path")
        _path(found["path"])
    if found["others"]:
        _heading("Other points that took part")
        for one in found["others"]:
            _say(_written(one), 1)
    _notes(found["notes"])


def print_why_not(found: Mapping[str, Any]) -> None:
    """Print how far points got, as schemas.api.inspections.why.WhyNotSchema has it."""
    of = ",".join(f"{name}={value}" for name, value in found["tags"].items()) or "all groups"
    _say(f"{found['task']}: points of {of} from {found['first']} to {found['last']}", 0, bold=True)
    for one in found["points"]:
        _heading(_written(one))
        _path(one["path"])
        _ends(one["ends"])
    for one in found["ticks"]:
        _heading(f"the clock at {one['time']}")
        _path(one["path"])
        _ends(one["ends"])
    if found["left-out"]:
        _say(f"{found['left-out']} more points of that time are not shown", 0)
    for title, key in (("Not read by the task", "elsewhere"), ("Nearest points", "nearest")):
        if found[key]:
            _heading(title)
            for one in found[key]:
                _say(_written(one), 1)
    _notes(found["notes"])


def _cause(cause: Mapping[str, Any]) -> None:
    kind = cause["kind"]
    if kind == "point":
        _say(_written(cause), 1)
        _say(f"written to {cause['database']}.{cause['retention-policy']}, {_when(cause)}", 1)
    elif kind == "clock":
        _say(f"the task's clock at {cause['time']}", 1)
    elif kind == "query":
        _say(f"what the batch task asked for at {cause['time']}", 1)
    else:
        _say("the task was deleted", 1)


def _path(path: Sequence[Mapping[str, Any]]) -> None:
    for number, step in enumerate(path, 1):
        print(f"{number:3}. {styled(safe(step['node']), bold=True)}")
        _rows("in ", step["in"])
        for one in step["groups"]:
            if one["before"] == one["after"]:
                _state("keeps", one["after"])
            else:
                _state("before", one["before"])
                _state("after", one["after"])
        for said in step["lambdas"]:
            wrong = f": {said['error']}" if said["error"] else ""
            _say(f"{said['lambda']}: {said['text']}{wrong}", 2)
        for error in step["errors"]:
            _say(f"error: {error}", 2)
        _rows("out", step["out"])
        if step["silence"]:
            _say(f"out nothing: {step['silence']}", 2)


def _ends(ends: Sequence[Mapping[str, str]]) -> None:
    for one in ends:
        _say(f"ended at {one['node']}: {one['why']}", 1, bold=True)


def _rows(label: str, rows: Sequence[Mapping[str, Any]]) -> None:
    for row in _some(rows):
        if "points" in row:
            _say(f"{label} {_batch(row)}", 2)
            for point in _some(row["points"]):
                _say(_point(point), 4)
        else:
            _say(f"{label} {_point(row)}", 2)


def _state(label: str, state: Mapping[str, Any]) -> None:
    for name, value in state.items():
        _value(f"{label} {name}", value, 2)


def _value(label: str, value: Any, depth: int) -> None:
    if isinstance(value, Mapping):
        for name, one in value.items():
            _value(f"{label} {name}", one, depth)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping) and "time" in value[0]:
        _say(f"{label}: {_count(value)}", depth)
        for one in _some(value):
            _say(_batch(one) if "batch" in one else _point(one), depth + 2)
    elif isinstance(value, list):
        _say(f"{label}: {', '.join(map(_text, value)) or 'none'}", depth)
    else:
        _say(f"{label}: {_text(value)}", depth)


def _point(row: Mapping[str, Any]) -> str:
    if "barrier" in row:
        ends = ", the group is over" if row["deletes"] else ""
        return f"barrier of {row['group'] or 'all'} at {row['time'] or 'any time'}{ends}"
    if "fields" not in row:
        return f"… {row.get('left-out', '')} more"
    tags = "".join(f",{name}={value}" for name, value in row["tags"].items())
    fields = " ".join(f"{name}={_text(value)}" for name, value in row["fields"].items())
    place = f"  #{row['seq']}/{row['row']}" if "seq" in row else ""
    return f"{row.get('point', '')}{tags} {fields} at {row['time']}{place}".lstrip(",")


def _batch(row: Mapping[str, Any]) -> str:
    tags = "".join(f",{name}={value}" for name, value in row["tags"].items())
    return f"batch {row['batch']}{tags} at {row['time']}: {_count(row['points'], row.get('left-out', 0))}"


def _count(points: Sequence[Mapping[str, Any]], left: int = 0) -> str:
    n = left + sum(point.get("left-out", 1) if "time" not in point else 1 for point in points)
    return f"{n} point{'' if n == 1 else 's'}"


def _some(rows: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """The first and last of many."""
    if len(rows) <= 2 * _ENDS:
        return rows
    return [*rows[:_ENDS], {"left-out": len(rows) - 2 * _ENDS}, *rows[-_ENDS:]]


def _written(one: Mapping[str, Any]) -> str:
    if "tick" in one:
        return f"the clock at {one['tick']}"
    if "left-out" in one:
        return f"… {one['left-out']} more"
    return f"#{one['seq']}/{one['row']}  {one.get('line', 'not in the log any more')}"


def _when(one: Mapping[str, Any]) -> str:
    received = f", received {one['received']}" if "received" in one else ""
    loops = f", by a loopback ({one['loopbacks']})" if "loopbacks" in one else ""
    user = f", by {one['user']}" if "user" in one else ""
    return f"stored {one['stored']}{received}{user}{loops}"


def _notes(notes: Sequence[str]) -> None:
    for note in notes:
        _say(f"note: {note}", 0)


def _text(value: Any) -> str:
    return "null" if value is None else str(value)


def _heading(text: str) -> None:
    print()
    _say(text, 0, bold=True)


def _say(text: str, depth: int, **style: Any) -> None:
    """Print a line; on a terminal one that fits, what is longer goes on below it."""
    lines = fitting(text, "   " * depth)
    print("\n".join(styled(line, **style) if style else line for line in lines))
