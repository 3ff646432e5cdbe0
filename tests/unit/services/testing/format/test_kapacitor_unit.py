"""kapacitor-unit's files run as they are. Scripts and tests are as its samples have them: what passes and fails there
passes and fails here."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.testing.errors import BadTestFile
from services.testing.format.reading import read_tests
from services.testing.running.result import FAILED, PASSED
from tests.support.rule_tests import results_of

STREAM = """
var data = stream
	| from()
		.database('weather')
		.retentionPolicy('default')
		.measurement('temperature')

data
	|alert().id('Temperature')
		.message('Temperature alert')
		.warn(lambda: "temperature" > 80)
		.crit(lambda: "temperature" > 100)
		.stateChangesOnly()
    .log('/tmp/temperature.tick.log')
"""
BATCH = """
var weather = batch
	| query('''
		SELECT mean(temperature)
		FROM "weather"."default"."temperature"
		''')
			.period(5m)
			.every(10m)

var rain = batch
	| query('''
		SELECT count(rain)
		FROM "weather"."default"."temperature"
	''')
		.period(5m)
		.every(3d)

	weather
	| alert().id('Temperature')
		.warn(lambda: "mean" > 80)
		.crit(lambda: "mean" > 100)
		.stateChangesOnly()
"""
TESTS = """
tests:

  - name: "Alert weather:: critical when temperature > 120"
    task_name: alert_weather.tick
    db: weather
    rp: default
    type: stream
    data:
      - temperature,location=us-midwest temperature=70
      - temperature,location=us-midwest temperature=120
    expects:
      ok: 0
      warn: 0
      crit: 1

  - name: "Alert weather:: failure"
    task_name: alert_weather.tick
    db: weather
    rp: default
    type: stream
    data:
      - temperature,location=us-midwest temperature=70
      - temperature,location=us-midwest temperature=82
    expects:
      ok: 2
      warn: 1
      crit: 1

  - name: "Alert weather:: batch"
    task_name: alert_weather_batch.tick
    db: weather
    rp: default
    type: batch
    data:
      - temperature,location=us-midwest temperature=110
      - temperature,location=us-midwest temperature=91
    expects:
      ok: 0
      warn: 0
      crit: 1
"""
ONE = """
tests:
  - {{name: one, task_name: alert_weather.tick, db: weather, rp: default, type: {type}, {more},
     expects: {{crit: 1}}}}
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    folder = tmp_path / "tick_scripts"
    folder.mkdir()
    (folder / "alert_weather.tick").write_text(STREAM)
    (folder / "alert_weather_batch.tick").write_text(BATCH)
    return folder


def written(folder: Path, text: str) -> Path:
    path = folder / "test_case.yaml"
    path.write_text(text)
    return path


def test_its_samples(scripts: Path, tmp_path: Path) -> None:
    results = results_of(written(tmp_path, TESTS), scripts)
    assert [result.status for result in results] == [PASSED, FAILED, PASSED]
    (section,) = results[1].sections
    assert section.got == {"ok": 0, "info": 0, "warn": 1, "crit": 0}


@pytest.mark.parametrize(
    ("type", "more"),
    [
        ("stream", "data: [temperature temperature=120 1000], precision: s, clock: real"),
        ("stream", "data: [temperature temperature=120 10], clock: offset, offset_unit: s, reset_topics: true"),
        ("batch", "data: [temperature temperature=120 0], shift: -1m, offset_unit: s, precision: s"),
    ],
)
def test_clocks_and_shifts(scripts: Path, tmp_path: Path, type: str, more: str) -> None:
    (scripts / "alert_weather.tick").write_text(STREAM if type == "stream" else BATCH)
    (result,) = results_of(written(tmp_path, ONE.format(type=type, more=more)), scripts)
    assert (result.status, result.problem) == (PASSED, None)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("task_name: alert_weather.tick", "task_name: none.tick", "5:5: there is no script none.tick in"),
        ("    db: weather", "    recording_id: abc\n    db: weather", "the recording abc lies on a server"),
        ("      ok: 0", "      okay: 0", "tests.0.expects.okay"),
        ("type: stream", "type: streem", "tests.0.type"),
        ("    db: weather", "    dbs: weather", "unknown key 'dbs'"),
    ],
)
def test_what_cannot_be_run_is_told(scripts: Path, tmp_path: Path, old: str, new: str, error: str) -> None:
    with pytest.raises(BadTestFile) as refused:
        read_tests(written(tmp_path, TESTS.replace(old, new, 1)), scripts)
    assert error in str(refused.value)


def test_lines_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "alert_weather.tick").write_text(STREAM)
    path = tmp_path / "tests.yaml"
    path.write_text(
        "tests:\n  - {name: a, task_name: alert_weather.tick, db: weather, rp: default, data_path: lines.yaml,"
        " expects: {crit: 1}}\n"
    )
    with pytest.raises(BadTestFile, match=r"lines\.yaml cannot be read: No such file") as refused:
        read_tests(path)
    assert tmp_path / "lines.yaml" in refused.value.reads
    (tmp_path / "lines.yaml").write_text("- temperature temperature=70\n- temperature temperature=120\n")
    assert [result.status for result in results_of(path)] == [PASSED]
    (tmp_path / "lines.yaml").write_text("a: b\n")
    with pytest.raises(BadTestFile, match="must be a list of lines"):
        read_tests(path)
