"""What a name stands for in every row: a field, else a tag, else an earlier result; "time" is the point's time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.columns.column import Column, Kind, Rows, kind_of
from services.columns.frame import Points
from services.expressions.tags import Coded, TagColumn
from services.expressions.typed.types import DTYPE_OF_TYPE, TYPE_OF_KIND, Array, ValueType, array_of

TYPES = tuple(ValueType)
CODE = {type_: code for code, type_ in enumerate(TYPES)}
"""A number for each type, for arrays that tell each row's."""

CODE_OF_KIND = {kind: CODE[type_] for kind, type_ in TYPE_OF_KIND.items()}

TIME = "time"

_MISSING = CODE[ValueType.MISSING]
_STRING = CODE[ValueType.STRING]
_COLLISION = CODE[ValueType.COLLISION]
_TIME = CODE[ValueType.TIME]


class Binding(NamedTuple):
    """One name over n rows.

    code: the type (see CODE) of all rows, or where they differ uint8[n]. values: by code, n values, of which those in
    rows of that type count. Missing and colliding rows have no values.
    """

    code: int | NDArray[np.uint8]
    values: Mapping[int, Array | Coded]

    def take(self, rows: Rows) -> Binding:
        """The same name over some of the rows."""
        code = self.code if isinstance(self.code, int) else self.code[rows]
        return Binding(code, {c: values[rows] for c, values in self.values.items()})


def bind(name: str, points: Points, tag: TagColumn, earlier: Column | None = None) -> Binding:
    """A name over points. A row with both a field and a tag of this name is a collision, as in Kapacitor."""
    if name == TIME:
        return Binding(_TIME, {_TIME: points.time})
    column = points.column(name)
    binding = _NOWHERE if column is None else points.memo(("field", name), lambda: _of_column(column))
    if len(tag.texts):
        binding = points.memo(tag, lambda: _with_tag(binding, Coded(tag, tag.over(points.series)), len(points)))
    if earlier is not None:
        binding = _over(binding, _of_column(earlier), len(points))
    return binding


_NOWHERE = Binding(_MISSING, {})


def _of_column(column: Column) -> Binding:
    if column.kind is Kind.MIXED:
        return _of_mixed(column)
    code = CODE_OF_KIND[column.kind]
    if column.valid is None or column.valid.all():
        return Binding(code, {code: column.values})
    return Binding(np.where(column.valid, np.uint8(code), np.uint8(_MISSING)), {code: column.values})


def _of_mixed(column: Column) -> Binding:
    values = column.tolist()
    kinds = [_MISSING if value is None else CODE_OF_KIND[kind_of(value)] for value in values]
    codes = np.array(kinds, dtype=np.uint8)
    by_code: dict[int, Array | Coded] = {}
    for code in sorted(set(kinds) - {_MISSING}):
        rows = np.flatnonzero(codes == code)
        typed = np.zeros(len(values), dtype=DTYPE_OF_TYPE[TYPES[code]])
        typed[rows] = array_of(TYPES[code], [values[row] for row in rows.tolist()])
        by_code[code] = typed
    return Binding(codes, by_code)


def _with_tag(fields: Binding, tags: Coded, n: int) -> Binding:
    present = tags.codes >= 0
    if fields is _NOWHERE and present.all():
        return Binding(_STRING, {_STRING: tags})
    if not present.any():
        return fields
    clash = present & (_codes(fields, n) != _MISSING)
    merged = _over(fields, Binding(np.where(present, np.uint8(_STRING), np.uint8(_MISSING)), {_STRING: tags}), n)
    return Binding(np.where(clash, np.uint8(_COLLISION), _codes(merged, n)), merged.values)


def _over(first: Binding, second: Binding, n: int) -> Binding:
    """What `first` has, and in the rows that it lacks what `second` has."""
    codes = _codes(first, n)
    lacking = codes == _MISSING
    values = dict(first.values)
    for code, more in second.values.items():
        values[code] = np.where(lacking, _array(more), _array(values[code])) if code in values else more
    return Binding(np.where(lacking, _codes(second, n), codes), values)


def _array(values: Array | Coded) -> Array:
    return values.array() if isinstance(values, Coded) else values


def _codes(binding: Binding, n: int) -> NDArray[np.uint8]:
    if isinstance(binding.code, int):
        return np.full(n, binding.code, dtype=np.uint8)
    return binding.code
