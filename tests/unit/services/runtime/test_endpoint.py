"""What a worker answers to a question for an httpOut's endpoint."""

from __future__ import annotations

import orjson

from services.engine.worker.responders import endpoint_answer
from tests.support.graph import ScriptRun


def test_a_result_is_compact_json_with_gos_numbers() -> None:
    run = ScriptRun("stream|from().groupBy('h')|window().periodCount(2).everyCount(2)|httpOut('o')")
    run.write('m,h=a<b v=4,w=-0.0,x=1e21,s="é&" 1\nm,h=a<b v=0.5,w=0.00001,i=4i 2')
    assert orjson.loads(endpoint_answer(run.run, "o")) == {
        "status": 200,
        "body": '{"series":[{"name":"m","tags":{"h":"a\\u003cb"},"columns":["time","s","v","w","x"],"values":'
        '[["1970-01-01T00:00:00.000000001Z","é\\u0026",4,-0,1e+21],'
        '["1970-01-01T00:00:00.000000002Z",null,0.5,0.00001,null]]}]}',
    }


def test_what_is_no_number_is_an_error() -> None:
    run = ScriptRun("""stream|from()|eval(lambda: "v" / 0.0).as('x')|httpOut('o')""").write("m v=-1 1")
    answer = orjson.loads(endpoint_answer(run.run, "o"))
    assert answer == {"status": 500, "body": {"error": "json: unsupported value: -Inf"}}


def test_an_endpoint_that_is_not_there() -> None:
    assert orjson.loads(endpoint_answer(ScriptRun("stream|from()|log()").run, "o"))["status"] == 404


def test_the_mean_time_of_a_node_is_a_number() -> None:
    run = ScriptRun("stream|from()|log()").write("m v=1 1")
    times = [node["avg_exec_time_ns"] for node in run.run.statistics()["node-stats"].values()]
    assert [type(time) for time in times] == [int] * 3


def test_figures_are_what_statistics_come_to() -> None:
    run = ScriptRun("stream|from().groupBy('h')|eval(lambda: \"v\" + \"w\").as('x')|log()")
    run.write("m,h=a v=1,w=1 1\nm,h=b v=1,w=2 2\nm,h=b v=1 3")
    nodes = run.run.statistics()["node-stats"].values()
    collected, errors, groups, trouble = run.run.figures()
    assert collected == next(iter(nodes))["collected"] == 3
    assert errors == sum(node["errors"] for node in nodes) == 1
    assert groups == max(node["working_cardinality"] for node in nodes) == 2
    assert trouble == ""
