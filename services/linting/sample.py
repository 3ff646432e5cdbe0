"""What an example of the points that are written tells: fields and their types, tags, how often points come."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median_low

from services.columns.column import Duration, Time, kind_of
from services.expressions.typed.types import TYPE_OF_KIND, ValueType
from services.lineprotocol import reference_parser
from services.lineprotocol.reference_parser import LineError
from services.lineprotocol.series_key import parse_key


class BadSample(ValueError):
    """It is no line protocol; str() says what is wrong with which of its points."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """fields: the types that each has. tags: the values that each has. interval: between points of a series, ns."""

    fields: dict[str, set[ValueType]] = field(default_factory=lambda: defaultdict(set))
    tags: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    gaps: list[int] = field(default_factory=list)

    @property
    def interval(self) -> int | None:
        """How often points of a series come, ns; None where no two of one series have times."""
        return median_low(self.gaps) if self.gaps else None


@dataclass(frozen=True, slots=True)
class Sample:
    """By measurement."""

    measurements: dict[str, Measurement]


def read_sample(body: bytes, precision: str = "n") -> Sample:
    """A sample of line protocol; precision: of its times, as with /write. Raises BadSample."""
    found: dict[str, Measurement] = defaultdict(Measurement)
    last: dict[bytes, int] = {}
    unit = reference_parser.multiplier(precision)
    for number, line in enumerate(reference_parser.lines(body), 1):
        try:
            key, fields, time = reference_parser.parse(line, unit)
        except LineError as error:
            raise BadSample(f"point {number}: {error}") from None
        name, tags = parse_key(key)
        one = found[name]
        for tag, text in tags:
            one.tags[tag].add(text)
        for label, value in reference_parser.field_values(fields).items():
            if isinstance(value, float | int | str | bool | Duration | Time):
                one.fields[label].add(TYPE_OF_KIND[kind_of(value)])
        if time is not None:
            if key in last and time > last[key]:
                one.gaps.append(time - last[key])
            last[key] = time
    return Sample(dict(found))
