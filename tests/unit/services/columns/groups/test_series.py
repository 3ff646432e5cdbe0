"""Series and groups by number: what repeats is kept once."""

from __future__ import annotations

from services.columns.groups.series import Dimensions, Group, Series, SeriesTable


def test_series_share_the_texts_and_tags_that_repeat() -> None:
    table = SeriesTable()
    a, b = (table.series(table.number(_series(host))) for host in ("a", "b"))
    assert a == _series("a") and b == _series("b")
    assert a.name is b.name and a.database is b.database
    assert a.tags[0] is b.tags[0]
    assert a.tags[1][0] is b.tags[1][0]


def test_a_group_is_made_of_the_tags_of_its_series() -> None:
    table = SeriesTable()
    series = table.series(table.number(_series("a")))
    for dimensions in (Dimensions(("host", "rack")), Dimensions(star=True, exclude=("cpu",))):
        group = table.group(int(table.groups_of(dimensions)[0]))
        assert next(tag for tag in group.tags if tag[0] == "host") is series.tags[1]


def test_a_tag_that_a_series_has_not_is_empty_in_its_group() -> None:
    table = SeriesTable()
    table.number(_series("a"))
    group = table.group(int(table.groups_of(Dimensions(("host", "rack")))[0]))
    assert group == Group((("host", "a"), ("rack", "")))


def test_groups_are_the_same_however_their_tags_are_written() -> None:
    table = SeriesTable()
    number = table.number_of("database", "autogen", "usage", (("cpu", "cpu0"), ("host", "a")))
    assert number == table.number(_series("a")) and table.number(_series("b")) != number
    groups = [int(table.groups_of(Dimensions(tags, True))[number]) for tags in (("host",), ("cpu", "host"), ("rack",))]
    assert [table.group(n) for n in groups] == [
        Group((("host", "a"),), "usage", True),
        Group((("cpu", "cpu0"), ("host", "a")), "usage", True),
        Group((("rack", ""),), "usage", True),
    ]
    assert groups == [table.group_number(table.group(n)) for n in groups]


def _series(host: str) -> Series:
    """One of which no text is that of another series, however equal."""

    def own(text: str) -> str:
        return "".join(list(text))

    return Series(own("database"), own("autogen"), own("usage"), ((own("cpu"), own("cpu0")), (own("host"), own(host))))
