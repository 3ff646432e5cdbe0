"""A second try in CI for tests of many real processes, and what the first one came to.

A test of `crash/` or `console/` runs half a dozen processes, kills some, and waits for what others make of it; on a
machine that stands still for some seconds one in some thousands fails. In CI it is tried a second time, by itself, in a
new folder; one that fails twice has failed. What the first try came to is printed in full at the end of the run: it is
to be looked into as a failure is. Elsewhere nothing is tried twice.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
OF_PROCESSES = (TESTS / "crash", TESTS / "console")


def mark(items: list[pytest.Item]) -> None:
    """Mark the tests that may be tried twice here."""
    if os.environ.get("CI"):
        for item in items:
            if any(item.path.is_relative_to(folder) for folder in OF_PROCESSES):
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
