"""The resource /users, its twin on the bus, and what becomes of passwords."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from services.bus.connection import Bus
from services.bus.events import decode
from services.bus.subjects import command_subject
from tests.unit.services.gateway.conftest import StartGateway

USERS = "/kapacitor/v1/users"


def shown(name: str, type: str = "normal", *permissions: str) -> dict[str, Any]:
    link = {"rel": "self", "href": f"{USERS}/{name}"}
    return {"link": link, "name": name, "type": type, "permissions": list(permissions)}


async def command(bus: Bus, verb: str, question: Any = None, kind: str = "user") -> tuple[int, Any]:
    reply = orjson.loads(await bus.request(command_subject(kind, verb), orjson.dumps(question or {})))
    return reply["status"], reply["body"]


async def test_a_user_from_the_first_to_the_last(gateway: httpx.AsyncClient) -> None:
    made = {"name": "bob", "password": "hunter2", "type": "normal", "permissions": ["write_points", "api", "none"]}
    answer = await gateway.post(USERS, json=made)
    assert (answer.status_code, answer.json()) == (200, shown("bob", "normal", "api", "write_points"))
    assert (await gateway.get(f"{USERS}/bob")).json() == answer.json()

    async def patched(**change: Any) -> dict[str, Any]:
        answer = await gateway.patch(f"{USERS}/bob", json=change)
        assert answer.status_code == 200
        assert (await gateway.get(f"{USERS}/bob")).json() == answer.json()
        return answer.json()  # type: ignore[no-any-return]

    assert await patched() == shown("bob", "normal", "api", "write_points")
    assert await patched(password="*******", permissions=None) == shown("bob", "normal", "api", "write_points")
    assert await patched(permissions=["api", "config_api", "write_points"]) == shown("bob", "normal", "all")
    assert await patched(permissions=[]) == shown("bob")
    assert await patched(permissions=["api"]) == shown("bob", "normal", "api")
    assert await patched(type="admin") == shown("bob", "admin")
    assert await patched(type="normal", permissions=["config_api"]) == shown("bob", "normal", "config_api")

    for _ in range(2):
        assert (await gateway.delete(f"{USERS}/bob")).status_code == 204
    answer = await gateway.get(f"{USERS}/bob")
    assert (answer.status_code, answer.json()) == (404, {"error": "no user exists"})
    assert (await gateway.post(USERS, json={"name": "bob", "password": "x"})).json() == shown("bob")
    await gateway.delete(f"{USERS}/bob")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", "invalid JSON"),
        (b"[]", "invalid JSON"),
        ({}, "username is required"),
        ({"name": 1}, "invalid JSON"),
        (
            {"name": "a b", "password": "x"},
            "username must contain only letters, numbers, '-', '.', '@' and '_'. \"a b\"",
        ),
        ({"name": "_sub:x"}, "username must contain only letters, numbers, '-', '.', '@' and '_'. \"_sub:x\""),
        ({"name": "x" * 2000}, "username is too long: "),
        ({"name": "eve"}, "password is required"),
        ({"name": "eve", "password": ""}, "password is required"),
        ({"name": "eve", "password": "x" * 73}, "a password has at most 72 bytes, this one has 73"),
        ({"name": "eve", "password": "x", "permissions": ["root"]}, "invalid permissions: unknown permission root"),
        ({"name": "eve", "password": "x", "permissions": "api"}, "invalid JSON"),
        ({"name": "eve", "password": "x", "type": "root"}, "unknown UserType root"),
        ({"name": "jörg@x-y.z_1", "password": "x"}, "failed to create user: user already exists"),
    ],
)
async def test_what_is_no_user(gateway: httpx.AsyncClient, bus: Bus, body: Any, error: str) -> None:
    await gateway.post(USERS, json={"name": "jörg@x-y.z_1", "password": "first"})
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    answer = await gateway.post(USERS, content=content)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(error)
    assert (await gateway.get(f"{USERS}/eve")).status_code == 404


async def test_mistakes_about_one_user(gateway: httpx.AsyncClient) -> None:
    for answer in [await gateway.patch(f"{USERS}/none", json={}), await gateway.get(f"{USERS}/none")]:
        assert (answer.status_code, answer.json()) == (404, {"error": "no user exists"})
    for method in ("GET", "PATCH", "DELETE"):
        answer = await gateway.request(method, f"{USERS}/", json={})
        assert (answer.status_code, answer.json()) == (400, {"error": "must specify username on path"})


async def test_users_are_listed_in_order_by_pattern_and_field(gateway: httpx.AsyncClient) -> None:
    for number in range(20):
        made = {"name": f"list{number:02}", "password": "x", "permissions": ["api"]}
        assert (await gateway.post(USERS, json=made)).status_code == 200

    async def listed(query: str) -> Any:
        return (await gateway.get(f"{USERS}?{query}")).json()

    assert await listed("pattern=list*") == {"users": [shown(f"list{n:02}", "normal", "api") for n in range(20)]}
    assert await listed("pattern=list1*&fields=type&offset=2&limit=3") == {
        "users": [
            {"type": "normal", "name": f"list{n}", "link": {"rel": "self", "href": f"{USERS}/list{n}"}}
            for n in (12, 13, 14)
        ]
    }
    assert await listed("pattern=nobody&fields=hash") == {"users": []}
    assert await listed("fields=hash") == {"error": 'unsupported field "hash"'}
    assert await listed("limit=x") == {"error": 'invalid limit parameter "x" must be an integer'}


async def test_the_bus_does_the_same(gateway: httpx.AsyncClient, bus: Bus) -> None:
    made = {"name": "carl", "password": "pw", "permissions": ["api"]}
    assert await command(bus, "create", made) == (200, shown("carl", "normal", "api"))
    assert await command(bus, "create", made) == (400, {"error": "failed to create user: user already exists"})
    assert await command(bus, "get", {"id": "carl"}) == (200, shown("carl", "normal", "api"))
    assert await command(bus, "update", {"id": "carl", "body": {"type": "admin"}}) == (200, shown("carl", "admin"))
    assert await command(bus, "list", {"pattern": "carl"}) == (200, {"users": [shown("carl", "admin")]})
    assert await command(bus, "delete", {"id": "carl"}) == (204, None)
    assert await command(bus, "get", {"id": "carl"}) == (404, {"error": "no user exists"})


async def test_tokens_of_subscriptions(gateway: httpx.AsyncClient, bus: Bus) -> None:
    status, made = await command(bus, "grant", {"token": "t0ken", "database": "a"}, "token")
    assert (status, made["databases"]) == (200, ["a"])
    for _ in range(2):
        status, made = await command(bus, "grant", {"token": "t0ken", "database": "b"}, "token")
    assert (status, made["databases"]) == (200, ["a", "b"])
    assert "t0ken" not in made["name"]
    assert await command(bus, "list", None, "token") == (200, {"tokens": [made]})
    error = {"error": 'token must be a valid username: "a b"'}
    assert await command(bus, "grant", {"token": "a b", "database": "a"}, "token") == (400, error)
    assert (await command(bus, "grant", {"token": "a", "database": ""}, "token"))[0] == 400
    # They are no users that anybody sees or changes.
    assert (await gateway.get(f"{USERS}?pattern=_sub*")).json() == {"users": []}
    assert (await gateway.get(f"{USERS}/{made['name']}")).status_code == 404
    assert (await gateway.patch(f"{USERS}/{made['name']}", json={"type": "admin"})).status_code == 404
    assert (await gateway.delete(f"{USERS}/{made['name']}")).status_code == 204
    assert await command(bus, "list", None, "token") == (200, {"tokens": [made]})
    assert await command(bus, "revoke", {"token": made["name"]}, "token") == (204, None)
    assert await command(bus, "list", None, "token") == (200, {"tokens": []})


async def test_no_password_leaves_the_gateway(gateway: httpx.AsyncClient, bus: Bus) -> None:
    await gateway.post(USERS, json={"name": "dora", "password": "sesame1"})
    await gateway.patch(f"{USERS}/dora", json={"password": "sesame2"})
    facts = []
    async with bus.follow("EVENTS", ["tickbus.event.user.dora.>"], after=0) as feed:
        while len(facts) < 2:
            facts += [decode(message) for message in await feed.batch()]
    assert [fact.what for fact in facts] == ["defined", "updated"]
    assert all(fact.data["hash"].startswith("$2b$04$") and "sesame" not in repr(fact) for fact in facts)
    assert facts[0].data["hash"] != facts[1].data["hash"]
    shown = (await gateway.get(f"{USERS}/dora")).text + (await gateway.get(USERS)).text
    assert "hash" not in shown and "$2b$" not in shown


async def test_of_two_who_make_one_user_one_is_refused(start_gateway: StartGateway, bus: Bus) -> None:
    async with start_gateway("one") as one, start_gateway("two") as two:
        made = {"name": "twin", "password": "x"}
        answers = await asyncio.gather(*(client.post(USERS, json=made) for client in (one, two, one, two)))
        assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
        changes = [{"type": "admin"}, {"permissions": ["api"]}, {"password": "y"}]
        answers = await asyncio.gather(*(two.patch(f"{USERS}/twin", json=change) for change in changes))
        assert [answer.status_code for answer in answers] == [200] * 3
