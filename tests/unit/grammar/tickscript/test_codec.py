import time

import pytest

from grammar.tickscript.ast import Node, Script, walk
from grammar.tickscript.codec import dump, load
from grammar.tickscript.parser import parse

SCRIPT = """dbrp "telegraf"."autogen"
// Which measurement to watch
var measurement = 'cpu'
var groups = ['host', *]
var limit float
var warn = lambda: ("mean" > 70.0 AND -limit < 017) OR "host" =~ /^web/
var data = stream
    // from the log
    |from()
        .measurement(measurement)
        .groupBy(groups)
    |window()
        .period(10m)
        .align()
    @udf()
        .flag
    |alert()
        .warn(warn)
        .message('''it's {{ .Level }}''')
// the end
"""


def places(script: Script) -> list[tuple[type[Node], object]]:
    return [(type(node), (node.position, node.comment)) for node in walk(script)]


def test_what_was_dumped_is_loaded_with_places_and_comments() -> None:
    script = parse(SCRIPT)
    loaded = load(dump(script))
    assert loaded == script
    assert places(loaded) == places(script)
    assert loaded.trailing == ("the end",)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: data[:4] + b"\xff" + data[5:],
        lambda data: b"LMDB" + data[4:],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    ],
    ids=["empty", "cut", "longer", "other version", "other magic", "flipped bit"],
)
def test_anything_foreign_is_refused(damage) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="not a TICKscript tree"):
        load(damage(dump(parse(SCRIPT))))


def test_loading_is_much_faster_than_parsing() -> None:
    data = dump(parse(SCRIPT))
    parsing = min(_seconds(lambda: parse(SCRIPT)) for _ in range(5))
    loading = min(_seconds(lambda: load(data)) for _ in range(5))
    assert loading < parsing / 5


def _seconds(work) -> float:  # type: ignore[no-untyped-def]
    start = time.process_time()
    for _ in range(5):
        work()
    return time.process_time() - start
