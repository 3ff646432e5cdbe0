"""The query that is asked: a SELECT over a span of time, grouped by what the task says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grammar.influxql.ast import Select

_EARLIEST = -(2**63) + 2  # InfluxDB takes no earlier time
_UNITS = (("h", 3600 * 10**9), ("m", 60 * 10**9), ("s", 10**9), ("ms", 10**6), ("u", 10**3), ("ns", 1))


@dataclass(frozen=True, slots=True)
class Grouping:
    """What a query is grouped by instead of what its text says.

    tags: names, in order; `star`: every tag. interval, offset: of time(), ns; interval 0: not by time.
    align: the spans of time begin with the query's own. fill: as InfluxQL has it, None for what the text says.
    """

    tags: Sequence[str] = ()
    star: bool = False
    interval: int = 0
    offset: int = 0
    align: bool = False
    fill: str | None = None


def query_text(select: Select, grouping: Grouping, start: int, stop: int) -> str:
    """InfluxQL for [start, stop), both ns. The text's condition keeps its own precedence."""
    span = f"time >= {max(start, _EARLIEST)} AND time < {max(stop, _EARLIEST)}"
    parts = [select.head, "WHERE", f"({select.condition}) AND {span}" if select.condition else span]
    dimensions = [quote_name(tag) for tag in grouping.tags]
    if grouping.star:
        dimensions.append("*")
    if grouping.interval:
        offset = start % grouping.interval if grouping.align else grouping.offset
        dimensions.append(f"time({format_duration(grouping.interval)}, {format_duration(offset)})")
    if dimensions:
        parts += ["GROUP BY", ", ".join(dimensions)]
    fill = select.fill if grouping.fill is None else f"fill({grouping.fill})"
    return " ".join([*parts, *filter(None, (fill, select.tail))])


def quote_name(name: str) -> str:
    """A name as InfluxQL writes it."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def format_duration(ns: int) -> str:
    """A duration as InfluxQL writes it, in one unit."""
    unit, size = next((unit, size) for unit, size in _UNITS if ns % size == 0)
    return f"{ns // size}{unit}"
