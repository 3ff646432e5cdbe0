"""collectd's types.db: the names of the values that a data set has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from services.process import log as logs

Types = Mapping[str, tuple[str, ...]]
"""The names of a data set's values, by the data set's."""

_BETWEEN = re.compile(r"[\t ,]+")
_KINDS = frozenset({"absolute", "counter", "derive", "gauge"})
_log = logs.get("inputs")


class BadTypes(ValueError):
    """A file is no types.db; str() says where."""


def read_types(path: Path) -> Types:
    """Those of a file, or of all files in a directory and below it that are such; the last one counts.

    Raises OSError where there is no such file, BadTypes.
    """
    if not path.is_dir():
        return parse_types(path.read_text("utf-8", "replace"), path)
    found: dict[str, tuple[str, ...]] = {}
    for file in sorted(one for one in path.rglob("*") if one.is_file()):
        try:
            found.update(parse_types(file.read_text("utf-8", "replace"), file))
        except (OSError, BadTypes) as error:
            _log.warn("a file of collectd's types is left out", file=str(file), err=error)
    return found


def parse_types(text: str, path: Path) -> Types:
    """Raises BadTypes. path: where the text is from."""
    found = {}
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        try:
            name, *values = [word for word in _BETWEEN.split(line) if word]
            found[name] = tuple(_names(values))
        except ValueError as error:
            raise BadTypes(f"{path}:{number}: {error}") from None
    return found


def _names(values: list[str]) -> Iterator[str]:
    if not values:
        raise ValueError("a data set needs a value")
    for value in values:
        parts = value.split(":")
        if len(parts) != 4:
            raise ValueError(f"{value!r} is not NAME:KIND:LEAST:MOST")
        if parts[1].lower() not in _KINDS:
            raise ValueError(f"{parts[1]!r} is none of {', '.join(sorted(_KINDS))}")
        yield parts[0]
