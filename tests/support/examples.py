"""How many examples property tests look at: the suite's few, the same in each run, or many new ones in a night.

A night (`--hypothesis-profile=nightly`) looks at TIMES as many of each test, begins with other tests each time, and
leaves out what it has not come to within SECONDS.
"""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

TIMES = 5
SECONDS = 300.0

# One run decides: it finds the same each time, and a machine that is busy with other things fails nothing.
settings.register_profile(
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True, max_examples=60
)
settings.register_profile(
    "nightly",
    settings.get_profile("suite"),
    derandomize=False,
    max_examples=100 * TIMES,
    print_blob=True,
    database=None,
)
settings.load_profile("suite")

_END = pytest.StashKey[float]()


def examples(count: int, **more: Any) -> settings:
    """As `settings(max_examples=count)`, in a night so many times as many."""
    return settings(max_examples=count * TIMES if _nightly() else count, **more)


def in_new_order(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a night the tests come in another order each time; that of all processes of one run is the same."""
    if _nightly():
        run = getattr(config, "workerinput", {}).get("testrunuid")
        random.Random(run).shuffle(items)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A night ends when its time is over: what has begun is finished."""
    if _nightly() and time.monotonic() > item.config.stash.setdefault(_END, time.monotonic() + SECONDS):
        pytest.skip(f"the night's {SECONDS:g} s are over")


def _nightly() -> bool:
    return settings.get_current_profile_name() == "nightly"
