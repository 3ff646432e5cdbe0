"""Nodes do nothing that [security] does not allow."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from grammar.tickscript.parser import parse
from schemas.config import Config, Security
from services.connectors.http_sender import Post, PostEndpoint, PostResult, Sender
from services.connectors.sideload import SideloadError, Sources
from services.nodes import registry
from services.pipeline.compiler.compile import compile_script
from services.process.permissions import Guard
from services.runtime.building.sideloading import sideloaded
from services.runtime.environment import TaskEnvironment
from services.runtime.errors import TaskFailed
from tests.support.alerts import sink
from tests.support.graph import ScriptRun


def task(source: str, guard: Guard) -> ScriptRun:
    script = f"stream|from()|sideload().source('{source}').order('x.json').field('v', 0)|httpOut('x')"
    return ScriptRun(script, environment=TaskEnvironment(guard=guard))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("data", "allowed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.json").write_text('{"v": 1}')
    return tmp_path


def test_what_is_not_listed_ends_the_task(folder: Path) -> None:
    (folder / "allowed" / "a" / "b" / "data").mkdir(parents=True)
    (folder / "allowed" / "deep").symlink_to(folder / "allowed" / "a" / "b" / "data")
    guard = Guard(Security(read_directories=(f"{folder}/allowed",)), closed=True, private=[f"{folder}/data"])
    task(f"file://{folder}/allowed", guard).run.close()
    for source, why in (
        (f"{folder}/data", "in the data directory"),
        (f"{folder}/allowed/../data", "in the data directory"),
        (f"{folder}/allowed/%2e%2e/data", "in the data directory"),
        (str(folder), "read-directories"),
        ("/proc/self", "nothing is read from /proc"),
        # what is checked is what is read: the path is cleaned before links are followed
        (f"{folder}/allowed/deep/../../data", "in the data directory"),
    ):
        with pytest.raises(TaskFailed, match=why):
            task(f"file://{source}", guard)


async def test_a_file_in_the_folder_may_be_a_link_to_no_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = Sources()
    monkeypatch.setattr("services.nodes.sideload.SOURCES", sources)
    guard = Guard.of(Config(data_dir=folder / "data"))
    run = task(f"file://{folder}/allowed", guard)
    (folder / "allowed" / "y.json").symlink_to(folder / "data" / "x.json")
    with pytest.raises(SideloadError, match="in the data directory"):
        await sources.reload()
    run.run.close()


def test_what_another_task_may_read_is_not_shared_with_one_that_may_not(folder: Path) -> None:
    sources = Sources()
    sources.take(f"file://{folder}/allowed", {})
    with pytest.raises(SideloadError, match="read-directories"):
        sources.take(f"file://{folder}/allowed", {}, Guard(closed=True))


class _Server(BaseHTTPRequestHandler):
    seen: list[tuple[str, str | None]]
    target = ""

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization")))
        if self.path == "/from":
            self.send_response(302)
            self.send_header("Location", self.target)
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"x.json": {"v": 2}}')

    def log_message(self, *about: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def server() -> Iterator[tuple[str, type[_Server]]]:
    """At all addresses of the loopback network; its URL has one of them."""
    handler = type("Handler", (_Server,), {"seen": []})
    web = HTTPServer(("0.0.0.0", 0), handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{web.server_port}", handler
    web.shutdown()
    web.server_close()


def test_a_source_behind_a_url_is_at_no_address_that_is_on_the_list(server: tuple[str, type[_Server]]) -> None:
    url, handler = server
    with pytest.raises(SideloadError, match="blacklist-cidrs"):
        Sources().take(url, {}, Guard(Security(blacklist_cidrs=("private",))))
    assert not handler.seen
    Sources().take(url, {}, Guard(Security(blacklist_cidrs=("192.0.2.0/24",))))
    assert handler.seen == [("/", None)]


def test_nor_is_it_sent_on_to_such_an_address(server: tuple[str, type[_Server]]) -> None:
    url, handler = server
    handler.target = url.replace("127.0.0.1", "127.0.0.2") + "/to"
    with pytest.raises(SideloadError, match=r"the address 127\.0\.0\.2 is not allowed: it is in blacklist-cidrs"):
        Sources().take(f"{url}/from", {}, Guard(Security(blacklist_cidrs=("127.0.0.2/32",))))
    assert handler.seen == [("/from", None)]


async def test_what_is_read_before_a_task_starts_is_checked_as_well(
    folder: Path, server: tuple[str, type[_Server]]
) -> None:
    url, handler = server
    guard = Guard(
        Security(read_directories=(f"{folder}/allowed",), blacklist_cidrs=("private",)),
        closed=True,
        private=[f"{folder}/data"],
    )
    (folder / "allowed" / "in").symlink_to(folder / "data")
    (folder / "allowed" / "linked").mkdir()
    (folder / "allowed" / "linked" / "x.json").symlink_to(folder / "data" / "x.json")
    sources = Sources()
    for source, why in (
        (url, "blacklist-cidrs"),
        (f"file://{folder}/data", "in the data directory"),
        (f"file://{folder}/allowed/in", "in the data directory"),
        (f"file://{folder}/allowed/linked", "in the data directory"),
        (f"file://{folder}", "read-directories"),
    ):
        graph = compile_script(parse(f"stream|from()|sideload().source('{source}')"), registry()).graph
        with pytest.raises(TaskFailed, match=why):
            async with sideloaded(graph, TaskEnvironment(guard=guard), sources):
                pass
    await sources.close()
    assert not handler.seen


def test_what_logs_in_is_not_sent_on_to_another_host_nor_shared(server: tuple[str, type[_Server]]) -> None:
    url, handler = server
    login = PostEndpoint("", username="u", password="p").authorization()
    handler.target = url.replace("127.0.0.1", "localhost") + "/to"
    sources = Sources()
    first = sources.take(f"{url}/from", login)
    assert handler.seen == [("/from", "Basic dTpw"), ("/to", None)]
    handler.target = f"{url}/to"
    assert sources.take(f"{url}/from", {}) is not first
    sources.release(first)
    assert handler.seen[2:] == [("/from", None), ("/to", None)]


async def test_nothing_is_posted_to_a_network_that_is_on_the_list() -> None:
    answers: list[PostResult] = []
    there = asyncio.Event()

    def take(post: Post, answer: PostResult) -> None:
        answers.append(answer)
        there.set()

    sender = Sender(5.0, take, guard=Guard(Security(blacklist_cidrs=("127.0.0.0/8", "::1"))))
    async with sink() as web:
        for host in ("127.0.0.1", "localhost"):
            there.clear()
            sender.add(Post(web.url.replace("127.0.0.1", host), {}, b"{}"))
            sender.kick()
            await asyncio.wait_for(there.wait(), 10)
        assert not web.posts
    assert [answer.code for answer in answers] == [0, 0]
    assert all("blacklist-cidrs" in answer.text for answer in answers)
