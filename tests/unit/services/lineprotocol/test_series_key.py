from __future__ import annotations

import pytest

from services.lineprotocol.series_key import Tags, parse_key


@pytest.mark.parametrize(
    ("raw", "name", "tags"),
    [
        (b"cpu", "cpu", ()),
        (b"cpu,host=a,cpu=b", "cpu", (("cpu", "b"), ("host", "a"))),
        (b'a\\ b\\,c\\=d\\"e\\f,k\\ 1=v\\,2\\=3', 'a b,c=d"e\\f', (("k 1", "v,2=3"),)),
        (b"m,t==x", "m", (("t", "=x"),)),
        (b'm,t=\\"x\\"', "m", (("t", '\\"x\\"'),)),
        ("µ,°=ß".encode(), "µ", (("°", "ß"),)),
        (b"m\xff,t=\xed\xa0\x80", "m\ufffd", (("t", "\ufffd\ufffd\ufffd"),)),
        (b"m,t,u=,=,,v=1", "m", (("v", "1"),)),
        (b"m,t=1,t=2", "m", (("t", "2"),)),
        (b"m,b=1,a=2,=3", "m", (("", "3"), ("a", "2"), ("b", "1"))),
        (b"", "", ()),
    ],
)
def test_a_key_is_taken_apart_as_the_reference_does(raw: bytes, name: str, tags: tuple[tuple[str, str], ...]) -> None:
    known = Tags()
    assert parse_key(raw) == known.parse_key(raw) == known.parse_key(raw) == (name, tags)


def test_equal_tags_of_keys_are_one_object() -> None:
    known = Tags()
    _, first = known.parse_key(b"cpu,cpu=cpu0,host=a")
    _, second = known.parse_key(b"mem,host=a")
    assert second[0] is first[1]
