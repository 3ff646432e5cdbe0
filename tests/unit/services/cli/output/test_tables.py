"""Tables for programs, column by column as Kapacitor prints them, and for people."""

from __future__ import annotations

import io

import pytest

from services.cli.output.tables import Column, aligned, plain_lines, print_table

COLUMNS = (Column("ID", 2, fits=True), Column("Status", 10, marked=True), Column("N", 5, right=True), Column("Rest"))


class Terminal(io.StringIO):
    """A standard output that somebody looks at."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, row: tuple[str, ...], **environment: str) -> str:
    """What a table of one row looks like on a terminal of 30 columns."""
    terminal = Terminal()
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in {"TERM": "xterm", "COLUMNS": "30", **environment}.items():
        monkeypatch.setenv(name, value)
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", terminal)
        print_table(COLUMNS, [row])
    return terminal.getvalue()


def test_columns_have_their_places() -> None:
    assert list(plain_lines(COLUMNS, [("cpu_alert", "enabled", "17", "a b"), ("x", "a longer one", "1", "")])) == [
        "ID        Status        NRest",
        "cpu_alert enabled      17a b",
        "x         a longer one    1",
    ]


def test_a_table_of_nothing_has_its_heads() -> None:
    assert list(plain_lines(COLUMNS, [])) == ["ID Status        NRest"]


def test_widths_count_bytes_and_fills_count_characters() -> None:
    assert list(plain_lines((Column("ID", 2, fits=True), Column("X")), [("üü", "x")])) == ["ID   X", "üü   x"]


def test_for_people_it_fits_the_terminal_and_has_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = on_terminal(monkeypatch, ("a" * 40, "enabled", "1", "b\x1b[31m"))
    assert "\x1b[32menabled" in printed and "\x1b[31m" not in printed
    assert "aaa" in printed and "a" * 30 not in printed, "it is folded"


@pytest.mark.parametrize(("columns", "whole"), [("80", True), ("40", False)])
def test_what_is_whole_is_not_folded_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch, columns: str, whole: bool
) -> None:
    time, words = "2026-11-30T21:58:28.375096075Z", " ".join(["word"] * 30)
    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", columns)
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", terminal)
        print_table([Column("Time", whole=True), Column("ID"), Column("Message")], [[time, "a" * 20, words]])
    printed = terminal.getvalue()
    assert (time in printed) is whole and printed.count("word") == 30


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_nobody_is_given_colours_who_wants_none(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    printed = on_terminal(monkeypatch, ("a", "enabled", "1", "b"), **environment)
    assert "enabled" in printed and "\x1b[32m" not in printed


def test_cells_stand_below_each_other_whoever_reads_them() -> None:
    assert aligned([("NAME", "N", "WHY"), ("a", "100", "x"), ("b", "2", "")], {1}) == (
        "NAME    N  WHY\na     100  x\nb       2"
    )
