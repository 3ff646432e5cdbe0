"""When a group is told, in the terms of Alertmanager, and what is remembered of that."""

from __future__ import annotations

import pytest

from services.alerting.grouping import digest
from services.alerting.grouping.group import Group, Times, read_told, told_text
from services.alerting.topics.alert_event import AlertEvent
from tests.unit.services.alerting.handlers.test_handlers import event

TIMES = Times(wait=30, interval=300, repeat=3600)


def firing(*ids: str, level: int = 3) -> dict[str, AlertEvent]:
    return {id: event(id=id, level=level) for id in ids}


def test_first_after_wait_then_after_interval_then_again() -> None:
    group = Group("g", {})
    assert group.due(TIMES, 0) is None and group.over
    group.firing = firing("a")
    assert group.due(TIMES, 100) == group.due(TIMES, 120) == 130
    group.tell(130)
    assert group.due(TIMES, 131) == 130 + 3600
    group.firing = firing("a", "b")
    assert group.due(TIMES, 200) == 430
    assert group.due(TIMES, 1000) == 430
    group.tell(1000)
    group.firing = firing("b")
    assert group.resolved() == ["a"] and group.due(TIMES, 1001) == 1300
    group.firing = {}
    assert group.resolved() == ["a", "b"] and group.due(TIMES, 1002) == 1300 and not group.over
    group.tell(1300)
    assert group.due(TIMES, 1301) is None and group.over
    group.firing = firing("a")
    assert group.due(TIMES, 5000) == 5030


def test_a_level_is_a_change_and_what_passes_meanwhile_is_none() -> None:
    group = Group("g", {}, firing=firing("a", level=2))
    group.tell(0)
    group.firing = firing("a", level=3)
    assert group.due(TIMES, 1000) == 1000
    group.firing = firing("a", level=2)
    assert group.due(TIMES, 1001) == 3600
    assert group.due(Times(0, 0, 0), 1001) is None


@pytest.mark.parametrize("levels", [{}, {"a": 1}, {"b\n": 3, 'a"': 0}])
def test_what_was_told_leads_back(levels: dict[str, int]) -> None:
    assert read_told(told_text(levels)) == levels


@pytest.mark.parametrize("text", ["", "3", "{", '{"a": 3}', '{"a": "BAD"}', None, 3])
def test_what_is_no_such_text(text: object) -> None:
    assert read_told(text) == {}


def test_what_templates_see() -> None:
    group = Group("cpu/dc=eu", {"dc": "eu"}, firing={**firing("b"), **firing("a", level=2)}, told={"c": 3})
    text = (
        "{{ .Group.dc }} {{ .Topic }} {{ .Level }} {{ range .Firing }}{{ .ID }}={{ .Level }} {{ end }}{{ .Resolved }}"
    )
    found = digest.digest(group, "cpu", "out", text, digest.DETAILS, 7)
    assert found.message == "eu cpu CRITICAL b=CRITICAL a=WARNING [c]"
    assert found.given_details is not None and found.given_details.endswith("c is OK\n")
    assert (found.id, found.level, found.time, found.tags) == ("cpu/dc=eu", 3, 7, {"dc": "eu"})
    assert found.fields == {"firing": 2, "resolved": 1, "alerts": '{"a":"WARNING","b":"CRITICAL"}'}
    assert found.rows is not None and len(found.rows) == 2
    default = digest.digest(group, "cpu", "out", digest.MESSAGE, digest.DETAILS, 7)
    assert default.message == "cpu/dc=eu is CRITICAL: 2 firing, 1 resolved"


@pytest.mark.parametrize("message", ["{{", "{{ .None }}", "{{ index .Firing 3 }}"])
def test_what_is_no_template(message: str) -> None:
    with pytest.raises(ValueError):
        digest.check(message, "")


def test_a_clock_that_is_set_back_keeps_it_waiting_no_longer() -> None:
    group = Group("g", {}, firing("a"))
    group.due(TIMES, 10_000)
    group.tell(10_030)
    group.firing = firing("a", "b")
    assert group.due(TIMES, 1_000) == 1_300
