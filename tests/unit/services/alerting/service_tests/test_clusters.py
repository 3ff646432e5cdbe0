"""The tests of clusters, against a stand-in of the APIs that their client libraries call."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from schemas.config import Ec2, Kubernetes, Swarm
from services.alerting.handler_base import HandlerContext
from services.alerting.service_tests.registry import run_service_test, service_tests
from services.alerting.transports.http import Http
from tests.support.clusters import Cluster, cluster

KINDS = ("kubernetes", "swarm", "ec2")
FAILED = {
    "kubernetes": "failed to query server versions: ",
    "swarm": "failed to query server version: ",
    "ec2": 'discoverer "here" failed: ',
}


@pytest.fixture
def api() -> Iterator[Cluster]:
    with cluster() as found:
        yield found


def sections(url: str, *, enabled: bool = True) -> dict[str, Any]:
    keys = {"access_key": "a", "secret_key": "b"}
    return {
        "kubernetes": (Kubernetes(enabled=enabled, id="here", api_servers=(url,), token="secret"),),
        "swarm": (Swarm(enabled=enabled, id="here", servers=(url,)),),
        "ec2": (Ec2(enabled=enabled, id="here", region="us-east-1", endpoint=url, **keys),),
    }


async def tried(kind: str, id_: str, given: Mapping[str, Any]) -> str:
    http = Http()
    try:
        return await run_service_test(kind, {"id": id_}, HandlerContext(http, given))
    finally:
        await http.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cluster_that_answers_passes(kind: str, api: Cluster) -> None:
    assert service_tests()[kind].options({}) == {"id": ""}
    assert await tried(kind, "here", sections(api.url)) == ""
    (authorization,) = api.authorizations
    assert kind != "kubernetes" or authorization == "Bearer secret"


@pytest.mark.parametrize("kind", KINDS)
async def test_one_that_fails_or_is_not_there_is_no_success(kind: str, api: Cluster) -> None:
    api.failing = True
    assert (await tried(kind, "here", sections(api.url))).startswith(FAILED[kind])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        gone = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert (await tried(kind, "here", sections(gone))).startswith(FAILED[kind])


@pytest.mark.parametrize("kind", KINDS)
async def test_unknown_and_disabled_clusters_are_told_in_the_references_words(kind: str, api: Cluster) -> None:
    unknown = 'discoverer "" is not enabled or does not exist' if kind == "ec2" else f'unknown {kind} cluster ""'
    off = (
        'discoverer "here" is not enabled or does not exist'
        if kind == "ec2"
        else "failed to get client: service is not enabled"
    )
    assert await tried(kind, "", {}) == unknown
    assert await tried(kind, "", sections(api.url)) == unknown
    assert await tried(kind, "here", sections(api.url, enabled=False)) == off
    assert api.authorizations == set()
