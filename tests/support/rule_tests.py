"""Tests of rules run within a test, as `tickbus test` runs them."""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path

from services.alerting.handlers import specs
from services.nodes import registry
from services.runtime.environment import TaskEnvironment
from services.testing.format.reading import read_tests
from services.testing.reporting.text import lines_of
from services.testing.running.building import Workshop
from services.testing.running.result import TestResult
from services.testing.running.runner import run_test


def results_of(file: Path, scripts: Path | None = None) -> list[TestResult]:
    """What comes of the tests of a file."""

    async def run() -> list[TestResult]:
        return [await run_test(test, workshop()) for test in read_tests(file, scripts).tests]

    return asyncio.run(run())


def told(file: Path) -> str:
    """What people are told of the tests of a file."""
    return "\n".join(line.text for result in results_of(file) for line in lines_of(result))


@functools.cache
def workshop() -> Workshop:
    """Without a configuration."""
    return Workshop(registry(specs()), TaskEnvironment())
