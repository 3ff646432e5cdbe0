"""What is noted of deliveries: how much of it, and without secrets."""

from __future__ import annotations

from dataclasses import replace

from services.alerting.delivery.notices import notice_handler
from services.alerting.delivery.outcomes import GIVEN_UP, RETRYING, SENT, Outcomes
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.topics.runs import BoundHandler
from services.process import log
from tests.unit.services.alerting.handlers.test_handlers import event

SLACK = BoundHandler("handler/1/cpu", "cpu", "slack", {}, id="chat")


def of(id: str, number: int = 0) -> AlertEvent:
    return replace(event(), topic="cpu", id=id, place=(7, number))


def test_the_last_of_an_alert_are_known_newest_first() -> None:
    outcomes = Outcomes()
    for number in range(25):
        outcomes.note(SLACK, of("a", number), SENT, 1, 0.001)
    found = outcomes.of("cpu", "a")
    assert [one.place[1] for one in found] == list(range(24, 4, -1))
    assert (found[0].id, found[0].kind, found[0].took) == ("chat", "slack", 1_000_000)
    assert outcomes.of("cpu", "b") == [] == outcomes.of("mem", "a")


def test_an_event_that_is_tried_again_is_noted_once() -> None:
    outcomes = Outcomes()
    noted = outcomes.note(SLACK, of("a"), RETRYING, 1, 0.1, "refused")
    outcomes.note(SLACK, of("a", 1), SENT, 1, 0.1)
    outcomes.note(SLACK, of("a"), GIVEN_UP, 4, 0.2, "x" * 1000, noted)
    first, second = outcomes.of("cpu", "a")
    assert (first.place, first.what, first.attempts, len(first.error)) == ((7, 0), GIVEN_UP, 4, 300)
    assert (second.place, second.what, second.error) == ((7, 1), SENT, "")


def test_those_of_alerts_that_had_none_for_longest_go_first() -> None:
    outcomes = Outcomes(alerts=3, in_all=6)
    for id in ("a", "b", "c", "a", "d"):
        outcomes.note(SLACK, of(id), SENT, 1, 0.1)
    assert [len(outcomes.of("cpu", id)) for id in "abcd"] == [2, 0, 1, 1]
    for _ in range(4):
        outcomes.note(SLACK, of("d"), SENT, 1, 0.1)
    assert [len(outcomes.of("cpu", id)) for id in "abcd"] == [0, 0, 0, 5]


def test_secrets_are_hidden_and_notices_are_left_out() -> None:
    outcomes = Outcomes()
    log.hide("outcomes", ["hunter22"])
    try:
        outcomes.note(SLACK, of("a"), RETRYING, 1, 0.1, "http://me:pass@host/hunter22: no")
    finally:
        log.hide("outcomes", [])
    outcomes.note(notice_handler("cpu"), of("a"), SENT, 1, 0.1)
    (one,) = outcomes.of("cpu", "a")
    assert "pass" not in one.error and "hunter22" not in one.error and one.error.startswith("http://me:")
