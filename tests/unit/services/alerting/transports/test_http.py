"""The HTTP client against servers that behave, and that do not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from services.alerting.errors import Rejected, Unsent
from services.alerting.transports.http import Http, HttpResponse
from tests.support.alerts import sink

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http()
    yield client
    await client.close()


async def serve(script: Script) -> tuple[asyncio.Server, str]:
    """A server that plays a script on each connection; its URL."""

    async def played(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(played, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def saying(said: bytes, stays: bool = False) -> Script:
    """A script that answers with this, and goes, or waits for the other side to."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        if stays:
            await reader.read()

    return script


async def test_servers_that_nobody_asks_any_more_do_not_keep_others_from_being_kept(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.alerting.transports.http._KEPT", 2)
    async with sink() as once, sink() as often, sink() as also:
        await http.post(once.url, {}, b"")
        for _ in range(3):
            await http.post(often.url, {}, b"")
            await http.post(also.url, {}, b"")
        assert (once.connections, often.connections, also.connections) == (1, 1, 1)
        await http.post(once.url, {}, b"")
        assert once.connections == 2


@pytest.mark.parametrize("location", ["http://[", "ftp://x/", "http://x:99999/"])
async def test_an_answer_that_leads_nowhere_is_a_refusal(http: Http, location: str) -> None:
    async with sink() as web:
        web.answer, web.location = lambda path, before: 307, location
        with pytest.raises(Rejected, match="failed to"):
            await http.post(web.url, {}, b"")


async def test_blanks_around_a_headers_value_are_not_sent(http: Http) -> None:
    async with sink() as web:
        await http.post(web.url, {"Authorization": "Bearer ", "X-A": "\ta b ", "X-B": ""}, b"")
        with pytest.raises(Rejected, match="Illegal header value"):
            await http.post(web.url, {"X-A": "a\nb"}, b"")
    ((_, headers, _),) = web.posts
    assert (headers["authorization"], headers["x-a"]) == ("Bearer", "a b")


async def test_connections_are_used_again(http: Http) -> None:
    async with sink() as web:
        web.answer = lambda path, before: 418
        web.body = b"tea"
        for _ in range(3):
            answer = await http.post(web.url + "/a b?q=ä&%20", {"X-A": "1", "Content-Type": "t"}, b"body")
            assert answer == HttpResponse(418, b"tea") and not answer.taken
        await asyncio.gather(*(http.post(web.url, {}, b"") for _ in range(4)))
        assert web.connections == 4
        path, headers, body = web.posts[0]
        assert (path, body) == ("/a%20b?q=%C3%A4&%20", b"body")
        assert headers["x-a"] == "1" and headers["host"] == web.url[7:] and headers["content-length"] == "4"


async def test_a_user_in_the_url_logs_in(http: Http) -> None:
    async with sink() as web:
        await http.post(web.url.replace("//", "//bob:p%40w@"), {}, b"")
        assert web.posts[0][1]["authorization"] == "Basic Ym9iOnBAdw=="
        assert web.posts[0][1]["host"] == web.url[7:]


@pytest.mark.parametrize(("status", "sent"), [(307, b"body"), (302, b"")])
async def test_redirects_are_followed(http: Http, status: int, sent: bytes) -> None:
    async with sink() as web:
        web.answer = lambda path, before: status if path == "/old" else 204
        web.location = "/new"
        assert await http.post(web.url + "/old", {}, b"body") == HttpResponse(204, b"")
        assert [(path, body) for path, _, body in web.posts] == [("/old", b"body"), ("/new", sent)]
        web.answer = lambda path, before: status
        with pytest.raises(Rejected, match="10 redirects"):
            await http.post(web.url, {}, b"")


async def test_what_a_server_says_unasked_is_not_taken_for_an_answer(http: Http) -> None:
    count = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        while True:
            await reader.readuntil(b"\r\n\r\n")
            count += 1
            writer.write(b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n")
            await asyncio.sleep(0.01)
            writer.write(b"{}")

    server, url = await serve(script)
    for _ in range(3):
        assert await http.post(url, {}, b"") == HttpResponse(204, b"")
        await asyncio.sleep(0.02)
    assert count == 3
    server.close()


async def test_a_connection_that_the_server_has_closed_is_not_used_again(http: Http) -> None:
    count = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        await reader.readuntil(b"\r\n\r\n")
        count += 1
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
        # the second request comes to a connection that is closed only then
        if count == 1:
            await reader.readuntil(b"\r\n\r\n")

    server, url = await serve(script)
    assert [await http.post(url, {}, b"") for _ in range(3)] == [HttpResponse(200, b"ok")] * 3
    server.close()


@pytest.mark.parametrize("said", [b"", b"HT", b"HTTP/1.1 200 OK\r\nContent-Le"])
async def test_no_whole_answer_is_none(http: Http, said: bytes) -> None:
    server, url = await serve(saying(said))
    with pytest.raises(Unsent, match="failed to POST alert data to http"):
        await http.post(url, {}, b"")
    server.close()


@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize("said", [b"SSH-2.0\r\n\r\n", b"OK\n", b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.1 101 Other\r\n\r\n"])
async def test_who_answers_in_another_way_has_had_the_request(http: Http, said: bytes, stays: bool) -> None:
    server, url = await serve(saying(said, stays))
    async with asyncio.timeout(5):
        with pytest.raises(Rejected, match="no HTTP answer"):
            await http.post(url, {}, b"")
    server.close()


@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
    ],
)
async def test_a_status_is_an_answer_whatever_becomes_of_the_body(http: Http, said: bytes, stays: bool) -> None:
    server, url = await serve(saying(said, stays))
    async with asyncio.timeout(10):
        for _ in range(2):
            assert await http.post(url, {}, b"") == HttpResponse(200, b"short")
    server.close()


@pytest.mark.parametrize("url", ["", "x", "ftp://h/", "http://", "http://h:x/", "http://[::1/"])
async def test_what_is_no_url_is_refused(http: Http, url: str) -> None:
    with pytest.raises(Rejected, match="failed to create POST request"):
        await http.post(url, {}, b"")


async def test_a_header_that_is_none_is_refused(http: Http) -> None:
    async with sink() as web:
        with pytest.raises(Rejected, match="failed to create POST request"):
            await http.post(web.url, {"X": "a\nb"}, b"")
        assert web.posts == []


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("7", 7, 7),
        ("1.5", 1.5, 1.5),
        ("", 0, 0),
        ("soon", 0, 0),
        ("-3", 0, 0),
        ("1e400", float("inf"), float("inf")),
        ("in a minute", 30, 60),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
    ],
)
async def test_how_long_a_server_asks_to_wait(http: Http, text: str, least: float, most: float) -> None:
    if text == "in a minute":
        text = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    async with sink() as web:
        web.answer = lambda path, before: 503
        web.headers = {"Retry-After": text}
        answer = await http.post(web.url, {}, b"")
    problem = answer.problem("busy")
    assert isinstance(problem, Unsent) and str(problem) == "busy" and least <= problem.wait <= most


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500, 501])
def test_other_answers_are_answers(status: int) -> None:
    assert isinstance(HttpResponse(status, b"", 5.0).problem("no"), Rejected)
