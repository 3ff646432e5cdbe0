"""Printing what a command shows: JSON, and texts with or without colours."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar

import click

_Function = TypeVar("_Function", bound=Callable[..., Any])

_NARROWEST = 20  # columns of a terminal
_CONTROL = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}")


def as_json(function: _Function) -> _Function:
    """A decorator: the command has the option --json, and its function the parameter `json`."""
    return click.option("--json", is_flag=True, help="Print JSON.")(function)


def json_text(value: Any) -> str:
    """A value as JSON that people can read too."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json_text(value))


def on_terminal() -> bool:
    """Whether somebody looks at what is printed, and no program reads it."""
    return sys.stdout.isatty()


def in_colour() -> bool:
    """Whether what is printed may have colours: on a terminal, and where NO_COLOR does not say otherwise."""
    return on_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, **style: Any) -> str:
    """The text in a style of click's, where colours may be."""
    return click.style(text, **style) if in_colour() else text


def safe(text: str) -> str:
    """The text without what a terminal would take for orders; to programs it goes as it is."""
    return without_control(text) if on_terminal() else text


def without_control(text: str) -> str:
    """The text with a mark in the place of each control character but tabs and line ends."""
    return text.translate(_CONTROL)


def print_field(name: str, text: str) -> None:
    """Print a line of what is told of one thing; on a terminal what is longer goes on below it."""
    head = f"{name}:"
    lines = fitting(f"{head} {text}")
    print("\n".join([styled(head, bold=True) + lines[0].removeprefix(head), *lines[1:]]))


def fitting(text: str, indent: str = "") -> list[str]:
    """A text as lines that fit, of which all but the first are indented a little more; a program gets one, as it is."""
    if not on_terminal():
        return [indent + text]
    width = max(shutil.get_terminal_size().columns - 1, _NARROWEST)
    found: list[str] = []
    for line in safe(text).split("\n"):
        first = indent + "  " if found else indent
        found += textwrap.wrap(
            line, width, initial_indent=first, subsequent_indent=indent + "  ", break_on_hyphens=False
        ) or [first]
    return found


def print_heading(name: str) -> None:
    """Print the name of what follows."""
    print(styled(f"{name}:", bold=True))


def print_block(name: str, text: str) -> None:
    """Print several lines under their name."""
    print_heading(name)
    print(safe(text))


def note(text: str) -> None:
    """Say something on standard error that is no error."""
    print(text, file=sys.stderr)
