"""Points to line protocol."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from grammar.golang.durations import format_go_duration
from grammar.golang.numbers import plain_float
from grammar.golang.times import time_string
from services.columns.column import Column, Duration, Kind, Time, Value

_NAME = re.compile(r"[, ]")
_TAG = re.compile(r"[, =]")
_FIELD = re.compile(r'[," =]')
_STRING = re.compile(r'["\\]')

Tags = Iterable[tuple[str, str]]


def encode(name: str, tags: Tags, fields: Mapping[str, Value], time_ns: int | None) -> bytes:
    """One point as a line, without a line break. No fields: b"" (such a point cannot be written).

    As the reference writes it: tags and fields sorted by name, tags with empty values left out, floats in their
    shortest form without exponent. NaN and infinities are written as "NaN" and "+Inf", which no server takes; see
    `encode_columns` for leaving them out. Durations and times, for which line protocol has no type, are strings.
    Names and tag values cannot hold a line break (written as backslash n) or end in a backslash (dropped, and with it
    a tag that is left without a value).
    """
    written = [field_key(k) + value(v) for k, v in sorted(fields.items())]
    return _line(series_key(name, tags), written, time_ns)


def encode_columns(
    keys: Sequence[str], columns: Mapping[str, Column], times_ns: Sequence[int], *, finite: bool = False
) -> bytes:
    """Many points as a body, each line ended by a newline; points without any field are left out.

    keys, columns, times_ns, finite: as of `encode_each`.
    """
    return b"".join(line + b"\n" for line in encode_each(keys, columns, times_ns, finite=finite) if line)


def encode_each(
    keys: Sequence[str], columns: Mapping[str, Column], times: Sequence[int], *, finite: bool = False
) -> list[bytes]:
    """Many points as a line each, without a line break; b"" for one without any field.

    keys: `series_key` of each point. columns: fields, each of the same length as keys. times: as they are to be
    written. finite: leave out fields that are NaN or infinite, which a server would refuse the whole body for.
    """
    written = [_written(field_key(name), column, finite) for name, column in sorted(columns.items())]
    if not written:
        return [b""] * len(keys)
    if all(whole for _, whole in written):
        fields = list(map(",".join, zip(*(texts for texts, _ in written), strict=True)))
    else:
        fields = [",".join(filter(None, row)) for row in zip(*(texts for texts, _ in written), strict=True)]
    return [
        f"{key} {text} {time}".encode(errors="replace") if text else b""
        for key, text, time in zip(keys, fields, times, strict=True)
    ]


def series_key(name: str, tags: Tags) -> str:
    """Measurement and tags as written in a line, tags sorted by key."""
    written = ((_name(_TAG, k), _name(_TAG, v)) for k, v in sorted(tags))
    return "".join([_name(_NAME, name), *(f",{k}={v}" for k, v in written if v)])


def field_key(name: str) -> str:
    """A field's name as written in a line, with the `=` after it."""
    return _name(_FIELD, name) + "="


def value(v: Value) -> str:
    """A field's value as written in a line."""
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, float):
        return plain_float(v)
    if isinstance(v, Duration):
        v = format_go_duration(v)
    elif isinstance(v, Time):
        v = time_string(v)
    elif isinstance(v, int):
        return f"{v}i"
    return '"' + _escape(_STRING, v) + '"'


def _written(key: str, column: Column, finite: bool) -> tuple[list[str], bool]:
    """`key=value` for each row, "" where it has none; and whether all rows have one."""
    raw: list[Any] = column.values.tolist()
    if column.kind is Kind.FLOAT:
        texts = [key + plain_float(v) for v in raw]
    elif column.kind is Kind.INT:
        texts = [f"{key}{v}i" for v in raw]
    elif column.kind is Kind.BOOL:
        texts = [key + ("true" if v else "false") for v in raw]
    else:
        texts = ["" if v is None else key + value(v) for v in column.tolist()]
    there = column.mask()
    if finite and column.kind is Kind.FLOAT:
        there = there & np.isfinite(column.values)
    elif finite and column.kind is Kind.MIXED:
        there = there & np.array([type(v) is not float or math.isfinite(v) for v in raw], dtype=np.bool_)
    for row in np.flatnonzero(~there).tolist():
        texts[row] = ""
    return texts, "" not in texts


def _line(key: str, fields: list[str], time_ns: int | None) -> bytes:
    if not fields:
        return b""
    end = "" if time_ns is None else f" {time_ns}"
    return f"{key} {','.join(fields)}{end}".encode(errors="replace")


def _escape(special: re.Pattern[str], text: str) -> str:
    return special.sub(r"\\\g<0>", text)


def _name(special: re.Pattern[str], text: str) -> str:
    # A line break would end the line, a last backslash would escape what follows: neither can be written.
    return _escape(special, text.replace("\n", "\\n").rstrip("\\"))
