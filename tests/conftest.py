"""What holds for the whole suite: it has to stand here to be known wherever pytest is started."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path

import pytest

from tests.support import fast, unsteady
from tests.support.examples import in_new_order, pytest_runtest_setup
from tests.support.fast import only_itself, pytest_ignore_collect
from tests.support.unsteady import pytest_terminal_summary

__all__ = ["only_itself", "pytest_ignore_collect", "pytest_runtest_setup", "pytest_terminal_summary"]

# Services are started some hundred times: what was compiled for one is there for the next, whatever the shell says.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

FOLDERS = ("conformance", "crash", "console", "property", "unit")
"""The order in which tests are begun: what stands in one long file and mostly waits first, short files last, so that
the processors have something to do and all processes end at about the same time."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption("--known-failures", action="store_true", help="play only the cases of known_failures.txt")
    group.addoption("--server", default="", help="the base URL of a running server to hold against the cases")


def pytest_configure(config: pytest.Config) -> None:
    fast.declare(config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    fast.mark(items)
    unsteady.mark(items)
    items.sort(key=lambda item: _place(item.path))
    in_new_order(config, items)


@functools.cache
def _place(path: Path) -> int:
    """By folder, otherwise as they stand."""
    parts = path.relative_to(Path(__file__).parent).parts
    return FOLDERS.index(parts[0]) if parts[0] in FOLDERS else len(FOLDERS)
