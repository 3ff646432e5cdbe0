"""alert: what those see who watch a task."""

from __future__ import annotations

import logging

import pytest

from services import log
from tests.support.graph import ScriptRun

SCRIPT = (
    "stream|from().measurement('m').groupBy('host')"
    "|alert().id('{{ index .Tags \"host\" }}').message('{{ .ID }} is {{ .Level }}').warn(lambda: \"v\" > 5.0)"
)


@pytest.mark.parametrize(("level", "seen"), [("INFO", []), ("DEBUG", ["a is WARNING", "b is WARNING", "a is OK"])])
def test_alerts_are_logged_for_those_who_watch(
    level: str, seen: list[str], caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(lambda: log.set_level("INFO"))
    log.set_level(level)
    ScriptRun(SCRIPT).write("m,host=a v=9 1\nm,host=b v=9 2", "m,host=a v=1 4")
    lines = [r for r in caplog.records if r.levelno == logging.DEBUG and r.getMessage() == "alert triggered"]
    assert [r.tickbus_keys["event_message"] for r in lines] == seen  # type: ignore[attr-defined]
    assert all(r.tickbus_keys["node"] == "alert2" for r in lines)  # type: ignore[attr-defined]
