"""Files of batches as Kapacitor and people write them."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from services.recorder.record import brpl
from services.recorder.record.srpl import BadFile

_ONE = {
    "name": "a",
    "tags": {"host": "{x"},
    "points": [{"fields": {"v": 1.5, 't"}{': "}\\"}, "time": "2016-01-01T00:00:00Z"}],
}
_TWO = {"name": "b", "points": [{"fields": {"v": 2}, "time": "2016-01-01T00:00:05Z"}]}


def _file(*texts: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number, text in enumerate(texts):
            archive.writestr(str(number), text)
    return made.getvalue()


def _names(data: bytes) -> list[tuple[int, list[str]]]:
    return [(part.seq, [batch.name for batch in part.batches]) for part in brpl.read(data, 1 << 20, 1 << 30)]


def test_the_first_file_is_the_last_query_node() -> None:
    """Kapacitor records `a`, `b`, `c` of a script as the files 0 of c, 1 of b and 2 of a."""
    a, b, c = (json.dumps({**_TWO, "name": name}) for name in "abc")
    assert _names(_file(c, b, a)) == [(0, ["a"]), (1, ["b"]), (2, ["c"])]


@pytest.mark.parametrize(
    "text",
    [
        f"{json.dumps(_ONE)}\n{json.dumps(_TWO)}\n",
        f"{json.dumps(_ONE, indent=4)}\n{json.dumps(_TWO, indent=1)}",
        f"\n  {json.dumps(_ONE)} {json.dumps(_TWO)}\n\n",
        f"{json.dumps(_ONE, indent=4)}{json.dumps(_TWO, indent=1)}\n",
        f"{json.dumps(_ONE)}\n{json.dumps(_TWO, indent=1)}\n",
    ],
)
def test_objects_may_lie_over_lines(text: str) -> None:
    (part,) = brpl.read(_file(text), 1 << 20, 1 << 30)
    assert [batch.name for batch in part.batches] == ["a", "b"]
    first = part.batches[0]
    assert first.tags == (("host", "{x"),)
    assert {name: column.tolist() for name, column in first.fields.items()} == {"v": [1.5], 't"}{': ["}\\"]}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (json.dumps(_TWO) + "\n" + json.dumps(_TWO, indent=1)[:-1], "line 2 of 0: "),
        (json.dumps(_TWO, indent=1) + "\nno JSON", "line 12 of 0: "),
        (json.dumps(_TWO) + "}", "line 1 of 0: "),
        ('{"name":\n"a", "points": [{"fields": {"v": NaN}, "time": "2016-01-01T00:00:00Z"}]}', "line 1 of 0: "),
    ],
)
def test_what_is_none_is_told_with_its_line(text: str, error: str) -> None:
    with pytest.raises(BadFile, match=error):
        list(brpl.read(_file(text), 1 << 20, 1 << 30))


def test_what_unpacks_to_too_much_is_refused() -> None:
    line = b'{"name":"m","points":[{"fields":{"v":1},"time":"2020-01-01T00:00:00Z"}]}\n'
    data = _file((line * 100).decode())
    assert len([batch for part in brpl.read(data, 1 << 20, 100 * len(line)) for batch in part.batches]) == 100
    with pytest.raises(BadFile, match="it unpacks to more than the max-import"):
        list(brpl.read(data, 1 << 20, 100 * len(line) - 1))


def test_a_batch_has_a_bound_and_so_has_its_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadFile, match="line 1 of 0: nested too deeply"):
        list(brpl.read(_file('{"a":' * 100_000 + "1" + "}" * 100_000), 1 << 20, 1 << 30))
    monkeypatch.setattr(brpl, "_MOST_BYTES", 100)
    for text in ("x" * 101, '{\n"a": "' + "x" * 100 + '"\n}'):
        with pytest.raises(BadFile, match="line 1 of 0: longer than 100 bytes"):
            list(brpl.read(_file(text), 1 << 20, 1 << 30))
