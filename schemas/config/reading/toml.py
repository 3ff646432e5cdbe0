"""The configuration file: TOML, as Kapacitor's library takes it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schemas.config.errors import ConfigError

_COMMENT = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_NO_UTF8 = re.compile("[\udc80-\udcff]")


def read_toml(path: Path) -> dict[str, Any]:
    """What a file says. Raises ConfigError for one that cannot be read.

    In comments anything may stand, whatever it is encoded in, and a mark of the encoding before all of it.
    """
    try:
        text = path.read_text("utf-8-sig", errors="surrogateescape")
        found = tomllib.loads(_COMMENT.sub(lambda comment: _CONTROL.sub(" ", comment[0]), text))
    except OSError as error:
        raise ConfigError(f"config: {path}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"config: {path}: {error}") from None
    except RecursionError:
        raise ConfigError(f"config: {path}: it is nested too deeply") from None
    for place, value in _texts("", found):
        if _NO_UTF8.search(value) or _NO_UTF8.search(place):
            raise ConfigError(f"config: {path}: {_NO_UTF8.sub('?', place)}: is not UTF-8")
    return found


def _texts(place: str, value: Any) -> Iterator[tuple[str, str]]:
    yield place, value if isinstance(value, str) else ""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(f"{place}.{key}" if place else key, inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(f"{place}[{number}]", inner)
