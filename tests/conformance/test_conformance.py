"""Every conformance case as one item."""

from __future__ import annotations

import pathlib

import pytest

from tests.conformance.conform import Case, Run, Server, Sinks, first_difference, influx_up, same

HERE = pathlib.Path(__file__).parent
CASES = sorted((HERE / "cases").rglob("*.yaml"))


def known_failures() -> frozenset[str]:
    """The cases of known_failures.txt, as `area/name`."""
    lines = (HERE / "known_failures.txt").read_text("utf-8").splitlines()
    return frozenset(name for line in lines if (name := line.partition("#")[0].strip()))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "path" not in metafunc.fixturenames:
        return
    play_known = metafunc.config.getoption("--known-failures", False)
    known = known_failures()
    paths = [path for path in CASES if (_name(path) in known) == bool(play_known)]
    metafunc.parametrize("path", paths, ids=map(_name, paths))


def test_case(path: pathlib.Path, server: Server, sinks: Sinks, request: pytest.FixtureRequest) -> None:
    case = Case(path)
    if case.spec.get("needs") == "influxdb" and not influx_up():
        pytest.skip("no InfluxDB on 127.0.0.1:8086")
    golden = case.load()
    outcomes = Run(case, server, sinks, golden).play()
    wrong = next((i for i, (got, want) in enumerate(zip(outcomes, golden, strict=True)) if not same(got, want)), None)
    difference = "" if wrong is None else f"step {wrong + 1}: {first_difference(outcomes[wrong], golden[wrong])}"
    if request.config.getoption("--known-failures", False):
        assert difference, f"{_name(path)} passes now: take it from known_failures.txt"
        pytest.xfail(difference)
    assert not difference, difference


def test_known_failures_name_cases() -> None:
    """A case that is no longer there must leave the list."""
    assert known_failures() <= set(map(_name, CASES))


def _name(path: pathlib.Path) -> str:
    return f"{path.parent.name}/{path.stem}"
