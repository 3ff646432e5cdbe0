"""In how many parts tasks are to run."""

from __future__ import annotations

from services.engine.worker.splitter import Loads, SplitSettings


def test_the_first_pattern_that_fits_counts() -> None:
    settings = SplitSettings({"cpu_a": 1, "cpu_*": 4}, 0.0, 1.0)
    assert [settings.parts_of(task) for task in ("cpu_a", "cpu_b", "disk")] == [1, 4, None]


def test_the_share_of_a_tasks_time_is_measured_over_some_seconds() -> None:
    now, busy = [0.0], {"heavy": 0, "light": 0}
    loads = Loads(busy.get, lambda: now[0])
    assert loads.share("heavy") == loads.share("light") == 0.0
    now[0], busy["heavy"], busy["light"] = 5.0, 4 * 10**9, 10**6
    assert loads.share("heavy") == 0.0, "not known yet"
    now[0], busy["heavy"] = 20.0, 16 * 10**9
    assert loads.share("heavy") == 0.8
    assert loads.share("light") < 0.01
    del busy["heavy"]
    assert loads.share("heavy") == 0.0
    busy["heavy"] = 10**9
    assert loads.share("heavy") == 0.0, "it was taken up anew"
