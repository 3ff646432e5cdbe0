"""Options of the whole suite: they have to stand here to be known wherever pytest is started."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption("--known-failures", action="store_true", help="play only the cases of known_failures.txt")
    group.addoption("--server", default="", help="the base URL of a running server to hold against the cases")
