"""What sideload nodes look values up in: a folder of YAML and JSON files, or one such document behind a URL.

Both are read as Kapacitor reads them, with Go's libraries, and every number is a float: what is asked for says what
becomes of it. So `22:30` is a string, `1e3` a number, and 2^64 one that fits a float and no integer.
"""

from __future__ import annotations

import http.client
import os
import posixpath
import threading
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from grammar.golang.json_reader import parse_json
from grammar.golang.numbers import decimal_integer, float_of
from services.engine.expressions.gotext import plain_float, quoted

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
        self.name = _path(url) if urllib.parse.urlsplit(url).scheme == "file" else url
        self._local = urllib.parse.urlsplit(url).scheme == "file"
        self._headers = dict(headers)
        self._values: Mapping[str, Values] = {}

    def read(self) -> None:
        """Read everything anew. Raises SideloadError; what was known then stays."""
        try:
            values = _folder(_path(self.url)) if self._local else self._document()
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise SideloadError(f"failed to update sideload cache for source {quoted(self.name)}: {error}") from None
        self._values = values
        self.version += 1

    def lookup(self, paths: Sequence[str], key: str) -> Any:
        """The value of a key in the first of these paths that has it; None where none has."""
        key = _clean(key)
        for path in paths:
            values = self._values.get(path)
            if values is not None and key in values:
                return values[key]
        return None

    def _document(self) -> dict[str, Values]:
        request = urllib.request.Request(self.url, headers=self._headers)
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            found = _document(answer.read())
        paths = {} if found is None else found
        if not isinstance(paths, dict) or not all(isinstance(values, dict | None) for values in paths.values()):
            raise ValueError("not an object of paths with an object of values each")
        return {path: _with_floats(values or {}) for path, values in paths.items()}


class Sources:
    """The sources that are in use in this process; a task that uses one that is known shares it."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}
        self._lock = threading.Lock()

    def take(self, url: str, headers: Mapping[str, str]) -> Source:
        """A source by its URL, read if it is new. Raises SideloadError."""
        scheme = _scheme(url)
        if scheme not in ("file", "http", "https"):
            raise SideloadError(f"unsupported source scheme {quoted(scheme)}, must be 'file', 'http' or 'https'")
        if scheme == "file":
            if not _path(url).startswith("/"):
                raise SideloadError(f"sideload source path must be absolute {quoted(_path(url))}")
            url = "file://" + urllib.parse.quote(_clean(_path(url)))
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
        """Read all sources anew. Raises SideloadError for the first that cannot be read, once all have been tried."""
        with self._lock:
            sources = list(self._sources.values())
        problem: SideloadError | None = None
        for source in sources:
            try:
                source.read()
            except SideloadError as error:
                problem = problem or SideloadError(f"failed to update source {quoted(source.name)}: {error}")
        if problem is not None:
            raise problem


SOURCES = Sources()


def converted(value: Any, default: Any) -> Any:
    """A value as one of the default's type: int (of 64 bits), float, bool or str.

    ValueError, in Kapacitor's words, where it is none.
    """
    kind = type(default)
    found: Any = None
    if isinstance(value, str):
        found = value if kind is str else _parsed(value, kind)
    elif kind is bool and isinstance(value, bool):
        found = value
    elif kind is str and isinstance(value, bool):
        found = "true" if value else "false"
    elif isinstance(value, float):
        found = _of_number(value, kind)
    if found is None:
        raise ValueError(f"cannot convert value of type {_go_type(value)} to type {_go_type(default)}")
    return found


def _folder(folder: str) -> dict[str, Values]:
    found: dict[str, Values] = {}
    if not os.path.isdir(folder):
        raise ValueError(f"lstat {folder}: no such file or directory")
    for place, _, names in os.walk(folder, onerror=_raise):
        for name in names:
            path = os.path.join(place, name)
            relative = os.path.relpath(path, folder)
            if relative.startswith("."):
                raise ValueError("invalid relative path")
            found[relative] = _file(path)
    return found


def _raise(error: OSError) -> NoReturn:
    raise error


def _file(path: str) -> Values:
    kind = os.path.splitext(path)[1]
    if kind not in (".yaml", ".yml", ".json"):
        return {}
    with open(path, "rb") as file:
        data = file.read()
    try:
        values = parse_json(data) if kind == ".json" else _yaml(data)
    except ValueError as error:
        word = "json" if kind == ".json" else "yaml"
        raise ValueError(f"failed to unmarshal {word} values {quoted(path)}: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ValueError(f"failed to unmarshal values {quoted(path)}: not an object")
    return _with_floats(values)


def _document(data: bytes) -> Any:
    """JSON, which may escape what YAML may not, or else YAML."""
    try:
        return parse_json(data)
    except ValueError:
        return _yaml(data)


def _yaml(data: bytes) -> Any:
    # only tasks with a sideload node pay for the import
    from grammar.golang.yaml_reader import YamlError, parse_yaml

    try:
        return parse_yaml(data)
    except YamlError as error:
        raise ValueError(f"line {error.line}: {error}" if error.line else str(error)) from None


def _with_floats(values: Mapping[str, Any]) -> Values:
    return {k: float(v) if isinstance(v, int) and not isinstance(v, bool) else v for k, v in values.items()}


def _clean(path: str) -> str:
    """Go's filepath.Clean, which knows no root of two slashes."""
    return posixpath.normpath("/" + path.lstrip("/") if path.startswith("/") else path)


def _scheme(url: str) -> str:
    try:
        return urllib.parse.urlsplit(url).scheme
    except ValueError as error:
        raise SideloadError(f"sideload source {quoted(url)}: {error}") from None


def _path(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.unquote(parts.path)


def _parsed(text: str, kind: type) -> Any:
    if kind is int:
        number: int | float | None = decimal_integer(text)
        name = "int64"
    elif kind is float:
        number, name = float_of(text), "float64"
    elif kind is bool:
        return _parsed_bool(text)
    else:
        return None
    if number is None:
        raise ValueError(f"cannot convert string to {name}: {quoted(text)}")
    return number


def _parsed_bool(text: str) -> bool:
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise ValueError(f"cannot convert string to bool: {quoted(text)}")


def _of_number(number: float, kind: type) -> Any:
    if kind is str:
        return plain_float(number)
    if kind is float:
        return number
    whole = kind is int and number.is_integer() and -(2.0**63) <= number < 2.0**63
    return int(number) if whole else None


def _go_type(value: Any) -> str:
    if value is None:
        return "<nil>"
    names = {bool: "bool", int: "int64", float: "float64", str: "string", dict: "map[string]interface {}"}
    return names.get(type(value), "[]interface {}" if isinstance(value, list) else "time.Duration")
