"""Places of a text, in the units that the client counts."""

from __future__ import annotations

import pytest

from services.language_server.text import Text

TEXT = "aé𝄞b\r\n𝄞\rc\n"


@pytest.mark.parametrize(
    ("encoding", "places"),
    [
        (
            "utf-16",
            {0: (0, 0), 2: (0, 2), 3: (0, 4), 4: (0, 5), 6: (1, 0), 7: (1, 2), 8: (2, 0), 9: (2, 1), 10: (3, 0)},
        ),
        ("utf-8", {0: (0, 0), 2: (0, 3), 3: (0, 7), 4: (0, 8), 6: (1, 0), 7: (1, 4), 8: (2, 0), 10: (3, 0)}),
        ("utf-32", {0: (0, 0), 2: (0, 2), 3: (0, 3), 4: (0, 4), 6: (1, 0), 7: (1, 1), 8: (2, 0), 10: (3, 0)}),
    ],
)
def test_offsets_have_places_and_places_offsets(encoding: str, places: dict[int, tuple[int, int]]) -> None:
    text = Text(TEXT, encoding)
    assert {offset: text.place(offset) for offset in places} == places
    assert {offset: text.offset(place) for offset, place in places.items()} == {offset: offset for offset in places}


def test_a_place_that_is_not_in_the_text_is_the_nearest_before_it() -> None:
    text = Text(TEXT)
    assert text.offset((0, 3)) == 2  # within a character
    assert text.offset((0, 99)) == 4
    assert text.offset((9, 0)) == len(TEXT)
    assert text.place(5) == (0, 5)  # between carriage return and line feed


def test_an_empty_text_has_one_place() -> None:
    assert Text("").place(0) == (0, 0)
    assert Text("").offset((0, 0)) == Text("").offset((1, 7)) == 0


def test_half_a_character_is_none() -> None:
    assert Text("a\ud834b").value == "a\ufffdb"
