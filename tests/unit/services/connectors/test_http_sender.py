"""Posts: none is forgotten, whenever it comes."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any

import pytest

from services.connectors.http_sender import Post, PostResult, Sender, _trusted
from tests.support.alerts import sink


@pytest.mark.parametrize("turns", range(0, 24, 2))
async def test_a_post_that_comes_while_the_sender_comes_to_its_end_is_sent(turns: int) -> None:
    """turns: of the event loop between the last answer and the next post."""
    answers: list[PostResult] = []
    async with sink() as web:

        def answered(post: Post, answer: PostResult) -> None:
            answers.append(answer)
            if len(answers) == 1:
                tasks.append(asyncio.create_task(later()))

        async def later() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            sender.add(Post(web.url, {}, b"{}"))
            sender.kick()

        tasks: list[asyncio.Task[None]] = []
        sender = Sender(5.0, answered)
        sender.add(Post(web.url, {}, b"{}"))
        sender.kick()
        async with asyncio.timeout(5):
            while len(answers) < 2:
                await asyncio.sleep(0.01)
    assert len(web.posts) == 2


async def answered(timeout: float, *urls: str) -> list[PostResult]:
    """The answers to a post to each."""
    answers: list[PostResult] = []
    whole = asyncio.Event()

    def take(post: Post, answer: PostResult) -> None:
        answers.append(answer)
        if len(answers) == len(urls):
            whole.set()

    sender = Sender(timeout, take)
    for url in urls:
        sender.add(Post(url, {}, b"{}"))
    sender.kick()
    await asyncio.wait_for(whole.wait(), 20)
    return answers


async def test_redirects_are_followed() -> None:
    async with sink() as web:
        web.answer = lambda path, before: 307 if path == "/old" else 204
        web.location = "/new"
        assert await answered(5.0, web.url + "/old") == [PostResult(204, "")]
        assert [(path, body) for path, _, body in web.posts] == [("/old", b"{}"), ("/new", b"{}")]
        web.answer = lambda path, before: 307
        (answer,) = await answered(5.0, web.url + "/old")
        assert answer.code == 0 and "redirects" in answer.text


async def test_posts_say_who_sends_them_unless_the_node_says_something_else() -> None:
    async with sink() as web:
        sender = Sender(5.0, lambda post, answer: None)
        sender.add(Post(web.url, {}, b"{}"))
        sender.add(Post(web.url, {"User-Agent": "mine"}, b"{}"))
        sender.kick()
        async with asyncio.timeout(5):
            while len(web.posts) < 2:
                await asyncio.sleep(0.01)
        agents = [
            value for _, headers, _ in web.posts for name, value in headers.items() if name.lower() == "user-agent"
        ]
        assert agents == ["tickbus", "mine"]


async def test_a_post_is_sent_once_and_has_its_time_in_all() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)

    async with sink() as web, await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        web.answer = lambda path, before: None if path == "/silent" else 204
        slow = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        late = PostResult(0, "no answer within 0.3 s")
        assert await answered(0.3, web.url + "/silent", slow, web.url) == [
            late,
            PostResult(200, ""),
            PostResult(204, ""),
        ]
        assert [path for path, _, _ in web.posts] == ["/silent", "/"]


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            writer.write(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not writer.is_closing():
                writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
                await writer.drain()

    async with await asyncio.start_server(pour, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        assert await answered(10.0, url) == [PostResult(500, "x" * 1000)]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n", "ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", ""),
    ],
)
@pytest.mark.parametrize("stays", [False, True])
async def test_the_status_counts_whatever_becomes_of_the_body(said: bytes, text: str, stays: bool) -> None:
    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        if stays:
            await reader.read()
        writer.close()

    async with await asyncio.start_server(begin, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        (answer,) = await answered(10.0, url)
    assert answer.code == 200 and answer.text in (text, "")


async def test_certificates_are_read_once_for_all_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes 20 ms and holds the worker: too long for each burst of each node."""
    read = ssl.create_default_context
    made: list[ssl.SSLContext] = []

    def counted(**given: Any) -> ssl.SSLContext:
        made.append(read(**given))
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", counted)
    _trusted.cache_clear()
    async with sink() as web:
        for number in range(3):
            whole = asyncio.Event()
            sender = Sender(5.0, lambda post, answer, whole=whole: whole.set())  # type: ignore[misc]
            sender.add(Post(web.url, {}, b"%d" % number))
            sender.kick()
            await asyncio.wait_for(whole.wait(), 20)
    assert len(web.posts) == 3
    assert len(made) == 1
