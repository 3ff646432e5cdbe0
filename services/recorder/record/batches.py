"""Batches of a recording: gathered into chunks, and found in them again."""

from __future__ import annotations

from typing import Any

from services.columns.column import Column, Kind
from services.columns.frame import Batches
from services.columns.groups.series import SeriesTable
from services.columns.message_snapshot import message_from_state, message_state
from services.connectors.influxdb_results import Batch, alike, together

_BATCH, _VALUE, _TEXT = 200, 8, 60  # bytes in memory, about


class GatheredBatches:
    """Batches of one query node on their way into a chunk; a Part of the archive."""

    def __init__(self, stream: int) -> None:
        """stream: the query node's number, from 0 on, in the order of the script."""
        self._stream = stream
        self.batches: list[Batch] = []
        self.bytes = 0
        self.points = 0
        self.first = 0
        self.last = 0

    @property
    def seq(self) -> int:
        """As Part has it."""
        return self._stream

    def __len__(self) -> int:
        return len(self.batches)

    def add(self, batch: Batch) -> None:
        """Add one behind the others."""
        self.batches.append(batch)
        self.bytes += _size(batch)
        if len(batch):
            first, last = int(batch.time.min()), int(batch.time.max())
            self.first = min(self.first, first) if self.points else first
            self.last = max(self.last, last) if self.points else last
            self.points += len(batch)

    def plain(self) -> Any:
        """As Part has it: runs of batches that are grouped alike, series and groups by name."""
        table = SeriesTable()
        return [message_state(together(run, table), table) for run in alike(self.batches)]


def batches(plain: Any, table: SeriesTable) -> list[Batches]:
    """The runs of batches in a chunk. Raises ValueError where it holds something else."""
    try:
        runs = [message_from_state(state, table) for state in plain]
    except (TypeError, LookupError) as error:
        raise ValueError(f"damaged recording: {error}") from error
    if not all(isinstance(run, Batches) for run in runs):
        raise ValueError("damaged recording: a chunk of batches holds something else")
    return runs  # type: ignore[return-value]


def _size(batch: Batch) -> int:
    return _BATCH + _VALUE * len(batch) + sum(map(_column_size, batch.fields.values()))


def _column_size(column: Column) -> int:
    if column.kind is Kind.STRING:
        return sum(len(text) for text, there in zip(column.values, column.mask(), strict=True) if there) + _TEXT * len(
            column
        )
    return (_TEXT if column.kind is Kind.MIXED else _VALUE) * len(column)
