"""What holds for every path."""

from __future__ import annotations

import httpx
import pytest

from services.gateway.http.dispatcher import clean_path
from tests.unit.services.gateway.conftest import StartGateway


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("/a/b", "/a/b"),
        ("/a/b/", "/a/b/"),
        ("/a/.b", "/a/.b"),
        ("//a", "/a"),
        ("/a//b/", "/a/b/"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/../..", "/"),
        ("", "/"),
        ("/.", "/"),
    ],
)
def test_clean_path(path: str, clean: str) -> None:
    assert clean_path(path) == clean


async def test_every_answer_has_its_headers(start_gateway: StartGateway) -> None:
    async with start_gateway(cors=("http://here",)) as gateway:
        await _has_headers(gateway)


async def _has_headers(gateway: httpx.AsyncClient) -> None:
    seen = set()
    for method, path in [("GET", "/kapacitor/v1/ping"), ("GET", "/nowhere"), ("POST", "/write"), ("PUT", "/x")]:
        answer = await gateway.request(method, path, headers={"Origin": "http://here"})
        assert answer.headers["X-Kapacitor-Version"] == "1.5.7"
        assert answer.headers["Access-Control-Allow-Origin"] == "http://here"
        seen.add(answer.headers["Request-Id"])
    assert len(seen) == 4


@pytest.mark.parametrize(("cors", "origin"), [((), "http://here"), (("http://here",), "http://there")])
async def test_the_answer_is_not_for_pages_of_origins_that_are_not_listed(
    start_gateway: StartGateway, cors: tuple[str, ...], origin: str
) -> None:
    async with start_gateway(cors=cors) as gateway:
        for method in ("GET", "OPTIONS"):
            answer = await gateway.request(method, "/kapacitor/v1/tasks", headers={"Origin": origin})
            assert answer.status_code == 200
            assert not [name for name in answer.headers if name.startswith("access-control")]


TASK = b'{"id": "evil", "type": "stream", "dbrps": [{"db": "d", "rp": "r"}], "script": "stream|from()"}'


async def test_a_page_of_another_origin_defines_no_task(gateway: httpx.AsyncClient) -> None:
    """A browser sends a text without asking; for JSON it asks first, and is not told yes."""
    foreign = {"Origin": "http://evil.example", "Content-Type": "text/plain"}
    for path in ("/kapacitor/v1/tasks", "/write?db=d"):
        answer = await gateway.post(path, content=TASK, headers=foreign)
        assert answer.status_code == 403
        assert 'origin "http://evil.example" may only send application/json' in answer.json()["error"]
    assert (await gateway.get("/kapacitor/v1/tasks/evil")).status_code == 404
    host = gateway.base_url.netloc.decode()
    for headers in ({"Origin": f"http://{host}"}, {"Origin": "http://x", "Content-Type": "application/json"}, {}):
        answer = await gateway.post("/write?db=d", content=b"cpu v=1", headers=headers)
        assert answer.status_code == 204, headers


async def test_a_name_that_is_made_to_mean_this_machine_is_not_served(start_gateway: StartGateway) -> None:
    async with start_gateway(hosts=("kapacitor.lan",)) as gateway:
        port = gateway.base_url.port
        for host, status in (
            ("evil.example", 403),
            (f"evil.example:{port}", 403),
            ("localhost", 204),
            (f"127.0.0.1:{port}", 204),
            ("[::1]:9092", 204),
            ("Kapacitor.LAN:1", 204),
        ):
            answer = await gateway.get("/kapacitor/v1/ping", headers={"Host": host})
            assert answer.status_code == status, host
        answer = await gateway.get("/kapacitor/v1/tasks", headers={"Host": "evil.example"})
        assert answer.json() == {
            "error": 'host "evil.example" is not served here: name it in hosts of [http] if it should be'
        }


async def test_unknown_paths_and_methods_are_404(gateway: httpx.AsyncClient) -> None:
    for method, path in [
        ("GET", "/"),
        ("GET", "/kapacitor/v1preview"),
        ("PUT", "/kapacitor/v1/tasks"),
        ("POST", "/kapacitor/v1/tasks/"),
        ("BREW", "/kapacitor/v1/ping"),
        ("GET", "/write"),
        ("GET", "/kapacitor/v1/ping/"),
    ]:
        answer = await gateway.request(method, path)
        assert (answer.status_code, answer.json()) == (404, {"error": "Not Found"}), (method, path)


async def test_a_body_over_the_limit_is_413_for_what_is_no_write_too(start_gateway: StartGateway) -> None:
    async with start_gateway(max_body_size=1000) as client:
        answer = await client.post("/kapacitor/v1/tasks", content=b"x" * 1001)
        assert (answer.status_code, answer.json()) == (413, {"error": "body too large"})


async def test_a_browser_that_is_sent_on_gets_a_link(gateway: httpx.AsyncClient) -> None:
    answer = await gateway.get("/kapacitor/v1//tasks/a%20b?x=<1>&y='")
    assert answer.status_code == 301
    assert answer.headers["Location"] == "/kapacitor/v1/tasks/a%20b?x=%3C1%3E&y='"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    link = "/kapacitor/v1/tasks/a%20b?x=%3C1%3E&amp;y=&#39;"
    assert answer.text == f'<a href="{link}">Moved Permanently</a>.\n\n'
    answer = await gateway.delete("/kapacitor/v1//tasks/x")
    assert (answer.status_code, answer.text, answer.headers["Location"]) == (301, "", "/kapacitor/v1/tasks/x")
