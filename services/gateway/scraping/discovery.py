"""Discoverers: what names the targets of a scraper."""

from __future__ import annotations

import glob
import json
import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from schemas.config import Config
from schemas.config.inputs.scraping import FileDiscovery, StaticDiscovery
from services.gateway.scraping.targets import Group
from services.process import log as logs

_LARGEST = 16 << 20
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_log = logs.get("scraper")

Discover = Callable[[], Sequence[Group]]
"""Gives what is found now. It may read files: not for an event loop."""


def discoverer(config: Config, service: str, id: str) -> tuple[Discover, float] | None:
    """What a scraper's `discoverer-service` and `discoverer-id` name, and after how many seconds it is to be asked
    again at the latest; None where there is no such one."""
    return next(
        ((made, seconds) for named, of, made, seconds in _discoverers(config) if (named, of) == (service, id)), None
    )


def _discoverers(config: Config) -> Sequence[tuple[str, str, Discover, float]]:
    static = [
        ("static-discovery", one.id, _as_it_stands(one), float("inf")) for one in config.static_discovery if one.enabled
    ]
    files = [
        ("file-discovery", one.id, Files(one), one.refresh_interval) for one in config.file_discovery if one.enabled
    ]
    return [*static, *files]


def _as_it_stands(settings: StaticDiscovery) -> Discover:
    groups = [Group(settings.id, settings.targets, settings.labels)]
    return lambda: groups


class Files:
    """The groups of all files of one [[file-discovery]]; of one that cannot be read, those that it had before."""

    def __init__(self, settings: FileDiscovery) -> None:
        self._settings = settings
        self._read: dict[str, tuple[tuple[int, int, int], Sequence[Group]]] = {}

    def __call__(self) -> Sequence[Group]:
        paths = [path for pattern in self._settings.files for path in sorted(glob.glob(pattern))]
        self._read = {path: found for path in paths if (found := self._of(path)) is not None}
        return [group for _, groups in self._read.values() for group in groups]

    def _of(self, path: str) -> tuple[tuple[int, int, int], Sequence[Group]] | None:
        before = self._read.get(path)
        try:
            state = os.stat(path)
            if not stat.S_ISREG(state.st_mode):
                raise ValueError("it is no file")  # a pipe would be waited for
            seen = state.st_ino, state.st_mtime_ns, state.st_size
            return before if before is not None and before[0] == seen else (seen, read_groups(Path(path)))
        except (OSError, ValueError) as error:
            _log.limited(f"file {path}").error("a file of targets cannot be read", file=path, err=error)
            return before


def read_groups(path: Path) -> list[Group]:
    """The groups of a file. Raises OSError, and ValueError where it is none."""
    with path.open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST} bytes")
    is_json = path.suffix.lower() == ".json"
    try:
        # Every word of YAML is text here, as it is for Kapacitor: numbers and `yes` may be values of labels.
        found = json.loads(data) if is_json else yaml.load(data, yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, list):
        raise ValueError("it holds no list")
    return [_group(f"{path}:{number}", one, strict=not is_json) for number, one in enumerate(found)]


def _group(source: str, found: Any, strict: bool) -> Group:
    """strict: whether other keys are mistakes, as they are in YAML."""
    if not isinstance(found, Mapping):
        raise ValueError(f"{source}: it is no group of targets")
    targets, labels = found.get("targets") or [], found.get("labels") or {}
    if not isinstance(targets, list) or not all(isinstance(one, str) for one in targets):
        raise ValueError(f"{source}: `targets` is no list of strings")
    if not isinstance(labels, Mapping) or not all(isinstance(one, str) for one in labels.values()):
        raise ValueError(f"{source}: `labels` is no table of strings")
    for name in labels:
        if not _LABEL.fullmatch(name):
            raise ValueError(f"{source}: {name!r} is not a valid label name")
    others = set(found) - {"targets", "labels"}
    if strict and others:
        raise ValueError(f"{source}: unknown: {', '.join(sorted(others))}")
    return Group(source, tuple(targets), labels)
