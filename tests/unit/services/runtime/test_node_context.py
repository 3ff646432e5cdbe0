"""What nodes log of errors."""

from __future__ import annotations

from collections.abc import Callable

from services.process import log
from tests.support.graph import ScriptRun
from tests.support.logs import logged, restored_log

__all__ = ["logged", "restored_log"]


def test_why_something_went_wrong_is_a_key_of_its_own_as_log_panels_read_it(
    logged: Callable[[str], list[str]],
) -> None:
    run = ScriptRun("stream|from()|derivative('v')")
    run.run.log = log.get("kapacitor")
    run.write("m v=1 1", "m v=2 1")
    (line,) = logged("cannot perform derivative")
    assert "lvl=error" in line and 'err="elapsed time was 0"' in line and "task=t node=derivative2" in line
