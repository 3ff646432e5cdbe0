"""What /debug/vars makes of what workers say."""

from __future__ import annotations

from services.gateway.queries.metrics.debug_vars import _of_task, _of_writes
from services.pipeline.outline import outline
from tests.support.graph import ScriptRun


def test_of_several_workers_the_one_that_has_read_most_is_believed() -> None:
    workers = [
        {"ingress": [["db", "rp", "cpu", 5], ["db", "rp", "mem", 2]]},
        {"ingress": [["db", "rp", "cpu", 7], ["db", "other", "cpu", 1]]},
        {},
    ]
    *ingress, (name, tags, values) = _of_writes(workers)
    found = {(t["database"], t["retention_policy"], t["measurement"]): v["points_received"] for _, t, v in ingress}
    assert found == {("db", "rp", "cpu"): 7, ("db", "rp", "mem"): 2, ("db", "other", "cpu"): 1}
    assert {name for name, _, _ in ingress} == {"ingress"} and {t["task_master"] for _, t, _ in ingress} == {"main"}
    assert (name, tags["parent"], tags["child"], values) == (
        "edges",
        "write_points",
        "stream",
        {"collected": 10, "emitted": 10},
    )


def test_a_task_has_an_edge_for_each_child() -> None:
    script = "var f = stream|from().measurement('m')\nf|where(lambda: \"v\" > 1.0)|log()\nf|log()"
    run = ScriptRun(script).write("m v=1 1\nm v=2 2\nx v=3 3")
    found = list(_of_task("t", outline(run.run.graph), run.run.statistics()["node-stats"]))
    edges = {(t["parent"], t["child"]): v["emitted"] for name, t, v in found if name == "edges"}
    assert edges == {
        ("stream", "stream0"): 2,
        ("stream0", "from1"): 2,
        ("from1", "where2"): 2,
        ("where2", "log3"): 1,
        ("from1", "log4"): 2,
    }
    assert {type(v["avg_exec_time_ns"]) for name, _, v in found if name == "nodes"} == {str}
    assert {t["kind"] for name, t, _ in found if name == "nodes"} == {"stream", "from", "where", "log"}
