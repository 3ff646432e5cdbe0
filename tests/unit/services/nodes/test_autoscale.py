"""k8sAutoscale, swarmAutoscale, ec2Autoscale: against a stand-in of the APIs that their client libraries call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from grammar.tickscript.ast import TickscriptError
from schemas.config import Ec2, Kubernetes, Swarm
from services.runtime.environment import TaskEnvironment
from services.runtime.errors import TaskFailed
from tests.support.clusters import Cluster, cluster
from tests.support.graph import Point, ScriptRun

S = 10**9
FROM = "stream|from().measurement('m').groupBy('app')"
KINDS = {
    "k8s": """|k8sAutoscale().resourceNameTag('app')""",
    "swarm": """|swarmAutoscale().serviceNameTag('app')""",
    "ec2": """|ec2Autoscale().groupNameTag('app')""",
}


@pytest.fixture
def api() -> Iterator[Cluster]:
    with cluster(web=3, db=1) as found:
        yield found


def run_on(api: Cluster, script: str) -> ScriptRun:
    clusters = {
        "kubernetes": {"": Kubernetes(enabled=True, api_servers=(api.url,), token="secret"), "off": Kubernetes()},
        "swarm": {"": Swarm(enabled=True, servers=(api.url,))},
        "ec2": {"": Ec2(enabled=True, region="us-east-1", access_key="a", secret_key="b", endpoint=api.url)},
    }
    return ScriptRun(script, environment=TaskEnvironment(clusters=clusters))


def changes(run: ScriptRun, name: str) -> list[tuple[int, int, int]]:
    return [(p.time // S, p.fields["old"], p.fields["new"]) for p in run.last(name) if isinstance(p, Point)]


@pytest.mark.parametrize("kind", KINDS)
def test_each_cluster_is_scaled_to_what_the_data_asks_for(kind: str, api: Cluster) -> None:
    run = run_on(api, f"""{FROM}{KINDS[kind]}.replicas(lambda: int("v")).max(5)""")
    run.write(*(f"m,app={app},x=y v={v} {i * S}" for i, (app, v) in enumerate([("web", 3), ("web", 4), ("db", 9)])))
    run.write(f"m,app=web v=4 {4 * S}", f"m,app=web v=-3 {5 * S}").settle().close()
    assert api.changes == [("web", 4), ("db", 5), ("web", 1)]
    node = f"{kind}_autoscale2"
    assert changes(run, node) == [(1, 3, 4), (2, 1, 5), (5, 4, 1)]
    extra = {"namespace": "default", "kind": "deployments", "resource": "web"} if kind == "k8s" else {}
    assert run.out[node][0] == Point("m", "app=web", {"app": "web", **extra}, S, {"old": 3, "new": 4}, (2, 0))
    counts = run.counts()[node]
    assert [counts[n] for n in ("increase_events", "decrease_events", "cooldown_drops", "errors")] == [2, 1, 0, 0]
    if kind == "k8s":
        assert api.authorizations == {"Bearer secret"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_exist_is_an_error_and_tried_again(kind: str, api: Cluster) -> None:
    run = run_on(api, f"""{FROM}{KINDS[kind]}.replicas(lambda: int("v"))""")
    run.write(f"m,app=no v=2 {S}").settle()
    assert len(run.reasons) == 1 and run.reasons[0].startswith("could not determine initial scale for ")
    assert changes(run, f"{kind}_autoscale2") == []
    api.replicas["no"] = 1
    run.write(f"m,app=no v=2 {2 * S}").settle().close()
    assert changes(run, f"{kind}_autoscale2") == [(2, 1, 2)]


def test_cooldowns_the_present_number_and_batches(api: Cluster) -> None:
    script = f"""{FROM}|window().periodCount(1).everyCount(1)|k8sAutoscale().resourceName('web').currentField('now')
        .replicas(lambda: "now" + int("v")).increaseCooldown(10s).decreaseCooldown(3s).namespaceTag('').kindTag('k')
        .resourceTag('app').namespace('other').kind('replicasets')"""
    run = run_on(api, script)
    run.write(*(f"m,app=a v={v} {t * S}" for t, v in [(1, 2), (2, 1), (3, -1), (5, -1), (6, -1), (11, 1)]))
    run.settle().close()
    assert changes(run, "k8s_autoscale3") == [(1, 3, 5), (3, 5, 4), (6, 4, 3), (11, 3, 4)]
    assert run.out["k8s_autoscale3"][0][1:3] == ("app=web", {"app": "web", "k": "replicasets"})
    assert run.counts()["k8s_autoscale3"]["cooldown_drops"] == 2


def test_a_change_that_fails_leaves_everything_as_it_was(api: Cluster) -> None:
    run = run_on(api, f"""{FROM}|k8sAutoscale().resourceName('web').replicas(lambda: int("v")).increaseCooldown(1h)""")
    run.write(f"m v=3 {S}").settle()
    api.failing = True
    run.write(f"m v=4 {2 * S}").settle()
    api.failing = False
    run.write(f"m v=4 {3 * S}").settle().close()
    assert changes(run, "k8s_autoscale2") == [(3, 3, 4)]
    assert run.reasons == [
        "failed to apply scaling event: failed to set new replica count for "
        '"default/deployments/web": 500 Internal Server Error'
    ]


def test_points_that_say_nothing_are_errors(api: Cluster) -> None:
    run = run_on(api, f"""{FROM}|k8sAutoscale().resourceNameTag('app').replicas(lambda: "v")""")
    run.write(f"m v=4i {S}", f"m,app=web v=4 {2 * S}", f"m,app=web w=4 {3 * S}", f"m,app=web v=4i {4 * S}").settle()
    run.close()
    assert changes(run, "k8s_autoscale2") == [(4, 3, 4)]
    assert run.counts()["k8s_autoscale2"]["errors"] == 3
    assert run.reasons[:2] == [
        "could not determine the name of the resource",
        "failed to evaluate the replicas expression: "
        "TypeGuard: expression returned unexpected type float, expected int",
    ]


def test_what_is_not_answered_is_done_again_after_a_restart(api: Cluster) -> None:
    script = f"""{FROM}|k8sAutoscale().resourceNameTag('app').replicas(lambda: int("v") + 0 * count())|httpOut('x')"""
    run = run_on(api, script)
    run.write(f"m,app=web v=4 {S}").settle()
    api.gate.clear()
    run.write(f"m,app=db v=2 {2 * S}", f"m,app=web v=5 {3 * S}").write(f"m,app=web v=6 {4 * S}")
    run.restart()
    api.gate.set()
    run.write(f"m,app=web v=7 {5 * S}").settle().close()
    assert changes(run, "k8s_autoscale2") == [(1, 3, 4), (2, 1, 2), (3, 4, 5), (4, 5, 6), (5, 6, 7)]
    assert [p.origin for p in run.out["http_out3"]] == [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)]
    assert run.counts()["k8s_autoscale2"]["increase_events"] == 5


@pytest.mark.parametrize(
    ("node", "error"),
    [
        ("k8sAutoscale().cluster('x')", 'unknown kubernetes cluster "x", cannot get client'),
        ("k8sAutoscale().cluster('off')", "service is not enabled"),
    ],
)
def test_a_cluster_that_there_is_not(node: str, error: str, api: Cluster) -> None:
    script = f"{FROM}|{node}.resourceName('a').replicas(lambda: 1)"
    with pytest.raises(TaskFailed) as raised:
        run_on(api, script)
    assert str(raised.value) == f"cannot use the k8sAutoscale node, could not create kubernetes client: {error}"


@pytest.mark.parametrize(
    ("node", "error"),
    [
        ("k8sAutoscale().replicas(lambda: 1)", "must specify exactly one of ResourceName or ResourceNameTag"),
        (
            "k8sAutoscale().resourceName('a').kind('pods').replicas(lambda: 1)",
            "invalid Kind, must be 'deployments', 'replicasets' or 'replicationcontrollers', got pods",
        ),
        ("swarmAutoscale().serviceName('a').min(0).replicas(lambda: 1)", "min must be >= 1, got 0"),
        ("swarmAutoscale().serviceName('a')", "must provide a replicas lambda expression"),
        (
            "ec2Autoscale().groupName('a').groupNameTag('b').replicas(lambda: 1)",
            "must specify exactly one of GroupName or GroupNameTag",
        ),
    ],
)
def test_properties_that_do_not_go_together(node: str, error: str, api: Cluster) -> None:
    with pytest.raises(TickscriptError) as raised:
        run_on(api, f"{FROM}|{node}")
    assert str(raised.value) == error
