"""What alerts come to: counted by id and level, with how long each lasted and which ids flap."""

from __future__ import annotations

from services.dryrun.backtesting.raised import RaisedEvent
from services.dryrun.backtesting.verdicts import Verdicts

SECOND = 10**9
T0 = 1_700_000_000 * SECOND
OK, WARNING, CRITICAL = 0, 2, 3


def event(second: int, level: int, id: str = "a") -> RaisedEvent:
    return RaisedEvent("alert2", id, level, T0 + second * SECOND, 0, f"{id} at {second}", (second, 0, 0))


def test_events_are_counted_by_id_and_level_and_levels_last_until_the_next_event() -> None:
    verdicts = Verdicts(T0, T0 + 100 * SECOND)
    previous = [
        verdicts.take("alert2", event(*given))
        for given in ((10, CRITICAL), (20, CRITICAL), (30, OK), (40, WARNING, "b"), (60, OK))
    ]
    assert previous == [OK, CRITICAL, CRITICAL, OK, OK]
    summary = verdicts.summary()
    assert summary["alerts"] == 5
    assert summary["levels"] == {"OK": 2, "INFO": 0, "WARNING": 1, "CRITICAL": 2}
    assert summary["transitions"] == {"OK to WARNING": 1, "OK to CRITICAL": 1, "CRITICAL to OK": 1}
    one, other = summary["by-id"]
    assert one == {
        "topic": "alert2",
        "id": "a",
        "events": {"OK": 2, "CRITICAL": 2},
        "changes": 2,
        "changes-per-hour": 72.0,
        "share-of-changes": 0.5,
        "lasted": {"CRITICAL": 20 * SECOND},
        "first": "2023-11-14T22:13:30Z",
        "last": "2023-11-14T22:14:20Z",
        "level": "OK",
    }
    assert other["id"] == "b" and other["lasted"] == {"WARNING": 60 * SECOND} and other["level"] == "WARNING"


def test_what_came_before_says_how_ids_stood_and_counts_for_nothing_else() -> None:
    verdicts = Verdicts(T0 + 50 * SECOND, T0 + 100 * SECOND)
    verdicts.before("alert2", event(10, CRITICAL))
    assert verdicts.take("alert2", event(70, OK)) == CRITICAL
    summary = verdicts.summary()
    assert summary["alerts"] == 1 and summary["transitions"] == {"CRITICAL to OK": 1}
    assert summary["by-id"][0]["lasted"] == {"CRITICAL": 20 * SECOND}


def test_ids_that_change_often_flap_and_one_alert_with_its_recovery_does_not() -> None:
    verdicts = Verdicts(T0, T0 + 3600 * SECOND)
    for second in range(0, 60, 10):
        verdicts.take("t", event(second, CRITICAL if second % 20 else OK, "restless"))
    for second, level in ((0, CRITICAL), (5, OK)):
        verdicts.take("t", event(second, level, "quiet"))
    assert [(one["id"], one["changes"]) for one in verdicts.summary()["flapping"]] == [("restless", 5)]


def test_an_id_of_two_topics_is_two_alerts() -> None:
    verdicts = Verdicts(T0, T0 + SECOND)
    verdicts.take("one", event(0, CRITICAL))
    assert verdicts.take("other", event(0, CRITICAL)) == OK
    assert verdicts.summary()["ids"] == 2


def test_the_summary_shows_the_first_and_the_last_events_and_the_first_hundred_ids() -> None:
    verdicts = Verdicts(T0, T0 + 1000 * SECOND)
    for number in range(150):
        verdicts.take("t", event(number, CRITICAL, f"id{number}"))
    summary = verdicts.summary()
    assert [one["id"] for one in summary["first"]] == [f"id{number}" for number in range(10)]
    assert [one["id"] for one in summary["last"]] == [f"id{number}" for number in range(140, 150)]
    assert summary["ids"] == 150 and len(summary["by-id"]) == 100
    assert len(list(verdicts.by_id())) == 150
