"""Options of the whole suite: they have to stand here to be known wherever pytest is started."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# One run decides: it finds the same each time, and a machine that is busy with other things fails nothing. To look
# further, `--hypothesis-profile=search`.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("suite", settings.get_profile("search"), derandomize=True)
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption("--known-failures", action="store_true", help="play only the cases of known_failures.txt")
    group.addoption("--server", default="", help="the base URL of a running server to hold against the cases")
