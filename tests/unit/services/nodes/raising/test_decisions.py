"""Which points alert, and for how long it has lasted then."""

from __future__ import annotations

from services.nodes.raising.decisions import LevelDecisions, Policy

_OK, _WARNING, _CRITICAL = 0, 2, 3


def test_an_alert_that_began_while_its_group_flapped_has_lasted_since_it_began() -> None:
    """With a history of two every change flaps, and every level that stays ends that."""
    decisions = LevelDecisions(Policy(False, 0, True, (0.25, 0.5), 2))
    decisions.reach(1)
    levels = [(1000, _CRITICAL), (1005, _OK), (1006, _OK), (1010, _WARNING), (1030, _WARNING)]
    assert [decisions.one(0, level, time) for time, level in levels] == [None, None, None, None, 20]


def test_what_begins_while_its_group_flaps_goes_on_from_the_alert_that_was_told_before() -> None:
    """Scenario alert_flapping_duration."""
    decisions = LevelDecisions(Policy(False, 0, True, (0.25, 0.5), 2))
    decisions.reach(1)
    levels = [(1000, _CRITICAL), (1010, _CRITICAL), (1020, _OK), (1025, _OK), (1030, _WARNING), (1045, _WARNING)]
    assert [decisions.one(0, level, time) for time, level in levels] == [None, 10, None, None, None, 45]
