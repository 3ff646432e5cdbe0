"""What would have been done, as lines: of every kind there is."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.api.effect import KINDS
from services.cli.output.effects import effect_line

AT = {"time": "2023-11-14T22:13:20Z", "node": "n1"}
ALERT = {"kind": "alert", **AT, "id": "a", "message": "it is bad", "level": "CRITICAL", "previousLevel": "OK"}
WRITTEN = {"database": "d", "retention-policy": "r", "lines": ["m v=1 1", "m v=2 2"]}
SHOWN: list[tuple[dict[str, Any], str]] = [
    (ALERT, "CRITICAL (was OK) a: it is bad"),
    ({**ALERT, "previousLevel": "CRITICAL"}, "CRITICAL a: it is bad"),
    ({"kind": "inhibition", **AT, "category": "c", "tags": {"h": "a"}, "on": True}, "c h=a begins"),
    ({"kind": "inhibition", **AT, "category": "c", "tags": {"h": "a"}, "on": False}, "c h=a ends"),
    ({"kind": "post", **AT, "url": "http://h", "headers": {}, "body": {"x": "ä"}}, 'http://h {"x":"ä"}'),
    ({"kind": "post", **AT, "url": "http://h", "headers": {}, "body": "text"}, "http://h text"),
    ({"kind": "influxdb", **AT, "cluster": "", "precision": "s", **WRITTEN}, "d.r m v=1 1; m v=2 2"),
    ({"kind": "influxdb", **AT, "cluster": "", "command": "CREATE DATABASE d"}, "CREATE DATABASE d"),
    ({"kind": "loopback", **AT, **WRITTEN}, "d.r m v=1 1; m v=2 2"),
    (
        {"kind": "log", **AT, "level": "INFO", "prefix": "p", "point": "m", "tags": {"h": "a"}, "fields": {"v": 1}},
        'INFO p m h=a {"v":1}',
    ),
    ({"kind": "log", **AT, "level": "WARN", "prefix": "", "batch": "m", "tags": {}, "points": []}, "WARN m []"),
    ({"kind": "scale", **AT, "resource": "web", "old": 1, "new": 3}, "web from 1 to 3"),
]


@pytest.mark.parametrize(("effect", "text"), SHOWN)
def test_what_is_done_at_a_time(effect: dict[str, Any], text: str) -> None:
    assert effect_line(effect) == f"{'2023-11-14T22:13:20Z':30} {effect['kind']:10} {'n1':16} {text}"


@pytest.mark.parametrize(
    "effect", [{"kind": "failure", "error": "why"}, {"kind": "error", "node": "n1", "error": "why"}]
)
def test_what_has_no_time(effect: dict[str, Any]) -> None:
    assert effect_line(effect).split() == [effect["kind"], *([effect["node"]] if "node" in effect else []), "why"]


def test_every_kind_is_tried_here_and_one_of_a_later_version_is_shown() -> None:
    assert {effect["kind"] for effect, _ in SHOWN} | {"failure", "error"} == set(KINDS)
    assert effect_line({"kind": "new", **AT, "what": 1}).endswith('n1               {"what":1}')
