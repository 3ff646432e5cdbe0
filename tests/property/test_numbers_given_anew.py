"""Every node: that numbers of series and groups which nobody uses any more are given to others must not show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.config import InfluxDB
from services.columns.groups.series import Group, Series
from services.connectors.influxdb import InfluxDBClient
from services.runtime.environment import TaskEnvironment
from tests.property.test_nodes import DRY, SCRIPTS, Result
from tests.support.examples import examples
from tests.support.graph import NOW, ScriptRun
from tests.support.lines import cut_points

WITH_MEMORY = [
    pytest.param(script.replace(".groupBy('h')", groups), id=f"{node}-{i}-{n}")
    for node in SCRIPTS
    for i, script in enumerate(SCRIPTS[node])
    for n, groups in enumerate((".groupBy('h')", ".groupBy('h')|barrier().idle(3s).delete(TRUE)", ".groupBy('h', 'c')"))
    if n == 0 or groups not in script
]


class Looking:
    """A run of which now and then is looked what it uses; what it does not is let go of, and used by others at once."""

    def __init__(self, run: ScriptRun) -> None:
        self.run, self._others = run, 0

    def begin(self) -> None:
        self.run.table.begin_look()
        self.run.run.state()

    def end(self) -> int:
        table = self.run.table
        series = table.unused_series()
        table.free_series(series)
        groups = table.unused_groups()
        table.free_groups(groups)
        table.end_look()
        for _ in range(0, len(series), 2):
            self._others += 1
            table.number(Series("db", "rp", "others", (("h", f"other{self._others}"),)))
        for _ in range(0, len(groups), 2):
            self._others += 1
            table.group_number(Group((("h", f"other{self._others}"),)))
        return len(series) + len(groups)


@pytest.mark.parametrize("script", [*WITH_MEMORY, *DRY])
@examples(3)
@given(cut_points(), st.data())
def test_numbers_given_anew_do_not_show(
    script: str, cut: tuple[list[str], list[int], set[int]], data: st.DataObject
) -> None:
    lines, cuts, _ = cut
    # series come and go
    lines = [line.replace(" ", f",c=c{i // 3} ", 1) for i, line in enumerate(lines)]
    begins = data.draw(st.sets(st.integers(0, len(cuts) - 1), min_size=1))
    pauses = data.draw(st.sets(st.integers(0, len(cuts) - 1), max_size=3))
    environment = TaskEnvironment(influxdb={"": InfluxDBClient(InfluxDB())}, dry=script in DRY)
    usual, looked = (ScriptRun(f"{script}|httpOut('end')", environment=environment) for _ in range(2))
    looking, under_way, begin = Looking(looked), False, 0
    for i, end in enumerate(cuts):
        if under_way:
            looking.end()
        if under_way := i in begins:
            looking.begin()
        for run in (usual, looked):
            run.write(*lines[begin:end])
        begin = end
        if i in pauses:
            for run in (usual, looked):
                run.clock += 4 * 10**9
                run.tick(run.clock)
    if under_way:
        looking.end()
    for run in (usual, looked):
        run.tick(NOW + 25 * 10**9)
        run.finish()
    assert not (difference := Result(usual).differs(Result(looked))), difference
