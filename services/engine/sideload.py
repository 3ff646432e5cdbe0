"""What sideload nodes look values up in: a folder of YAML and JSON files, or one such document behind a URL."""

from __future__ import annotations

import json
import math
import os
import posixpath
import threading
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from services.engine.expressions.gotext import quoted

_TIMEOUT = 5.0  # seconds for a source behind a URL

Values = Mapping[str, Any]


class SideloadError(ValueError):
    """A source that cannot be read, in Kapacitor's words where it has any."""


class Source:
    """Values by path and key, as they were when last read. `version` grows with every reading."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self.url = url
        self.users = 0
        self.version = 0
        self._local = urllib.parse.urlsplit(url).scheme == "file"
        self._headers = dict(headers)
        self._values: Mapping[str, Values] = {}

    def read(self) -> None:
        """Read everything anew. Raises SideloadError; what was known then stays."""
        try:
            values = _folder(_path(self.url)) if self._local else self._document()
        except (OSError, ValueError) as error:
            name = _path(self.url) if self._local else self.url
            raise SideloadError(f"failed to update sideload cache for source {quoted(name)}: {error}") from None
        self._values = values
        self.version += 1

    def lookup(self, paths: Sequence[str], key: str) -> Any:
        """The value of a key in the first of these paths that has it; None where none has."""
        key = posixpath.normpath(key)
        for path in paths:
            values = self._values.get(path)
            if values is not None and key in values:
                return values[key]
        return None

    def _document(self) -> dict[str, Values]:
        request = urllib.request.Request(self.url, headers=self._headers)
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            found = _yaml(answer.read())
        if not isinstance(found, dict) or not all(isinstance(values, dict) for values in found.values()):
            raise ValueError("not an object of paths with an object of values each")
        return {str(path): _named(values) for path, values in found.items()}


class Sources:
    """The sources that are in use in this process; a task that uses one that is known shares it."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}
        self._lock = threading.Lock()

    def take(self, url: str, headers: Mapping[str, str]) -> Source:
        """A source by its URL, read if it is new. Raises SideloadError."""
        scheme = urllib.parse.urlsplit(url).scheme
        if scheme not in ("file", "http", "https"):
            raise SideloadError(f"unsupported source scheme {quoted(scheme)}, must be 'file', 'http' or 'https'")
        if scheme == "file":
            if not _path(url).startswith("/"):
                raise SideloadError(f"sideload source path must be absolute {quoted(_path(url))}")
            url = "file://" + posixpath.normpath(_path(url))
        with self._lock:
            source = self._sources.get(url)
            if source is None:
                source = Source(url, headers)
                source.read()
                self._sources[url] = source
            source.users += 1
            return source

    def release(self, source: Source) -> None:
        """A task no longer uses a source."""
        with self._lock:
            source.users -= 1
            if not source.users:
                self._sources.pop(source.url, None)

    def reload(self) -> None:
        """Read all sources anew. Raises SideloadError at the first that cannot be read."""
        with self._lock:
            sources = list(self._sources.values())
        for source in sources:
            source.read()


SOURCES = Sources()


def converted(value: Any, default: Any) -> Any:
    """A value as one of the default's type. ValueError, in Kapacitor's words, where it is none."""
    if type(default) is str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float):
            return repr(int(value)) if value.is_integer() else repr(value)
        if isinstance(value, str):
            return value
    elif type(default) is bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str):
            return _parsed_bool(value)
    elif type(default) in (int, float) and not isinstance(value, bool):
        number = _parsed_number(value, type(default)) if isinstance(value, str) else value
        if type(default) is float and isinstance(number, float):
            return number
        if type(default) is int and isinstance(number, int):
            return number
        if type(default) is int and isinstance(number, float) and number.is_integer():
            return int(number)
    raise ValueError(f"cannot convert value of type {_go_type(value)} to type {_go_type(default)}")


def _folder(folder: str) -> dict[str, Values]:
    found: dict[str, Values] = {}
    if not os.path.isdir(folder):
        raise ValueError(f"lstat {folder}: no such file or directory")
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            relative = os.path.relpath(path, folder)
            if relative.startswith("."):
                raise ValueError("invalid relative path")
            found[relative] = _file(path)
    return found


def _file(path: str) -> Values:
    kind = os.path.splitext(path)[1]
    if kind not in (".yaml", ".yml", ".json"):
        return {}
    with open(path, "rb") as file:
        data = file.read()
    try:
        values = json.loads(data) if kind == ".json" else _yaml(data)
    except ValueError as error:
        word = "json" if kind == ".json" else "yaml"
        raise ValueError(f"failed to unmarshal {word} values {quoted(path)}: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ValueError(f"failed to unmarshal values {quoted(path)}: not an object")
    return _named(values)


def _yaml(data: bytes) -> Any:
    # only tasks with a sideload node pay for the import
    import yaml

    try:
        return yaml.safe_load(data)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def _named(values: Mapping[Any, Any]) -> Values:
    """Keys as strings and numbers as floats, which is what JSON's are to Kapacitor."""
    return {str(k): float(v) if isinstance(v, int) and not isinstance(v, bool) else v for k, v in values.items()}


def _path(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.unquote(parts.path)


def _parsed_number(text: str, kind: type) -> int | float:
    try:
        number: int | float = kind(text)
    except ValueError:
        number = math.nan
    if (type(number) is float and not math.isfinite(number)) or "_" in text or text != text.strip():
        raise ValueError(f"cannot convert string to {'int64' if kind is int else 'float64'}: {quoted(text)}")
    return number


def _parsed_bool(text: str) -> bool:
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise ValueError(f"cannot convert string to bool: {quoted(text)}")


def _go_type(value: Any) -> str:
    if value is None:
        return "<nil>"
    names = {bool: "bool", int: "int64", float: "float64", str: "string", dict: "map[string]interface {}"}
    return names.get(type(value), "[]interface {}" if isinstance(value, list) else "time.Duration")
