"""Files that the command line names: scripts, and documents in YAML or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grammar.golang.yaml_reader import YamlError, parse_yaml
from services.cli.errors import CommandFailed

_YAML = (".yaml", ".yml")


def text_of(file: Path) -> str:
    """The text of a file. Raises CommandFailed where it cannot be read."""
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CommandFailed(f"{file} cannot be read: byte {error.start} is no UTF-8") from error


def document(file: Path, what: str = "a task", kinds: Sequence[str] = (".json", *_YAML)) -> dict[str, Any]:
    """What a YAML or JSON file says. Raises CommandFailed where it cannot be read or says nothing of the kind.

    kinds: the endings of the file's name that there may be; where there are none it is JSON whatever its name.
    """
    if kinds and file.suffix not in kinds:
        raise CommandFailed(f"{file} is neither YAML nor JSON by its name: it must end with .yaml, .yml or .json")
    text = text_of(file)
    found = _yaml(file, text) if file.suffix in _YAML and kinds else _json(file, text)
    if not isinstance(found, dict):
        raise CommandFailed(f"{file} does not describe {what}: it must be an object with keys")
    return found


def _json(file: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise CommandFailed(f"{file} is no JSON: {error}") from error
    except RecursionError:
        raise CommandFailed(f"{file} cannot be read: it is nested too deeply") from None


def _yaml(file: Path, text: str) -> Any:
    try:
        return parse_yaml(text, strict=True)
    except YamlError as error:
        place = f"line {error.line}, column {error.column}: " if error.line else ""
        raise CommandFailed(f"{file} is no YAML: {place}{error}") from error
