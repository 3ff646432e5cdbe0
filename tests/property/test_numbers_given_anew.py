"""Every node: that numbers of series and groups which nobody uses any more are given to others must not show."""

from __future__ import annotations

import random

import pytest

from schemas.config import InfluxDB
from services.columns.groups.series import Group, Series
from services.connectors.influxdb import InfluxDBClient
from services.runtime.environment import TaskEnvironment
from tests.property.test_nodes import DRY, SCRIPTS, Result
from tests.support.graph import NOW, ScriptRun

GROUPED = ".groupBy('h')"
ENDING = f"{GROUPED}|barrier().idle(3s).delete(TRUE)"


class Looking:
    """A run of which it is looked what it uses; the rest is let go of, and some of it used by others at once."""

    def __init__(self, run: ScriptRun) -> None:
        self.run, self.freed = run, 0

    def begin(self) -> None:
        self.run.table.begin_look()
        self.run.run.state()

    def end(self) -> None:
        table = self.run.table
        series = table.unused_series()
        table.free_series(series)
        groups = table.unused_groups()
        table.free_groups(groups)
        table.end_look()
        for i in range(0, len(series), 4):
            table.number(Series("db", "rp", "others", (("h", f"other{self.freed + i}"),)))
        for i in range(0, len(groups), 2):
            table.group_number(Group((("h", f"other{self.freed + i}"),)))
        self.freed += len(series) + len(groups)


def frames(seed: int) -> list[list[str]]:
    """Lines of which the series come for some time and do not come again, in frames."""
    draw = random.Random(seed)
    out, time = [], 10
    for i in range(16):
        lines = []
        for _ in range(draw.randint(1, 5)):
            time += draw.choice([0, 1, 1, 2, -1])
            c = draw.choice([i // 3, i // 3, draw.randint(0, i)])
            tags = {"h": draw.choice(["a", "b", f"h{i // 6}", ""]), "k": draw.choice(["x", "y", ""]), "c": f"c{c}"}
            key = ",".join([draw.choice("mmmn"), *(f"{name}={v}" for name, v in sorted(tags.items()) if v)])
            fields = {"v": draw.choice(["0.0", "1.5", "3.0", "-1.0", "", "2i"]), "w": "0.25", "i": "7i"}
            lines.append(f"{key} {','.join(f'{name}={v}' for name, v in fields.items() if v)} {time * 10**9}")
        out.append(lines)
    return out


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(script.replace(GROUPED, GROUPED if i % 2 else ENDING), id=f"{node}-{i}")
        for node, scripts in {**SCRIPTS, "dry": DRY}.items()
        if "holtWinters" not in node  # which takes long, and keeps no more than other functions do
        for i, script in enumerate(scripts)
    ],
)
def test_numbers_given_anew_do_not_show(script: str) -> None:
    environment = TaskEnvironment(influxdb={"": InfluxDBClient(InfluxDB())}, dry="Autoscale" in script)
    usual, looked = (ScriptRun(f"{script}|log().level('DEBUG')", environment=environment) for _ in range(2))
    looking = Looking(looked)
    for i, lines in enumerate(frames(1)):
        for run in (usual, looked):
            run.write(*lines)
            if i % 10 == 9:
                run.clock += 4 * 10**9
                run.tick(run.clock)
        looking.begin() if i % 2 == 0 else looking.end()
    for run in (usual, looked):
        run.tick(NOW + 25 * 10**9)
        run.finish()
    assert looking.freed > 10
    assert not (difference := Result(usual).differs(Result(looked))), difference
