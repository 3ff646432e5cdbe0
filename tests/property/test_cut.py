"""Whatever valid body is cut, the pieces are valid bodies with the same lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.http.writing.cut import LineTooLong, cut
from services.lineprotocol.validate import check

words = st.text('abc\\=, "#é', min_size=0, max_size=6).map(lambda text: "w" + text.replace("\\", "\\\\"))
names = words.map(lambda text: "".join("\\" + c if c in ", =" else c for c in text))
strings = st.text('ab\n"\\=, #', max_size=12).map(lambda s: '"' + s.replace("\\", "\\\\").replace('"', '\\"') + '"')
values = st.one_of(strings, st.sampled_from(["1", "2.5", "3i", "true"]))
fields = st.lists(st.tuples(names, values).map("=".join), min_size=1, max_size=3).map(",".join)
tags = st.lists(st.tuples(names, names).map("=".join), max_size=2).map(lambda some: "".join("," + t for t in some))
points = st.tuples(names, tags, fields, st.sampled_from(["", " 5"])).map(lambda p: f"{p[0]}{p[1]} {p[2]}{p[3]}")
lines = st.one_of(points, points, st.sampled_from(["", "# a remark", '# a "remark'])).map(str.encode)


@given(st.lists(lines, max_size=12).map(b"\n".join), st.integers(8, 120))
def test_pieces_are_whole_lines(body: bytes, limit: int) -> None:
    if check(body, "n") is not None:
        return
    try:
        pieces = cut(body, limit)
    except LineTooLong:
        return
    assert b"".join(pieces) == body
    assert all(0 < len(piece) <= limit for piece in pieces) or pieces == [b""] or not body
    assert all(check(piece, "n") is None for piece in pieces)
