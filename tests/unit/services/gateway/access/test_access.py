"""A gateway with authentication on: what is closed to whom, whichever way a request takes."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import jwt
import pytest
from quart import Quart

from schemas.config import Config, Nats
from services.bus.connection import Bus
from services.cli.diagnostics.agent import DiagnosticsAgent
from services.gateway import main as gateway_main
from services.gateway.access import passwords
from services.gateway.http.app import make_app
from services.gateway.http.dispatcher import OPEN, is_open
from services.gateway.http.writing.write_request import WRITE_PATHS, LoggedRequest, plain_head
from services.gateway.operations.paths import V2_WRITE
from services.process import log
from tests.support.nats import NatsServer
from tests.unit.services.gateway.conftest import StartGateway
from tests.unit.services.gateway.http.test_plain_writes import (
    PLAIN,
    ROUNDABOUT,
    Connection,
    both_ways,
    post,
    stored_since,
)
from tests.unit.services.gateway.resources.test_users import command

V1, PREVIEW = "/kapacitor/v1", "/kapacitor/v1preview"
SECRET = "of the house" * 8
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "BREW")
NO_CREDENTIALS = {"error": "unable to parse authentication credentials"}
V2_NO_CREDENTIALS = {"code": "unauthorized", "message": NO_CREDENTIALS["error"]}
WAYS = pytest.mark.parametrize("way", [PLAIN, ROUNDABOUT])


@pytest.fixture
def apps(monkeypatch: pytest.MonkeyPatch) -> list[Quart]:
    """The apps of the gateways that are started."""
    made: list[Quart] = []

    def make(*arguments: Any) -> Quart:
        made.append(make_app(*arguments))
        return made[-1]

    monkeypatch.setattr(gateway_main, "make_app", make)
    return made


@pytest.fixture
async def closed(apps: list[Quart], start_gateway: StartGateway, bus: Bus) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway that lets users in, of whom there are some."""
    async with start_gateway(auth_enabled=True, shared_secret=SECRET, cors=("http://here",)) as client:
        for name, more in {
            "root": {"type": "admin"},
            "writer": {"permissions": ["write_points"]},
            "reader": {"permissions": ["api"]},
            "none": {},
        }.items():
            await command(bus, "create", {"name": name, "password": f"{name}'s", **more})
        await command(bus, "grant", {"token": "t0ken", "database": "a"}, "token")
        yield client


def by_name(name: str) -> tuple[str, str]:
    return name, f"{name}'s"


def bearer(name: str, secret: str = SECRET, **claims: Any) -> dict[str, str]:
    token = jwt.encode({"username": name, "exp": time.time() + 3600, **claims}, secret, algorithm="HS512")
    return {"Authorization": f"Bearer {token}"}


def paths(app: Quart) -> Iterator[str]:
    """Every path there is, and some that there are not."""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]*>", "x", rule.rule)
        yield path
        yield path.replace(V1, PREVIEW, 1)
        yield f"/{path}"
    yield from WRITE_PATHS
    yield from ("/", "/nowhere", V1, f"{V1}/", f"{PREVIEW}/nowhere", f"{V1}//ping", "/metrics", f"{V1}/debug/vars")


async def test_every_route_but_pings_needs_credentials(closed: httpx.AsyncClient, apps: list[Quart]) -> None:
    seen = set()
    for path in dict.fromkeys(paths(apps[0])):
        for method in METHODS:
            answer = await closed.request(method, path)
            seen.add(path)
            if path in OPEN and method in ("GET", "HEAD"):
                assert answer.status_code == (200 if path in ("/health", "/healthz", "/readyz") else 204)
                continue
            asked = answer.request.url.path  # //x becomes / here
            if is_open(method, asked):  # the console's; whoever takes no text/html finds nothing there
                assert answer.status_code == 404
                continue
            assert answer.status_code == 401, (method, path)
            assert method == "HEAD" or answer.json() == (V2_NO_CREDENTIALS if path == V2_WRITE else NO_CREDENTIALS)
            assert answer.headers["X-Kapacitor-Version"]
        preflight = await closed.request("OPTIONS", path, headers={"Origin": "http://here"})
        assert preflight.status_code in (200, 301), path
        assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    assert {f"{V1}/tasks", f"{V1}/users/x", f"{V1}/:routes", "/metrics", f"{V1}/debug/pprof/"} <= seen


async def test_an_admin_gets_everywhere(closed: httpx.AsyncClient) -> None:
    for path, status in {
        f"{V1}/tasks": 200,
        f"{PREVIEW}/users/root": 200,
        "/metrics": 200,
        "/nowhere": 404,
        f"{V1}//tasks": 301,
        f"{V1}/:routes": 200,
    }.items():
        assert (await closed.get(path, auth=by_name("root"))).status_code == status
    assert (await closed.request("BREW", "/x", auth=by_name("root"))).status_code == 404


async def test_websockets_lead_nowhere(closed: httpx.AsyncClient) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "eA==",
    }
    assert (await closed.get(f"{V1}/tasks", headers=upgrade)).status_code in (400, 401, 403)


@WAYS
async def test_writes_need_credentials_either_way(closed: httpx.AsyncClient, bus: Bus, way: bytes) -> None:
    position = await bus.last_sequence("WRITES")
    good = b"Authorization: Basic d3JpdGVyOndyaXRlcidz\r\n"
    async with Connection(closed, way) as connection:
        for path in sorted(WRITE_PATHS):
            for headers, query, status in [
                (b"", b"?db=a&bucket=a", b"401"),
                (b"Authorization: Basic eDp5\r\n", b"?db=a&bucket=a", b"401"),
                (good, b"?db=a&bucket=a", b"204"),
                (b"", b"?db=a&bucket=a&u=writer&p=writer%27s", b"204"),
                (b"", b"?db=a&bucket=a&u=writer&p=wrong", b"401"),
            ]:
                request = post(query, b"cpu v=1", headers, path.encode())
                assert (plain_head(connection.on_its_way(request)) is not None) == (way == PLAIN)
                (answer,) = await connection.request(request)
                assert answer.startswith(b"HTTP/1.1 " + status), (path, headers, query)
        # What is not let in is read all the same: the next request begins behind it, and none hides in it.
        refused = post(b"?db=a", post(b"?db=hidden", b"cpu v=2", good).replace(b"@", b""))
        long = post(b"?db=a", b"cpu v=1 1700000000000000000\n" * 200_000)
        answers = await connection.request(refused + long + post(b"?db=a", b"cpu v=3", good), 3)
        assert [answer[9:12] for answer in answers] == [b"401", b"401", b"204"]
    stored = await stored_since(bus, position)
    assert {subject for subject, _, _ in stored} == {"tickbus.write.a.="}
    assert [data for _, data, _ in stored] == [b"cpu v=1"] * (2 * len(WRITE_PATHS)) + [b"cpu v=3"]


async def test_refusals_are_the_same_either_way(closed: httpx.AsyncClient, bus: Bus) -> None:
    token, forged = (bearer("writer", secret)["Authorization"].encode() for secret in (SECRET, "x" * 64))
    answers = await both_ways(
        closed,
        bus,
        [
            post(b"?db=a", b"cpu v=1"),
            post(b"?db=a", b"cpu v=1", b"Authorization: Basic eDp5\r\n"),
            post(b"?db=a&u=reader&p=reader's", b"cpu v=1"),
            post(b"?db=a&bucket=a&u=writer&p=writer's", b"cpu"),
            post(b"?u=writer&p=writer's", b"cpu v=1"),
            post(b"?db=b", b"cpu v=1", b"Authorization: Basic fnN1YnNjcmliZXI6dDBrZW4=\r\n"),
            post(b"?db=b", b"", b"Authorization: Basic fnN1YnNjcmliZXI6dDBrZW4=\r\n"),
            post(b"?db=a", b"cpu v=1", b"Authorization: Basic fnN1YnNjcmliZXI6dDBrZW4=\r\n"),
            post(b"?db=a", b"cpu v=1", b"Authorization: %b\r\n" % token),
            post(b"?db=a", b"cpu v=1", b"Authorization: %b\r\n" % forged),
        ],
    )
    found = [(int(answer[9:12]), answer.partition(b"\r\n\r\n")[2].decode()) for answer in answers]
    assert [status for status, _ in found] == [401, 401, 403, 400, 400, 401, 401, 204, 204, 401]
    assert '"user reader does not have \\"write\\" privilege for API endpoint \\"/write\\""' in found[2][1]
    user = token_name(found[5][1])
    assert found[5][1] == f'"{user}" user is not authorized to write to database "b"\n' == found[6][1]
    assert "invalid token: signature is invalid" in found[9][1]


def token_name(text: str) -> str:
    found = re.match(r'"(_sub:[0-9a-f]{32})"', text)
    assert found, text
    return found[1]


@pytest.mark.parametrize(
    ("request_of", "status", "error"),
    [
        ({"auth": ("root", "wrong")}, 401, "authorization failed"),
        ({"auth": ("nobody", "x")}, 401, "authorization failed"),
        ({"auth": ("", "x")}, 401, "username required"),
        ({"auth": ("~subscriber", "other")}, 401, "invalid subscription token"),
        ({"auth": ("~subscriber", "a b")}, 401, 'token must be a valid username: "a b"'),
        ({"headers": bearer("root", secret="x" * 64)}, 401, "invalid token: signature is invalid"),
        ({"headers": bearer("root", exp=1)}, 401, "invalid token: Token is expired"),
        ({"headers": bearer("nobody")}, 401, 'retrieving user "nobody" from store: no user exists'),
        ({"headers": {"Authorization": "Negotiate x"}}, 401, "unable to parse authentication credentials"),
        ({"auth": ("none", "none's")}, 403, 'user none does not have "read" privilege for API endpoint "PATH"'),
        ({"headers": bearer("writer")}, 403, 'user writer does not have "read" privilege for API endpoint "PATH"'),
        ({"auth": ("~subscriber", "t0ken")}, 403, ' does not have "read" privilege for API endpoint "PATH"'),
    ],
)
async def test_wrong_credentials_are_401_and_a_missing_privilege_403(
    closed: httpx.AsyncClient, request_of: dict[str, Any], status: int, error: str
) -> None:
    path = f"{V1}/tasks"
    answer = await closed.get(path, **request_of)
    assert answer.status_code == status
    assert answer.json()["error"].endswith(error.replace("PATH", path))


async def test_every_kind_of_credentials_lets_in_what_its_user_may(closed: httpx.AsyncClient) -> None:
    path = f"{V1}/tasks"
    for credentials in [
        {"auth": by_name("root")},
        {"auth": by_name("reader")},
        {"headers": bearer("reader")},
        {"params": {"u": "reader", "p": "reader's"}},
    ]:
        assert (await closed.get(path, **credentials)).status_code == 200  # type: ignore[arg-type]
    answer = await closed.delete(f"{V1}/users/root", auth=by_name("reader"))
    text = 'user reader does not have "delete" privilege for API endpoint "/kapacitor/v1/users/root"'
    assert (answer.status_code, answer.json()) == (403, {"error": text})
    assert (await closed.get(f"{PREVIEW}/storage/backup", auth=by_name("reader"))).status_code == 403


async def test_what_a_user_may_changes_with_the_user(closed: httpx.AsyncClient) -> None:
    async def status(password: str = "one", path: str = f"{V1}/tasks") -> int:
        return (await closed.get(path, auth=("eve", password))).status_code

    root = by_name("root")
    assert await status() == 401
    await closed.post(f"{V1}/users", json={"name": "eve", "password": "one"}, auth=root)
    assert await status() == 403
    await closed.patch(f"{V1}/users/eve", json={"permissions": ["api"]}, auth=root)
    assert await status() == 200
    await closed.patch(f"{V1}/users/eve", json={"password": "two"}, auth=root)
    assert (await status(), await status("two")) == (401, 200)
    await closed.delete(f"{V1}/users/eve", auth=root)
    assert (await status(), await status("two")) == (401, 401)


async def test_a_token_that_is_revoked_writes_no_more(closed: httpx.AsyncClient, bus: Bus) -> None:
    async def status(database: str) -> int:
        parameters = {"db": database}
        answer = await closed.post("/write", params=parameters, content="cpu v=1", auth=("~subscriber", "brief"))
        return answer.status_code

    await command(bus, "grant", {"token": "brief", "database": "a"}, "token")
    assert (await status("a"), await status("b")) == (204, 401)
    await command(bus, "revoke", {"token": "brief"}, "token")
    assert await status("a") == 401


async def test_many_writes_are_one_slow_hash(closed: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = 0
    check = passwords._checked

    def counted(password: bytes, hash: str) -> bool:
        nonlocal computed
        computed += 1
        return check(password, hash)

    monkeypatch.setattr(passwords, "_checked", counted)
    for _ in range(20):
        answer = await closed.post("/write?db=a", content="cpu v=1", auth=by_name("writer"))
        assert answer.status_code == 204
    assert computed == 1


async def test_credentials_in_the_query_are_no_parameters_of_what_is_asked(
    closed: httpx.AsyncClient, nats_server: NatsServer
) -> None:
    query = "u=root&p=root's&task=t1"
    async with (
        DiagnosticsAgent("standin", Config(nats=Nats(url=nats_server.url))),
        closed.stream("GET", f"{PREVIEW}/logs?{query}", timeout=10) as answer,
        asyncio.timeout(30),
    ):
        while not log.get("engine").enabled("DEBUG"):
            await asyncio.sleep(0.01)
        log.get("engine").debug("told", task="t1")
        assert "msg=told" in await anext(answer.aiter_lines())
    log.set_level("INFO")


def test_no_password_is_logged() -> None:
    for query, shown in [
        (b"db=a&u=bob&p=secret", "db=a&u=bob&p=[REDACTED]"),
        (b"p=secret&rp=x", "p=[REDACTED]&rp=x"),
        (b"%70=secret&db=a&p=", "%70=[REDACTED]&db=a&p="),
        (b"rp=p=1&up=2", "rp=p=1&up=2"),
    ]:
        logged = LoggedRequest.of("POST", "/write", query, [(b"authorization", b"Basic c2VjcmV0")], "1.1")
        assert f"/write?{shown}" in logged.what
        assert "secret" not in logged.what + logged.who and "c2Vj" not in logged.who
