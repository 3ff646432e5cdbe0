"""kapacitorLoopback: what is written where, by what identity, and how a loop ends."""

from __future__ import annotations

import pytest

from grammar.tickscript.ast import TickscriptError
from services.runtime.effects import Write
from services.runtime.errors import TaskFailed
from tests.support.graph import ScriptRun

TARGET = "kapacitorLoopback().database('far').retentionPolicy('keep')"


def writes(run: ScriptRun) -> list[Write]:
    return [effect for effect in run.effects if isinstance(effect, Write)]


def test_each_point_of_a_batch_is_written_with_its_own_tags_and_time() -> None:
    script = f"stream|from().groupBy('host')|window().periodCount(2).everyCount(2)|{TARGET}.tag('via', 'loop')"
    run = ScriptRun(script, precision="s")
    run.write("m,host=a,cpu=0 v=1i 10\nm,host=a,cpu=1 v=2i 11", "m,host=b v=3i 12", "m,host=a v=4i 13")
    [write] = writes(run)
    assert (write.database, write.retention_policy) == ("far", "keep")
    assert write.lines == b"m,cpu=0,host=a,via=loop v=1i 10000000000\nm,cpu=1,host=a,via=loop v=2i 11000000000\n"
    assert run.counts()["kapacitor_loopback3"]["points_written"] == 2


def test_measurement_and_tags_are_set_over_the_points_own() -> None:
    run = ScriptRun(f"stream|from()|{TARGET}.measurement('n').tag('host', 'z')")
    run.write("m,host=a v=1,w=2i 5")
    assert writes(run)[0].lines == b"n,host=z v=1,w=2i 5\n"
    window = ScriptRun(f"stream|from()|window().periodCount(1).everyCount(1)|{TARGET}.measurement('n')")
    window.write("m,host=a v=1 5")
    assert writes(window)[0].lines == b"n,host=a v=1 5\n"


def test_a_message_of_the_log_causes_messages_of_one_size_and_identity_however_it_is_cut() -> None:
    script = f"stream|from()|{TARGET}"
    long = "\n".join(f'm v="{"x" * 1000}" {i}' for i in range(100))
    together, apart = ScriptRun(script), ScriptRun(script)
    together.write("m v=1 1", long, "m v=2 2")
    apart.write("m v=1 1").write(long, "m v=2 2")
    found = [(w.message_id, w.lines) for w in writes(together)]
    assert found == [(w.message_id, w.lines) for w in writes(apart)]
    assert [identity for identity, _ in found] == [
        f"t/kapacitor_loopback2/{n}" for n in ("1/0", "2/0", "2/1", "2/2", "3/0")
    ]
    assert b"".join(lines for _, lines in found[1:4]).decode() == long + "\n"
    assert max(len(lines) for _, lines in found) <= 48 << 10


def test_points_that_cannot_be_written_are_errors() -> None:
    run = ScriptRun(f"""stream|from()|eval(lambda: "v" / 0.0).as('q')|{TARGET}""").write("m v=1 1")
    assert not writes(run)
    assert run.counts()["kapacitor_loopback3"]["errors"] == 1
    assert run.reasons == ["a point without fields cannot be written"]


def test_a_loop_ends() -> None:
    run = ScriptRun(f"stream|from()|{TARGET}")
    run.write("m v=1 1").write("m v=1 1", loopbacks=7).write("m v=1 1", loopbacks=8).write("m v=1 1")
    assert [w.loopbacks for w in writes(run)] == [1, 8, 1]
    assert run.counts()["kapacitor_loopback2"]["errors"] == 1
    assert run.reasons[0].startswith("loop detected")


def test_a_task_cannot_write_to_what_it_reads() -> None:
    with pytest.raises(TaskFailed, match=r'^loop detected on dbrp: "db"\."rp"$'):
        ScriptRun("stream|from()|kapacitorLoopback().database('db').retentionPolicy('rp')")


@pytest.mark.parametrize(
    ("properties", "error"),
    [(".retentionPolicy('q')", "must specify a database"), (".database('q')", "must specify a retention policy")],
)
def test_where_to_has_to_be_said(properties: str, error: str) -> None:
    with pytest.raises(TickscriptError, match=error):
        ScriptRun(f"stream|from()|kapacitorLoopback(){properties}")


def test_nothing_hangs_on_it() -> None:
    with pytest.raises(TickscriptError, match=r"no method or property \"httpOut\" on \*pipeline.KapacitorLoopbackNode"):
        ScriptRun(f"stream|from()|{TARGET}|httpOut('x')")
