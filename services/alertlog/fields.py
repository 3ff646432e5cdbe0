"""The fields of alert events in a message of ALERTS: by name {"kind", "values": one an event, "valid": absent for all}.

NaN and the infinities, for which JSON has no words, are texts there that Python's float() reads back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from grammar.gotemplate import Time
from services.columns.column import Column, Kind, kind_of

Fields = Mapping[str, Mapping[str, Any]]

KINDS = frozenset(kind.value for kind in Kind)
"""What a field may be."""


def of_columns(columns: Mapping[str, Column]) -> Fields:
    """The fields of a step's events, a row each."""
    return {name: _of_column(column) for name, column in columns.items()}


def of_values(values: Mapping[str, Any]) -> Fields:
    """The fields of one event, as `at` gives them."""
    return {name: _of_value(value) for name, value in values.items()}


def at(fields: Fields, i: int) -> dict[str, Any]:
    """The fields that event number i has: times as Time, floats as float, others as JSON has them."""
    found = {}
    for name, column in fields.items():
        valid = column.get("valid")
        if valid is None or valid[i]:
            found[name] = _read(column["kind"], column["values"][i])
    return found


def _of_column(column: Column) -> dict[str, Any]:
    values: Any = column.values
    if column.kind is Kind.FLOAT and not np.isfinite(column.values).all():
        values = [_float(value) for value in column.values.tolist()]
    elif column.values.dtype == np.object_:
        values = column.tolist()
    out = {"kind": column.kind.value, "values": values}
    if column.valid is not None:
        out["valid"] = column.valid
    return out


def _of_value(value: Any) -> dict[str, Any]:
    if isinstance(value, Time):
        return {"kind": Kind.TIME.value, "values": [value.ns]}
    kind = kind_of(value)
    return {"kind": kind.value, "values": [_float(value) if kind is Kind.FLOAT else value]}


def _float(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _read(kind: str, value: Any) -> Any:
    if kind == Kind.FLOAT.value:
        return float(value)
    return Time(value) if kind == Kind.TIME.value else value
