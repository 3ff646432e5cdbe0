"""The stores, and copying all of them."""

from __future__ import annotations

import httpx

V1 = "/kapacitor/v1"


async def test_stores_are_listed_and_their_indexes_rebuilt(gateway: httpx.AsyncClient) -> None:
    stores = f"{V1}/storage/stores"
    found = (await gateway.get(stores)).json()
    assert found["link"] == {"rel": "self", "href": stores}
    for one in found["storage"]:
        assert one["link"]["href"] == f"{stores}/{one['name']}"
        assert (await gateway.post(one["link"]["href"], json={"action": "rebuild"})).status_code == 204
    wrong = await gateway.post(f"{stores}/{found['storage'][0]['name']}", json={"action": "burn"})
    assert (wrong.status_code, wrong.json()) == (400, {"error": 'unknown storage action "burn"'})
    unknown = await gateway.post(f"{stores}/none", json={"action": "rebuild"})
    assert (unknown.status_code, unknown.json()) == (404, {"error": 'unknown storage "none"'})


async def test_a_backup_says_beforehand_how_long_it_is(gateway: httpx.AsyncClient) -> None:
    answer = await gateway.get(f"{V1}/storage/backup")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="tickbus.backup"'
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.content.startswith(b"tickbus backup 1\n") and answer.content.endswith(b'{"end":true}\n')
