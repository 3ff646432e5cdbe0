"""The state of another version is refused by its number, not misread."""

from __future__ import annotations

import pytest

from services.runtime.task import STATE_VERSION
from tests.support.graph import ScriptRun

SCRIPT = "stream|from()|window().period(10s).every(10s)|httpOut('x')"


@pytest.mark.parametrize("version", [STATE_VERSION + 1, STATE_VERSION - 1, None])
def test_a_state_of_another_version_is_refused(version: int | None) -> None:
    run = ScriptRun(SCRIPT, precision="s").write("m v=1 1").run
    state = run.state()
    run.restore(state)
    with pytest.raises(ValueError, match=f"is of version {version}: this version of tickbus reads {STATE_VERSION}"):
        run.restore(state | {"version": version, "nodes": {}})
