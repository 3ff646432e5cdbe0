"""Texts that lambdas and templates make are bounded, each and all together."""

from __future__ import annotations

import pytest

from services.expressions import text_limits as texts
from services.runtime.errors import TaskFailed
from tests.support.graph import NOW, ScriptRun

_FROM = "stream|from().measurement('m')"


def test_nested_calls_do_not_make_a_text_that_fills_the_memory() -> None:
    nested = "strReplace(" * 12 + '"s"' + ", 'a', 'aaaaaaaaaa', -1)" * 12
    run = ScriptRun(f"{_FROM}|eval(lambda: {nested}).as('x')")
    run.write('m s="b"\nm s="a"')
    assert [point.fields["x"] for point in run.out["eval2"]] == ["b"]
    assert run.run.context("eval2").statistics.errors == 1
    assert "text of more than 1048576 characters" in run.reasons[0]


def test_a_replacement_that_fits_is_made() -> None:
    run = ScriptRun(f"{_FROM}|eval(lambda: strReplace(\"s\", '', '-', 2)).as('x')")
    run.write(f'm s="{"a" * 60_000}"')
    assert run.out["eval2"][0].fields["x"] == "-a-" + "a" * 59_999


@pytest.mark.parametrize("rows", [1, 100])
def test_sums_of_texts_are_bounded_row_by_row(rows: int) -> None:
    doubled = "".join('|eval(lambda: "s" + "s").as(\'s\')' for _ in range(25))
    run = ScriptRun(f"{_FROM}{doubled}")
    run.write("\n".join(f'm s="{"" if i else "ab"}" {NOW + i}' for i in range(rows)))
    assert [point.fields["s"] for point in run.out["eval26"]] == [""] * (rows - 1)
    assert sum(run.run.context(f"eval{i}").statistics.errors for i in range(2, 27)) == 1


def test_sums_with_constants_are_what_they_were() -> None:
    run = ScriptRun(f"{_FROM}|eval(lambda: 'a' + \"s\", lambda: \"s\" + 'b', lambda: \"s\" + \"t\").as('x', 'y', 'z')")
    run.write('m,t=tag s="1"\nm,t=tag s="2"')
    assert [[p.fields[n] for n in "xyz"] for p in run.out["eval2"]] == [["a1", "1b", "1tag"], ["a2", "2b", "2tag"]]


@pytest.mark.parametrize("stateful", ["", " + string(count() * 0)"])
def test_all_texts_of_a_step_together_are_bounded(stateful: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST_TEXTS", 100_000)
    run = ScriptRun(f"{_FROM}|eval(lambda: strReplace(\"s\", 'a', '{'b' * 1000}', -1){stateful}).as('x')")
    run.write("\n".join('m s="a"' for _ in range(90)))
    with pytest.raises(TaskFailed, match="eval2: it makes texts of more than 100000 characters at once"):
        run.write("\n".join('m s="a"' for _ in range(110)))


def test_all_messages_of_a_step_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST_TEXTS", 100_000)
    message = '{{ printf "%2000s" (index .Fields "s") }}'
    run = ScriptRun(f"{_FROM}|alert().crit(lambda: TRUE).message('{message}').topic('t')")
    run.write('m s="a"')
    with pytest.raises(TaskFailed, match="alert2: it makes texts of more than 100000 characters at once"):
        run.write("\n".join('m s="a"' for _ in range(60)))
