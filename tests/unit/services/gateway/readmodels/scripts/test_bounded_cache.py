"""What was made last is kept, as far as there is room."""

from __future__ import annotations

from services.gateway.readmodels.scripts.bounded_cache import BoundedCache


def test_those_not_asked_for_the_longest_go_first() -> None:
    made: list[str] = []
    kept: BoundedCache[str, str] = BoundedCache(30)

    def get(key: str) -> str:
        def make() -> str:
            made.append(key)
            return key * 10

        return kept.get(key, make, len)

    for key in "abcab":
        assert get(key) == key * 10
    assert made == ["a", "b", "c"]
    get("d")
    assert len(kept) == 3
    for key in "abd":
        get(key)
    assert made == ["a", "b", "c", "d"]
    get("c")
    assert made[-1] == "c"
    assert [key in kept for key in "abcd"] == [False, True, True, True]


def test_one_alone_may_be_larger() -> None:
    kept: BoundedCache[int, str] = BoundedCache(10)
    assert kept.get(1, lambda: "x" * 100, len) == kept.get(1, lambda: "y", len)
    kept.get(2, lambda: "x" * 100, len)
    assert len(kept) == 1
