"""Frames and batches to line protocol: what leaves the engine as points."""

from __future__ import annotations

from collections.abc import Mapping

from services.columns.column import IntArray
from services.columns.frame import Batches, Frame
from services.columns.groups.series import SeriesTable
from services.lineprotocol.write import encode_each, series_key


def lines_of(
    message: Frame | Batches, table: SeriesTable, measurement: str, tags: Mapping[str, str], unit: int = 1
) -> list[bytes]:
    """A line for each point of a frame or of batches, without a line break; b"" for a point that has no field.

    Points keep their own tags and times; of a batch they take its name. measurement: the name of all, unless "".
    tags: set on all of them, over their own. unit: ns that a time in the lines stands for. Fields that are null,
    NaN or infinite are left out, since they would have the rest refused.
    """
    numbers = message.points.series.tolist()
    if isinstance(message, Frame):
        names = [measurement or table.series(n).name for n in numbers]
    else:
        names = [measurement or message.names[i] for i in message.batch_of_points().tolist()]
    known: dict[tuple[int, str], str] = {}
    for pair in set(zip(numbers, names, strict=True)):
        known[pair] = series_key(pair[1], {**dict(table.series(pair[0]).tags), **tags}.items())
    keys = [known[pair] for pair in zip(numbers, names, strict=True)]
    return encode_each(keys, message.points.columns(), _in_units(message.points.time, unit).tolist(), finite=True)


def _in_units(time: IntArray, unit: int) -> IntArray:
    return time if unit == 1 else time // unit
