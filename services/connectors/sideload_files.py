"""The files of a sideload source, and the values in them.

They are read as Kapacitor reads them, with Go's libraries, and every number is a float: what is asked for says what
becomes of it. So `22:30` is a string, `1e3` a number, and 2^64 one that fits a float and no integer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from grammar.golang.json_reader import parse_json
from grammar.golang.quoting import quote
from services.process.files import opened

MOST_BYTES = 8 << 20
MOST_FILES = 10_000

Values = Mapping[str, Any]

Files = Sequence[tuple[str, bytes]]
"""Paths, below the folder, and what is in the files. Of a document behind a URL the path is empty."""

_READ_BYTES = 1 << 16
_KINDS = (".yaml", ".yml", ".json")


def folder(path: str, until: float, readable: Callable[[str], str]) -> Files:
    """All files below a folder; of those of other kinds than YAML and JSON nothing but the names.

    until: when to give up, by the monotonic clock. readable: gives a file's path without links, or raises ValueError
    where it must not be read. Raises OSError, and ValueError where there is too much of it.
    """
    if not os.path.isdir(path):
        raise ValueError(f"lstat {path}: no such file or directory")
    found: list[tuple[str, bytes]] = []
    room = MOST_BYTES
    for file in _paths(path):
        relative = os.path.relpath(file, path)
        if relative.startswith("."):
            raise ValueError("invalid relative path")
        if len(found) >= MOST_FILES:
            raise ValueError(f"more than {MOST_FILES} files")
        data = _content(readable(file), room, until) if os.path.splitext(file)[1] in _KINDS else b""
        room -= len(data)
        found.append((relative, data))
    return found


def parsed(files: Files, base: str | None) -> dict[str, Values]:
    """The values by path. base: the folder of the files, None for the one document that holds all paths.

    Raises ValueError.
    """
    if base is not None:
        return {path: _of_file(os.path.join(base, path), data) for path, data in files}
    found = _of_document(files[0][1])
    paths = {} if found is None else found
    if not isinstance(paths, dict) or not all(isinstance(values, dict | None) for values in paths.values()):
        raise ValueError("not an object of paths with an object of values each")
    return {path: _with_floats(values or {}) for path, values in paths.items()}


def _paths(folder: str) -> Iterator[str]:
    """Folders count as files do: one may hold folders only."""
    seen = 0
    for place, folders, names in os.walk(folder, onerror=_raise):
        seen += len(folders) + len(names)
        if seen > 2 * MOST_FILES:
            raise ValueError(f"more than {MOST_FILES} files")
        for name in names:
            yield os.path.join(place, name)


def _raise(error: OSError) -> NoReturn:
    raise error


def _content(path: str, room: int, until: float) -> bytes:
    data = bytearray()
    with opened(path) as descriptor:
        while chunk := os.read(descriptor, _READ_BYTES):
            data += chunk
            if len(data) > room:
                raise ValueError(f"more than {MOST_BYTES} bytes in all, with {path}")
            if time.monotonic() > until:
                raise ValueError(f"it takes too long: given up at {path}")
    return bytes(data)


def _of_file(path: str, data: bytes) -> Values:
    kind = os.path.splitext(path)[1]
    if kind not in _KINDS:
        return {}
    try:
        values = parse_json(data) if kind == ".json" else _yaml(data)
    except ValueError as error:
        word = "json" if kind == ".json" else "yaml"
        raise ValueError(f"failed to unmarshal {word} values {quote(path)}: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ValueError(f"failed to unmarshal values {quote(path)}: not an object")
    return _with_floats(values)


def _of_document(data: bytes) -> Any:
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
