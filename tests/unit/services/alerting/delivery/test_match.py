"""Matches of topic handlers: what they see of an event, and what is refused."""

from typing import Any

import pytest

from grammar.gotemplate import Time
from services.alerting.delivery.match import Match, NoMatch, match_of
from services.alerting.topics.alert_event import AlertEvent

NOON = 1_700_049_600 * 10**9  # 2023-11-15T12:00:00Z


def event(**changes: Any) -> AlertEvent:
    plain: dict[str, Any] = {
        "topic": "t",
        "task": "cpu_alert",
        "id": "cpu:a",
        "message": "",
        "given_details": None,
        "level": 3,
        "previous": 2,
        "time": 0,
        "duration": 5 * 10**9,
        "recoverable": True,
        "name": "cpu",
        "group": "host=a",
        "tags": {"host": "a", "both": "tag"},
        "fields": {"v": 1.5, "n": 3, "s": "x", "ok": True, "t": Time(NOON), "both": 1, "none": None},
        "rows": None,
        "server": ("", "", ""),
    }
    return AlertEvent(**(plain | changes))


@pytest.mark.parametrize(
    "text",
    [
        "level() >= WARNING",
        "level() == CRITICAL AND OK < INFO AND INFO < WARNING AND WARNING < CRITICAL",
        "changed()",
        "changed() == TRUE",
        "name() == 'cpu' AND taskName() =~ /^cpu_/ AND alertID() == 'cpu:a'",
        "duration() > 4s AND alertDuration() == 5s",
        "duration(5, 1s) == 5s",
        "\"host\" == 'a'",
        "\"both\" == 'tag'",
        '"v" > 1.0 AND "n" == 3 AND "s" == \'x\' AND "ok" AND hour("t") == 12',
        'isPresent("host") AND isPresent("v") AND !isPresent("nosuch") AND !isPresent("none")',
        'level() == CRITICAL OR "nosuch" == 1',
        "hour(now()) == 12",
        "if(changed(), level() > OK, FALSE)",
    ],
)
def test_what_an_event_fulfils(text: str) -> None:
    assert Match(text)(event(), NOON) is True


@pytest.mark.parametrize("text", ["FALSE", "level() < CRITICAL", "!changed()", "\"host\" == 'b'", "duration() > 1m"])
def test_what_it_does_not(text: str) -> None:
    assert Match(text)(event(), NOON) is False


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\"nosuch\" == 'a'", 'left reference value "nosuch" is missing value'),
        ("level() == 'a'", "mismatched type to binary operator. got int == string."),
        ("level()", "expression returned unexpected type int, expected boolean"),
        ("changed(1)", 'undefined function: "changed"'),
        ("nosuch()", 'undefined function: "nosuch"'),
    ],
)
def test_what_cannot_be_evaluated(text: str, reason: str) -> None:
    match = Match(text)
    for _ in range(2):
        with pytest.raises(NoMatch) as caught:
            match(event(), NOON)
        assert str(caught.value).startswith(reason)


def test_types_may_differ_from_event_to_event() -> None:
    match = Match('isPresent("v") AND string("v") == \'2\'')
    for value, found in ((2.0, True), (2, True), ("2", True), (3, False), (None, False)):
        assert match(event(fields={"v": value}), NOON) is found


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("level() ==", "invalid match expression: parser: unexpected EOF"),
        (" ", "invalid match expression: parser: unexpected EOF"),
        ("lambda: TRUE", "invalid match expression: parser: unexpected lambda"),
        ("level() == BAD", 'unknown identifier "BAD"'),
        ("1 == 'a'", "invalid match expression: mismatched type"),
        ("count() > 3", "invalid match expression: count() remembers earlier points"),
        ("(" * 5000 + "TRUE" + ")" * 5000, "invalid match expression: "),
        ("!" * 5000 + "TRUE", "invalid match expression: "),
    ],
)
def test_what_is_no_match(text: str, error: str) -> None:
    with pytest.raises(ValueError) as caught:
        Match(text)
    assert str(caught.value).startswith(error)


def test_no_match_is_none() -> None:
    assert match_of("") is None
