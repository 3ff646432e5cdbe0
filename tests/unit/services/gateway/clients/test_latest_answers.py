"""Whoever is slow once is shown as it was, for as long as it is there."""

from __future__ import annotations

from services.gateway.clients.latest_answers import LatestAnswers


def test_what_was_told_last_is_shown_until_its_sender_has_gone() -> None:
    latest = LatestAnswers("id")
    latest.update([{"id": "b", "n": 1}, {"id": "a", "n": 1}], lambda id: True)
    latest.update([{"id": "b", "n": 2}], lambda id: True)
    (a, age_a), (b, age_b) = latest
    assert (a["n"], b["n"]) == (1, 2) and age_a > age_b >= 0
    latest.update([], lambda id: id == "b")
    assert [one["id"] for one, _ in latest] == ["b"]
