"""@name(): what comes out of a graph with functions in it, and what is told of functions that fail. Real processes."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.config import UdfFunction
from services.nodes.udf_host import connection
from services.nodes.udf_host.functions import ask
from services.pipeline.functions import FunctionSpec
from services.runtime.errors import TaskFailed
from tests.support.examples import examples
from tests.support.graph import Batch, Point, ScriptRun, plain_effects
from tests.support.udf import function
from tests.support.udf_examples.echo import Echo
from tests.support.udf_examples.moving_average import MovingAverage
from tickbus.udf import Agent, Server

FROM = "stream|from().measurement('m').groupBy('h')"
WINDOW = f"{FROM}|window().periodCount(2).everyCount(2)"


def echo() -> FunctionSpec:
    return function("echo", "echo")


def average() -> FunctionSpec:
    return function("average", "moving_average")


def bad(*arguments: str, timeout: float = 10.0) -> FunctionSpec:
    return function("bad", "misbehaving", *arguments, timeout=timeout)


def sums(run: ScriptRun, name: str = "bad2") -> list[float]:
    return [p.fields["sum"] for p in run.out[name] if isinstance(p, Point)]


def test_a_point_comes_back_as_it_went() -> None:
    run = ScriptRun(f"{FROM}@echo().add('x', 0.5).add('y', 1.5)", functions=[echo()])
    run.write('m,h=a,k=é v=1,s="x",i=3i,b=true 10', "m v=2 -20").settle().close()
    assert run.out["echo2"] == [
        Point(
            "m", "h=a", {"h": "a", "k": "é"}, 10, {"b": True, "i": 3, "s": "x", "v": 1.0, "x": 0.5, "y": 1.5}, (1, 0)
        ),
        Point("m", "h=", {}, -20, {"v": 2.0, "x": 0.5, "y": 1.5}, (2, 0)),
    ]
    assert run.counts()["echo2"] == {"collected": 2, "emitted": 0, "errors": 0, "working_cardinality": 0}


def test_groups_stay_what_they_were() -> None:
    run = ScriptRun("stream|from().groupBy(*)@echo()|window().periodCount(1).everyCount(1)", functions=[echo()])
    run.write("m,h=a v=1 1", "m,k=b v=2 2", "n v=2 3").settle().close()
    assert [b.group for b in run.out["window3"]] == ["h=a", "k=b", ""]


def test_a_batch_comes_back_as_it_went() -> None:
    both = function("both", "echo", "batch")
    run = ScriptRun(f"{WINDOW}@both().add('x', 0.5)|count('v')", functions=[both])
    run.write("m,h=a,k=y v=1 1", "m,h=b v=2 2", "m,h=a v=3 3", "m,h=b v=4 4").settle().close()
    want = [
        Batch("m", "h=a", {"h": "a"}, 3, [({"h": "a", "k": "y"}, 1, {"v": 1.0}), ({"h": "a"}, 3, {"v": 3.0})], (3, 0)),
        Batch("m", "h=b", {"h": "b"}, 4, [({"h": "b"}, 2, {"v": 2.0}), ({"h": "b"}, 4, {"v": 4.0})], (4, 0)),
    ]
    assert run.out["window2"] == want
    for batch in want:
        assert isinstance(batch, Batch)
        for _, _, fields in batch.points:
            fields["x"] = 0.5
    assert run.out["both3"] == want
    assert [p.fields["count"] for p in run.out["count4"]] == [2, 2]


def test_streams_to_batches_and_batches_to_streams() -> None:
    out = bad("batch")
    run = ScriptRun(f"{FROM}@bad()|count('sum')", functions=[out])
    run.write("m,h=a v=1 1", "m,h=b v=2 2").settle().close()
    assert [(b.group, b.time, b.points) for b in run.out["bad2"] if isinstance(b, Batch)] == [
        ("h=a", 1, [({"h": "a"}, 1, {"sum": 1.0})]),
        ("h=b", 2, [({"h": "b"}, 2, {"sum": 2.0})]),
    ]
    mismatched = ScriptRun(f"{WINDOW}@echo()", functions=[echo()]).run.graph
    assert mismatched.mismatch() == "cannot add child mismatched edges: window2:batch -> echo3:stream"


@pytest.fixture(scope="module")
def in_threads(tmp_path_factory: pytest.TempPathFactory) -> list[FunctionSpec]:
    """echo and average over sockets, served by threads of this process: processes would take long for so many runs."""
    found = []
    for name, handler in (("echo", Echo), ("average", MovingAverage)):
        path = str(tmp_path_factory.mktemp("udf") / name)
        threading.Thread(target=Server(path, handler).serve, daemon=True).start()
        found.append(ask(name, UdfFunction(socket=path)))
    return found


@examples(20)
@given(st.data())
def test_neither_cuts_nor_restarts_show(in_threads: list[FunctionSpec], data: st.DataObject) -> None:
    """Below a function that has a state: alerts, a union with the straight way, a second function."""
    script = f"""
        var f = {FROM}
        var a = f@average().field('v').size(3).as('v')
        a@echo()|union(f)|alert().crit(lambda: "v" > 2.0).stateChangesOnly().topic('t')|httpOut('end')
        a|window().periodCount(2).everyCount(2)|sum('v')|httpOut('sums')
    """
    draw = data.draw
    hosts = draw(st.lists(st.sampled_from("ab"), min_size=1, max_size=12))
    lines = [f"m,h={h} v={draw(st.sampled_from([0.0, 1.5, 3.0, 9.0]))} {i}" for i, h in enumerate(hosts)]
    cuts = sorted(draw(st.sets(st.integers(1, len(lines)), max_size=4)) | {len(lines)})
    results = []
    for ends, hasty in ((range(1, len(lines) + 1), False), (cuts, True)):
        run, begin = ScriptRun(script, functions=in_threads), 0
        for end in ends:
            if hasty and draw(st.booleans()):
                run.restart()
            run.write(*lines[begin:end])
            if not hasty:
                run.settle()
            begin = end
        run.settle().close()
        results.append((run.out, plain_effects(run.effects), run.endpoint("end"), run.endpoint("sums")))
    assert repr(results[0]) == repr(results[1])


def test_what_a_function_makes_of_one_point_belongs_to_that_point() -> None:
    run = ScriptRun(f"{FROM}@bad()", functions=[bad()])
    run.write('m v=1,do="twice" 1\nm v=2,do="none" 2', "m v=3 3").settle().close()
    assert [(p.fields["sum"], p.origin) for p in run.out["bad2"]] == [(1.0, (1, 0)), (1.0, (1, 0)), (6.0, (2, 0))]


def test_what_a_function_sends_unasked_is_a_step_of_its_own() -> None:
    run = ScriptRun(f"{FROM}@bad()|httpOut('x')", functions=[bad()])
    run.write('m v=1,do="stray" 1').settle()
    run.settle(lambda: bool(run.out["bad2"])).close()
    assert [(p.fields["sum"], len(p.origin)) for p in run.out["bad2"]] == [(1.0, 1)]
    assert run.endpoint("x")["series"][0]["values"] == [["1970-01-01T00:00:00.000000001Z", 1.0]]


def test_a_function_that_crashes_goes_on_with_its_state(tmp_path: Path) -> None:
    run = ScriptRun(f"{FROM}@bad().once('{tmp_path}/once')", functions=[bad()])
    for i in range(4):
        run.write(f"m v=1 {i}").settle()
    run.write("m v=1 5", 'm v=1,do="crash" 6', "m v=1 7").write("m v=1 8").settle()
    assert sums(run) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert run.reasons == ["UDF bad is started again: process exited unexpectedly: exit status 3"]
    statistics = run.run.statistics()
    assert statistics["node-stats"]["bad2"]["errors"] == statistics["node-stats"]["bad2"]["restarts"] == 1
    assert statistics["error"] == "bad2: process exited unexpectedly: exit status 3"
    run.close()


def test_a_function_that_hangs_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour passes once it hangs: so no function is late because the machine is busy."""
    once = tmp_path / "once"
    later = {"monotonic": lambda: time.monotonic() + (3600 if once.exists() else 0)}
    monkeypatch.setattr(connection, "time", SimpleNamespace(**vars(time) | later))
    run = ScriptRun(f"{FROM}@bad().once('{once}')", functions=[bad()])
    run.write("m v=1 1", 'm v=1,do="hang" 2', "m v=1 3").settle().close()
    assert sums(run) == [1.0, 2.0, 3.0]
    assert run.reasons[0].startswith("UDF bad is started again: keepalive timedout, last keepalive received was: 20")


def test_a_point_that_always_kills_the_function_ends_the_task() -> None:
    run = ScriptRun(f"{FROM}@bad()", functions=[bad()])
    run.write("m v=1 1", 'm v=1,do="die" 2')
    with pytest.raises(TaskFailed, match=r"^bad2: process exited unexpectedly: exit status 3$"):
        run.settle()
    assert run.counts()["bad2"]["restarts"] == 2
    run.close()


def test_an_error_of_the_function_ends_the_task() -> None:
    run = ScriptRun(f"{FROM}@bad()", functions=[bad()])
    run.write('m v=1,do="error" 1')
    with pytest.raises(TaskFailed, match=r"^bad2: error processing request of type point: this point is no good$"):
        run.settle()
    run.close()


def test_options_that_the_function_does_not_take_end_the_task() -> None:
    run = ScriptRun(f"{FROM}@average().field('v').size(0)", functions=[average()])
    with pytest.raises(TaskFailed, match=r"^average2: failed to initialize processes size must be at least 1, got 0$"):
        run.settle(lambda: False)
    run.close()


def test_a_snapshot_takes_the_place_of_what_was_sent() -> None:
    run = ScriptRun(f"{FROM}@bad()", functions=[bad()])
    for i in range(3):
        run.write(f"m v=1 {i}").settle()
    asked = run.run.state()["nodes"]["bad2"]["journal"]
    assert not asked["snapshot"] and len(asked["entries"]) == 3
    run.write("m v=1 3").settle()
    later = run.run.state()["nodes"]["bad2"]["journal"]
    assert later["snapshot"] == b'{"h=": 3.0}' and len(later["entries"]) == 1
    run.restart().write("m v=1 4").settle().close()
    assert sums(run) == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_task_that_ends_waits_for_what_is_under_way() -> None:
    run = ScriptRun(f"{FROM}@bad()|httpOut('x')", functions=[bad()])
    run.write("m v=1 1", "m v=1 2").finish().close()
    assert sums(run) == [1.0, 2.0]


def test_over_a_socket_with_a_server_that_starts_later_and_goes_away(tmp_path: Path) -> None:
    path = str(tmp_path / "echo.sock")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connections: list[socket.socket] = []

    def listen() -> None:
        listener.bind(path)
        listener.listen()
        for _ in range(3):
            connections.append(listener.accept()[0])
            threading.Thread(target=Agent(Echo).run_on, args=(connections[-1].dup(),), daemon=True).start()

    threading.Timer(0.1, listen).start()
    echo = ask("echo", UdfFunction(socket=path, timeout=5.0))
    assert not echo.problem
    run = ScriptRun(f"{FROM}@echo()", functions=[echo])
    run.write("m v=1 1").settle()
    connections[1].shutdown(socket.SHUT_RDWR)
    run.settle(lambda: bool(run.reasons))
    run.write("m v=2 2").settle().close()
    assert [p.fields["v"] for p in run.out["echo2"]] == [1.0, 2.0]
    assert run.reasons == ["UDF echo is started again: read error: the connection was closed"]
    listener.close()


def test_a_function_that_does_not_answer_says_why(tmp_path: Path) -> None:
    assert ask("f", UdfFunction(prog=str(tmp_path / "none"))).problem == (
        f"fork/exec {tmp_path}/none: no such file or directory"
    )
    assert ask("f", UdfFunction(prog="true")).problem == "process exited unexpectedly: exit status 0"
    assert ask("f", UdfFunction(prog="yes")).problem.startswith("read error: ")
    assert ask("f", UdfFunction(prog="sleep", args=("60",), timeout=0.3)).problem.startswith("keepalive timedout")
    nobody = ask("f", UdfFunction(socket=str(tmp_path / "s"), timeout=0.1))
    assert nobody.problem == f"dial unix {tmp_path}/s: no such file or directory"
