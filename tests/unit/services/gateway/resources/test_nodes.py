"""What scripts may use, over HTTP."""

from __future__ import annotations

import httpx


async def test_everything_is_there_with_what_it_is_for(gateway: httpx.AsyncClient) -> None:
    found = (await gateway.get("/kapacitor/v1/nodes")).json()
    nodes = {one["name"]: one for one in found["nodes"]}
    assert set(nodes) >= {"from", "window", "alert", "stream"}
    assert nodes["window"]["head"] == "|window()" and nodes["window"]["doc"]
    assert ".period(duration)" in {one["head"] for one in nodes["window"]["properties"]}
    assert nodes["alert"]["handlers"]
    functions = {one["name"]: one for one in found["functions"]}
    assert functions["abs"]["heads"] and functions["now"]["doc"]
    assert all(one["doc"] for kind in ("nodes", "functions") for one in found[kind])
