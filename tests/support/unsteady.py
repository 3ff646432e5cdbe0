"""A second try in CI for tests of real processes and services, and what the first one came to.

A test of `crash/` or `console/` runs half a dozen processes, kills some, and waits for what others make of it; one of
`unit/` that is not fast has a NATS and services of its own. On a machine that stands still for some seconds one in some
thousands fails. In CI it is tried a second time, by itself, in a new folder; one that fails twice has failed. What the
first try came to is printed in full at the end of the run: it is to be looked into as a failure is. Elsewhere nothing
is tried twice.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
OF_PROCESSES = (TESTS / "crash", TESTS / "console", TESTS / "unit")


def mark(items: list[pytest.Item]) -> None:
    """Mark the tests that may be tried twice here. Those that are fast are marked as such already."""
    if os.environ.get("CI"):
        for item in items:
            fast = item.get_closest_marker("fast") is not None
            if not fast and any(item.path.is_relative_to(folder) for folder in OF_PROCESSES):
                item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what first tries came to that were followed by a second."""
    reports = terminalreporter.getreports("rerun")
    if reports:
        terminalreporter.section("tried twice: what the first try came to")
        for report in reports:
            terminalreporter.section(report.nodeid, sep="_")
            terminalreporter.line(report.longreprtext)
            for name, text in report.sections:
                terminalreporter.line(f"-- {name}\n{text}")
