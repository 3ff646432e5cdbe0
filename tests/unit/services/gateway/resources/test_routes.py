"""What paths there are."""

from __future__ import annotations

import httpx

V1 = "/kapacitor/v1"


async def test_routes_name_every_resource(gateway: httpx.AsyncClient) -> None:
    found = (await gateway.get(f"{V1}/:routes")).json()
    assert found[f"{V1}/tasks"] == ["GET", "POST"]
    assert found[f"{V1}/tasks/"] == ["DELETE", "GET", "PATCH"]
    assert found["/write"] == ["POST"]
