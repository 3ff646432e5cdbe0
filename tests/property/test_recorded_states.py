"""States that an earlier version saved are taken up: users upgrade in place.

`python -m tests.property.test_recorded_states` records them anew, which is only right where a change of their shape was
decided on, with another STATE_VERSION.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.config import InfluxDB
from services.connectors.influxdb import InfluxDBClient
from services.runtime.environment import TaskEnvironment
from services.store import codec
from tests.property.test_nodes import SCRIPTS, Result
from tests.support.graph import NOW, ScriptRun

RECORDED = Path(__file__).parents[1] / "support" / "recorded_states.bin"

VARIANTS = ("plain", "barriers", "ends", "idle")
"""As it is; with barriers behind the first grouping; with such as end their groups; with groups that end when idle."""

_VALUES = ("0.0", "1.5", "3.0", "-1.0", "0.25", "2i", '"s"', "", "true", "1.5", "1.5", "0.75")


def lines() -> list[str]:
    """Points of several groups, some late, some at one time, with fields that are missing or of another type."""
    out, time = [], 10
    for i in range(36):
        time += (1, 0, 2, 1, 1, -1, 0, 3)[i % 8]
        tags = "".join(f",{n}={v}" for n, v in (("h", ("a", "b", "", "a")[i % 4]), ("k", ("x", "y", "")[i % 3])) if v)
        value = _VALUES[(i * 5) % len(_VALUES)]
        fields = [f"{n}={v}" for n, v in (("v", value), ("w", _VALUES[i % 5]), ("i", "7i")) if v]
        out.append(f"{'n' if i % 5 == 4 else 'm'}{tags} {','.join(fields)} {time * 10**9}")
    return out


def cases() -> Iterator[tuple[str, str, str]]:
    """(node and number of its script, variant, script)."""
    for node, scripts in SCRIPTS.items():
        for i, script in enumerate(scripts):
            for variant in VARIANTS:
                if variant in ("plain", "idle") or ".groupBy('h')" in script:
                    yield f"{node}-{i}", variant, script


def begun(script: str, variant: str) -> ScriptRun:
    """A task that has got the first half of the points."""
    delete = {"barriers": "", "ends": ".delete(TRUE)"}
    if variant in delete:
        script = script.replace(".groupBy('h')", f".groupBy('h')|barrier().idle(3s){delete[variant]}")
    age = 3 * 10**9 if variant == "idle" else 0
    environment = TaskEnvironment(influxdb={"": InfluxDBClient(InfluxDB())}, group_idle_age=age)
    run = ScriptRun(f"{script}|httpOut('end')", environment=environment)
    points = lines()
    run.write(*points[:9])
    run.clock += 4 * 10**9
    run.tick(run.clock)
    return run.write(*points[9:20])


def ended(run: ScriptRun) -> Result:
    """What comes of a task that gets the second half."""
    points = lines()
    run.write(*points[20:30])
    run.clock += 4 * 10**9
    run.tick(run.clock)
    run.write(*points[30:])
    run.tick(NOW + 25 * 10**9)
    return Result(run.finish())


@functools.lru_cache(1)
def recorded() -> dict[tuple[str, str], bytes]:
    """The recorded states by script and variant, packed."""
    names, states = codec.unpack(zlib.decompress(RECORDED.read_bytes()))
    return dict(zip(names, states, strict=True))


@pytest.mark.parametrize(
    ("name", "variant", "script"),
    [pytest.param(*case, id="-".join(case[:2])) for case in cases() if case[:2] in recorded()],
)
def test_a_task_goes_on_from_it_as_if_it_had_not_stopped(name: str, variant: str, script: str) -> None:
    run = begun(script, variant).resume_from(codec.unpack(recorded()[name, variant]))
    assert not (difference := ended(begun(script, variant)).differs(ended(run))), difference


def test_all_that_was_recorded_is_taken_up() -> None:
    assert recorded().keys() <= {case[:2] for case in cases()}


def _record() -> None:
    states: dict[tuple[str, str], Any] = {}
    for name, variant, script in cases():
        states[name, variant] = codec.pack(begun(script, variant).run.state())
    RECORDED.write_bytes(zlib.compress(codec.pack([list(states), list(states.values())]), 9))
    print(len(states), "states,", RECORDED.stat().st_size, "bytes")


if __name__ == "__main__":
    _record()
