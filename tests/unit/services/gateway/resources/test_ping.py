"""Whether the server is there."""

from __future__ import annotations

import httpx

V1 = "/kapacitor/v1"


async def test_a_server_that_is_there_says_so_and_names_the_version_of_its_api(gateway: httpx.AsyncClient) -> None:
    for answer in (await gateway.get(f"{V1}/ping"), await gateway.head(f"{V1}/ping")):
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["x-kapacitor-version"] == "1.5.7"
