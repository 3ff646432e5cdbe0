"""How far back scripts look."""

from __future__ import annotations

import pytest

from grammar.tickscript.parser import parse
from services.dryrun.backtesting.warm_up import looks_back
from services.nodes import registry
from services.pipeline.compiler.compile import compile_script

MINUTE = 60 * 10**9


@pytest.mark.parametrize(
    ("script", "minutes"),
    [
        ("stream|from()|alert().crit(lambda: TRUE)", 0),
        ("stream|from()|window().period(5m).every(1m)|mean('v')|alert().crit(lambda: TRUE)", 6),
        ("stream|from()|window().periodCount(10).everyCount(1)|mean('v')", 0),
        ("stream|from()|window().period(5m).every(1m)|mean('v')|window().period(10m).every(10m)|mean('mean')", 26),
        ("stream|from()|deadman(1.0, 3m)", 3),
        ("stream|from()|barrier().idle(2m)|window().period(5m).every(5m)|count('v')", 12),
        (
            "var s = stream|from()\ns|window().period(1m).every(1m)|mean('v')\n"
            "s|window().period(7m).every(1m)|mean('v')",
            8,
        ),
    ],
)
def test_the_longest_path_counts(script: str, minutes: int) -> None:
    assert looks_back(compile_script(parse(script), registry()).graph) == minutes * MINUTE
