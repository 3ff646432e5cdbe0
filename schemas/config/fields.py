"""The kinds of value that a configuration file may hold.

They are strict: TOML has types, so a number where a string belongs is a mistake in the file and is said to be one.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from marshmallow import ValidationError, fields

from grammar.golang.durations import format_go_duration, parse_go_duration

_SIZE = re.compile(r"(\d+)\s*(?:([kmgt])(?:i?b)?|b)?", re.IGNORECASE)
_SCALE = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


class Text(fields.String):
    """A string."""

    default_error_messages = {"invalid": "must be a string"}  # noqa: RUF012


class NatsUrls(Text):
    """URLs of NATS servers, separated by commas, with user and password or a token in them; nats:// may be left out."""


class LogLevel(Text):
    """The name of a level, in any case; WARNING stands for WARN, and OFF, which Kapacitor had once, for ERROR."""

    _OTHER_NAMES: ClassVar[Mapping[str, str]] = MappingProxyType({"WARNING": "WARN", "OFF": "ERROR"})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        level = super()._deserialize(value, attr, data, **kwargs).upper()
        return self._OTHER_NAMES.get(level, level)


class TlsVersion(Text):
    """A version of TLS as Kapacitor takes it, "TLS1.2" or "1.2" in any case; in Python "tls1.2"."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        version = super()._deserialize(value, attr, data, **kwargs).lower()
        return f"tls{version}" if version[:1].isdigit() else version


class Texts(fields.Field[tuple[str, ...]]):
    """A list of strings."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ValidationError("must be a list of strings")
        return tuple(value)


class TextMap(fields.Field[dict[str, str]]):
    """A table of strings."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, str]:
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise ValidationError("must be a table of strings")
        return dict(value)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> dict[str, str]:
        return dict(value)


class CountMap(fields.Field[dict[str, int]]):
    """A table of whole numbers from 1 on."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, int]:
        if not isinstance(value, dict) or not all(type(one) is int and one > 0 for one in value.values()):
            raise ValidationError("must be a table of whole numbers from 1 on")
        return dict(value)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> dict[str, int]:
        return dict(value)


class TextsMap(fields.Field[dict[str, tuple[str, ...]]]):
    """A table of lists of strings."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, tuple[str, ...]]:
        if not isinstance(value, dict):
            raise ValidationError("must be a table of lists of strings")
        texts = Texts()
        return {key: texts.deserialize(one) or () for key, one in value.items()}

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> dict[str, list[str]]:
        return {key: list(one) for key, one in value.items()}


class Flag(fields.Boolean):
    """true or false, and nothing that only looks like it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


class Whole(fields.Integer):
    """An integer."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValidationError("must be an integer")
        return value


class Number(fields.Float):
    """A number, with or without a fraction."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise ValidationError("must be a number")
        return float(value)


class Duration(fields.Field[float]):
    """A Go duration ("10s", "1h30m") or an integer of nanoseconds; in Python a float of seconds."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        nanoseconds = _nanoseconds(value)
        if nanoseconds < 0:
            raise ValidationError("must not be negative")
        return nanoseconds / 1e9

    def _serialize(self, value: float | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else format_go_duration(round(value * 1e9))


class SyncInterval(Duration):
    """ "always", or a Duration that is more than nothing; in Python 0.0 stands for always."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if value == "always":
            return 0.0
        seconds = super()._deserialize(value, attr, data, **kwargs)
        if seconds <= 0:
            raise ValidationError('must be "always" or a duration of more than 0s')
        return seconds

    def _serialize(self, value: float | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return "always" if value == 0 else super()._serialize(value, attr, obj, **kwargs)


class Nanoseconds(fields.Field[int]):
    """A Duration, in Python an integer of nanoseconds; it may be negative."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        return _nanoseconds(value)


class Size(fields.Field[int]):
    """A number of bytes: an integer, or a string with k, m, g or t for powers of 1024 ("64m", "8MB")."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            size = value
        elif isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
            size = int(match[1]) * _SCALE[(match[2] or "").lower()]
        else:
            raise ValidationError('must be a number of bytes such as 65536, "64m" or "2g"')
        if size < 0:
            raise ValidationError("must not be negative")
        return size

    def _serialize(self, value: int | None, attr: str | None, obj: Any, **kwargs: Any) -> int | str | None:
        for unit in "tgmk":
            if value and value % _SCALE[unit] == 0:
                return f"{value // _SCALE[unit]}{unit}"
        return value


class Address(fields.Field[str]):
    """HOST:PORT; an empty host (":9092") means every interface."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be a string")
        _, colon, port = value.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValidationError(f'must be "HOST:PORT" or ":PORT" with a port up to 65535, not "{value}"')
        return value


class AddressOrNone(Address):
    """An address as above, or the empty text for none."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return "" if value == "" else super()._deserialize(value, attr, data, **kwargs)


class Directory(fields.Field[Path]):
    """A directory; a leading ~ is the user's home, a relative path counts from where the program is started."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Path:
        if not isinstance(value, str) or not value:
            raise ValidationError("must be a path")
        return Path(value).expanduser().absolute()

    def _serialize(self, value: Path | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else str(value)


def _nanoseconds(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise ValidationError('must be a duration such as "10s" or "1h30m"')
    try:
        return parse_go_duration(value)
    except ValueError as error:
        raise ValidationError(str(error)) from None
