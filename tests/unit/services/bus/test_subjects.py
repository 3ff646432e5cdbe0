"""Subjects and the escape, by example; tests/property has the rest."""

from __future__ import annotations

import pytest

from services.bus import subjects


def test_the_escape_by_example() -> None:
    examples = {"my_db-1": "my_db-1", "a.b": "a=2Eb", "": "=", "=": "=3D", "*": "=2A", ">": "=3E", "ü": "=C3=BC"}
    for name, token in examples.items():
        assert subjects.escape(name) == token and subjects.unescape(token) == name
    assert subjects.write_subject("telegraf", "autogen") == "tickbus.write.telegraf.autogen"
    assert subjects.alert_subject("main:task.x") == "tickbus.alert.main=3Atask=2Ex"
    assert subjects.parse_alert_subject("tickbus.alert.main=3Atask") == "main:task"
    assert subjects.command_subject("task", "create") == "tickbus.command.task.create"
    assert subjects.request_subject("engine", "stats", "a b") == "tickbus.ask.engine.stats.a=20b"


def test_what_others_publish_is_read_as_it_stands() -> None:
    assert subjects.parse_write_subject("tickbus.write.dß%.r=c3=bcp") == ("dß%", "rüp")


def test_what_is_no_subject_of_ours() -> None:
    for subject in ("tickbus.write.a", "tickbus.write.a.b.c", "x.write.a.b", "tickbus.write.a=4.b", "tickbus.write..b"):
        with pytest.raises(ValueError):
            subjects.parse_write_subject(subject)
    with pytest.raises(ValueError):
        subjects.unescape("=FF")
    with pytest.raises(ValueError):
        subjects.parse_event_subject("tickbus.event.a.b")


def test_a_name_that_is_too_long() -> None:
    assert len(subjects.escape("x" * subjects.MAX_TOKEN)) == subjects.MAX_TOKEN
    with pytest.raises(ValueError, match="too long"):
        subjects.escape("ü" * 300)
