"""What the two servers answer, and what is made of it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from services.moving.servers import Busy, CannotGoOn, Refused, Server
from tests.support.old_kapacitor import answering
from tests.support.ports import free_port


def test_a_list_is_asked_for_page_by_page() -> None:
    tasks = [{"id": f"t{i}"} for i in range(200)]
    asked: list[tuple[str, int]] = []

    def answer(path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        start, limit = int(query["offset"][0]), int(query["limit"][0])
        asked.append((f"{path} {query['script-format']} {query['fields']}", start))
        return 200, {"tasks": tasks[start : start + limit]}

    with answering(answer) as url, Server(url) as server:
        assert list(server.all("/tasks", fields=["a", "b"], script_format="raw")) == tasks
    assert asked == [("/kapacitor/v1/tasks ['raw'] ['a', 'b']", start) for start in (0, 100, 200)]


@pytest.mark.parametrize(
    ("status", "body", "error", "text"),
    [
        (400, {"error": "no such thing"}, Refused, "no such thing"),
        (404, b"404 page not found", Refused, "404 Not Found"),
        (401, {"error": "authorization failed"}, CannotGoOn, "needs a user and password, in its URL"),
        (502, b"<html>", CannotGoOn, "does not answer: 502 Bad Gateway"),
        (503, {"error": "the disk is full"}, Busy, "says: the disk is full"),
        (404, b"<html>", CannotGoOn, "is no Kapacitor: it answers /kapacitor/v1/x with 404 and a page"),
        (200, b"<html>", CannotGoOn, "answers /kapacitor/v1/x with what is no JSON: is it a Kapacitor?"),
    ],
)
def test_what_is_no_answer(status: int, body: Any, error: type[Exception], text: str) -> None:
    with answering(lambda path, query: (status, body)) as url, Server(url) as server:
        with pytest.raises(error) as raised:
            server.get("/x")
        assert text in str(raised.value) and (error is Refused or url in str(raised.value))


def test_a_server_that_is_away() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with Server(url) as server, pytest.raises(CannotGoOn, match=f"^{url} does not answer: Connection refused$"):
        server.get("/x")


@pytest.mark.parametrize("given", ["in the URL", "beside it", "beside it and in the URL"])
def test_credentials_go_along_and_are_not_shown(given: str) -> None:
    with answering(lambda path, query: (200, {}), headers := []) as url:
        named = url.replace("://", "://u:p%40ss@" if given == "in the URL" else "://x:y@")
        beside = {} if given == "in the URL" else {"user": "u", "password": "p@ss"}
        with Server(url if given == "beside it" else named, **beside) as server:
            server.get("/x")
            assert server.url == url
    assert [one["Authorization"] for one in headers] == ["Basic " + base64.b64encode(b"u:p@ss").decode()]


@pytest.mark.parametrize("url", ["", "localhost:9092", "ftp://a", "http://", "http://a:b", "http://.."])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ValueError, match="is no URL"):
        Server(url)


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with answering(lambda path, query: (200, {"x": 1})) as url, Server(url) as server:
        assert server.get("/x") == {"x": 1}
