"""What holds for every path."""

from __future__ import annotations

import httpx
import pytest

from services.gateway.entry import clean_path


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


async def test_every_answer_has_its_headers(gateway: httpx.AsyncClient) -> None:
    seen = set()
    for method, path in [("GET", "/kapacitor/v1/ping"), ("GET", "/nowhere"), ("POST", "/write"), ("PUT", "/x")]:
        answer = await gateway.request(method, path, headers={"Origin": "http://here"})
        assert answer.headers["X-Kapacitor-Version"] == "1.5.7"
        assert answer.headers["Access-Control-Allow-Origin"] == "http://here"
        seen.add(answer.headers["Request-Id"])
    assert len(seen) == 4


async def test_what_the_house_does_not_know_is_404(gateway: httpx.AsyncClient) -> None:
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


async def test_a_body_over_the_limit_is_413_for_every_resource(start_gateway) -> None:  # type: ignore[no-untyped-def]
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
