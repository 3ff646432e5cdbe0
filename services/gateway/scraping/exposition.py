"""Prometheus's text format, as samples.

prometheus_client has a parser for it, but one that calls counters by the names of OpenMetrics, takes what follows a
value for a time whatever it is, and on long lines takes time by the square of their length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from grammar.golang.numbers import float_of, format_float

MOST_LINES = 500_000
"""Of one text: more than targets have, and no more than there is memory for."""

_LINE = re.compile(r"[^\n]+")
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*+"
_TEXT = r'"(?:[^"\\]|\\.)*+"'
_SAMPLE = re.compile(
    rf'({_NAME})[ \t]*+(?:\{{((?:[^"}}]|{_TEXT})*+)\}}[ \t]*+)?([^ \t]++)(?:[ \t]++([+-]?[0-9]{{1,19}}))?', re.DOTALL
)
_LABEL = re.compile(rf"[ \t]*+([a-zA-Z_][a-zA-Z0-9_]*+)[ \t]*+=[ \t]*+({_TEXT})[ \t]*+(?:,[ \t]*+|\Z)", re.DOTALL)
_TYPE = re.compile(rf"#[ \t]*+TYPE[ \t]++({_NAME})[ \t]++([^ \t]++)")
_TYPE_AT_ALL = re.compile(r"#[ \t]*+TYPE[ \t]")
_KINDS = frozenset({"counter", "gauge", "histogram", "summary", "untyped"})
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"\\": "\\", '"': '"', "n": "\n"}
_PARTS = {"_bucket": ("histogram",), "_count": ("histogram", "summary"), "_sum": ("histogram", "summary")}
_BOUNDS = {"histogram": "le", "summary": "quantile"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One value. time: in ms, None where the target says none."""

    name: str
    labels: Mapping[str, str]
    value: float
    time: int | None


def samples_of(text: str) -> Iterator[Sample]:
    """All of a text, as Kapacitor takes them: bounds and quantiles written as Go does, and each histogram and summary
    with a sum, a count and, for a histogram, the last bucket, which may be left out in the text.

    Raises ValueError where the text is none, at the first line that does not belong there.
    """
    kinds: dict[str, str] = {}
    families: dict[str, _Family] = {}
    for number, line in enumerate(_lines(text)):
        if number >= MOST_LINES:
            raise ValueError(f"there are more than {MOST_LINES} lines")
        if line.startswith("#"):
            _take_type(line, kinds)
            continue
        sample = _sample(line)
        name = _family_of(sample.name, kinds)
        bound = _BOUNDS.get(kinds.setdefault(name, "untyped"))
        if bound is None:
            yield sample
        else:
            yield families.setdefault(name, _Family(name, bound)).take(sample)
    for family in families.values():
        yield from family.missing()


@dataclass(slots=True)
class _Parts:
    """What there is of one histogram or summary. time: of its first sample."""

    labels: dict[str, str]
    time: int | None
    count: float = 0.0
    names: set[str] = field(default_factory=set)
    last: bool = False


class _Family:
    """All histograms or summaries of one name, told apart by their labels."""

    def __init__(self, name: str, bound: str) -> None:
        """bound: the label that tells the samples of one apart."""
        self._name, self._bound = name, bound
        self._found: dict[tuple[tuple[str, str], ...], _Parts] = {}

    def take(self, sample: Sample) -> Sample:
        """One of them, as it is to be shown."""
        labels = {name: value for name, value in sample.labels.items() if name != self._bound}
        parts = self._found.setdefault(tuple(sorted(labels.items())), _Parts(labels, sample.time))
        if self._bound in sample.labels:
            written = format_float(_float(sample.labels[self._bound], f"value for the label {self._bound}"), "g")
            parts.last |= written == "+Inf"
            return Sample(sample.name, {**labels, self._bound: written}, sample.value, sample.time)
        parts.names.add(sample.name)
        if sample.name == f"{self._name}_count":
            parts.count = sample.value
        return sample

    def missing(self) -> Iterator[Sample]:
        """What the text has left out."""
        for parts in self._found.values():
            for name in (f"{self._name}_sum", f"{self._name}_count"):
                if name not in parts.names:
                    yield Sample(name, parts.labels, 0.0, parts.time)
            if self._bound == "le" and not parts.last:
                yield Sample(f"{self._name}_bucket", {**parts.labels, "le": "+Inf"}, parts.count, parts.time)


def _lines(text: str) -> Iterator[str]:
    """Those that are not blank."""
    for found in _LINE.finditer(text):
        if line := found[0].strip(" \t\r"):
            yield line


def _take_type(line: str, kinds: dict[str, str]) -> None:
    if not _TYPE_AT_ALL.match(line):
        return
    found = _TYPE.fullmatch(line)
    if found is None or found[2].lower() not in _KINDS:
        raise ValueError(f"no type of a metric: {line[:100]!r}")
    if found[1] in kinds:
        raise ValueError(f"a second type of {found[1][:100]}, or one behind its samples")
    kinds[found[1]] = found[2].lower()


def _family_of(name: str, kinds: Mapping[str, str]) -> str:
    for suffix, of in _PARTS.items():
        if name not in kinds and name.endswith(suffix) and kinds.get(base := name.removesuffix(suffix)) in of:
            return base
    return name


def _sample(line: str) -> Sample:
    found = _SAMPLE.fullmatch(line)
    if found is None:
        raise ValueError(f"no sample: {line[:100]!r}")
    name, labels, value, time = found.groups()
    return Sample(name, _labels(labels) if labels else {}, _float(value, "value"), None if time is None else int(time))


def _labels(text: str) -> dict[str, str]:
    labels: dict[str, str] = {}
    at = len(text) if text.isspace() else 0
    while at < len(text):
        found = _LABEL.match(text, at)
        if found is None or found[1] == "__name__" or found[1] in labels:
            raise ValueError(f"no labels: {text[:100]!r}")
        labels[found[1]] = _ESCAPE.sub(_unescaped, found[2][1:-1]) if "\\" in found[2] else found[2][1:-1]
        at = found.end()
    return labels


def _unescaped(escape: re.Match[str]) -> str:
    if escape[1] not in _ESCAPED:
        raise ValueError(f"invalid escape sequence {escape[0]!r}")
    return _ESCAPED[escape[1]]


def _float(text: str, what: str) -> float:
    value = float_of(text)
    if value is None:
        raise ValueError(f"no {what}: {text[:50]!r}")
    return value
