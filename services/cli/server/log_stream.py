"""Following the log of a server."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import click

from services.cli.output.printing import in_colour, safe
from tickbus.client import Client

_PATH = "/kapacitor/v1preview/logs"
_COLOURS = {"lvl=error": "red", "lvl=warn": "yellow"}


def tags_of(words: Sequence[str]) -> dict[str, str]:
    """What a line must have, by `KEY=VALUE`. Raises click.UsageError for a word that is none."""
    for word in words:
        if word.count("=") != 1 or word.startswith("="):
            raise click.UsageError(f"{word!r} is not of the form KEY=VALUE")
    return dict(word.split("=") for word in words)


def follow(client: Client, tags: Mapping[str, str], json: bool) -> None:
    """Print the lines that have these tags as they come, until Ctrl-C or until the server ends."""
    headers = {"Accept": "application/json"} if json else {}
    try:
        with client.open(_PATH, dict(tags), headers) as body:
            left = b""
            for piece in body.pieces:
                *lines, left = (left + piece).split(b"\n")
                for line in lines:
                    print(_shown(line.decode("utf-8", "backslashreplace")))
                sys.stdout.flush()
    except KeyboardInterrupt:
        return


def _shown(line: str) -> str:
    if in_colour():
        for word, colour in _COLOURS.items():
            if word in line:
                return click.style(safe(line), fg=colour)
    return safe(line)
