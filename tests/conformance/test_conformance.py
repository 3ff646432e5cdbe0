"""Every conformance case as one item."""

from __future__ import annotations

import pathlib

import pytest

from tests.conformance.conform import Case, Run, Server, Sinks, find, first_difference, influx_up, same

HERE = pathlib.Path(__file__).parent


def known_failures() -> frozenset[str]:
    """The cases of known_failures.txt, as `area/name`."""
    lines = (HERE / "known_failures.txt").read_text("utf-8").splitlines()
    return frozenset(name for line in lines if (name := line.partition("#")[0].strip()))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" not in metafunc.fixturenames:
        return
    play_known = metafunc.config.getoption("--known-failures", False)
    known = known_failures()
    cases = [c for c in find([HERE / "cases"]) if (_name(c) in known) == bool(play_known)]
    metafunc.parametrize("case", cases, ids=map(_name, cases))


def test_case(case: Case, server: Server, sinks: Sinks, request: pytest.FixtureRequest) -> None:
    if case.spec.get("needs") == "influxdb" and not influx_up():
        pytest.skip("no InfluxDB on 127.0.0.1:8086")
    golden = case.load()
    outcomes = Run(case, server, sinks, golden).play()
    wrong = next((i for i, (got, want) in enumerate(zip(outcomes, golden, strict=True)) if not same(got, want)), None)
    difference = "" if wrong is None else f"step {wrong + 1}: {first_difference(outcomes[wrong], golden[wrong])}"
    if request.config.getoption("--known-failures", False):
        assert difference, f"{_name(case)} passes now: take it from known_failures.txt"
        pytest.xfail(difference)
    assert not difference, difference


def test_known_failures_name_cases() -> None:
    """A case that is no longer there must leave the list."""
    assert known_failures() <= {_name(c) for c in find([HERE / "cases"])}


def _name(case: Case) -> str:
    return f"{case.area}/{case.name}"
