"""The documents for machines."""

from __future__ import annotations

from importlib.metadata import version

import httpx

V1 = "/kapacitor/v1"


async def test_the_documents_are_of_this_version(gateway: httpx.AsyncClient) -> None:
    for name, kind in (("openapi", "3.1.0"), ("asyncapi", "3.0.0")):
        found = (await gateway.get(f"{V1}/{name}.json")).json()
        assert found[name] == kind
        assert found["info"]["title"] == "tickbus" and found["info"]["version"] == version("tickbus")
