"""Handlers do nothing that [security] does not allow, whoever has defined them and whenever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.config import Config, Http, Security
from services.alerting import handlers
from services.alerting.errors import Rejected
from services.alerting.handler_base import HandlerContext
from services.alerting.handlers import post
from services.alerting.service_tests.registry import run_service_test, service_tests
from services.alerting.transports.http import Http as Client
from services.process.log import hide
from services.process.permissions import Guard, NotPermitted
from tests.support.alerts import sink
from tests.unit.services.alerting.handlers.test_handlers import event, uses
from tests.unit.services.alerting.handlers.test_services import sections


def closed(folder: Path, **security: object) -> Guard:
    """What is allowed with authentication on."""
    http = Http(auth_enabled=True)
    return Guard.of(Config(data_dir=folder / "data", http=http, security=Security(**security)))  # type: ignore[arg-type]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client()
    yield client
    await client.close()


async def handle(kind: str, options: dict[str, Any], guard: Guard, client: Client, config: Any = None) -> None:
    handler, loaded = handlers.from_json(kind, options)
    await handler.handle(event(), loaded, HandlerContext(client, config or {}, guard=guard))  # type: ignore[union-attr]


def address_of(server: asyncio.Server) -> str:
    return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        (".exec('/bin/sh', '-c', 'id')", "commands"),
        (".log('/tmp/x')", "write-directories"),
        (".tcp('127.0.0.1:1')", "addresses"),
        (".serviceNow().URL('http://evil')", "the configuration's password is not sent to http://evil:80"),
        (".zenoss().URL('http://evil')", "the configuration's password is not sent to http://evil:80"),
    ],
)
async def test_what_is_not_listed_is_neither_taken_nor_done(
    tmp_path: Path, client: Client, text: str, setting: str
) -> None:
    guard = closed(tmp_path)
    config = sections(
        servicenow={"url": "http://snow", "username": "u", "password": "p"},
        zenoss={"url": "http://z", "username": "u", "password": "p"},
    )
    (use,) = uses(text)
    with pytest.raises(NotPermitted, match=setting):
        handlers.check(use, config, guard)
    written = handlers.to_json(use)
    with pytest.raises(NotPermitted, match=setting):
        handlers.check_json(written["kind"], written["options"], config, guard)
    with pytest.raises(Rejected, match=setting):
        await handle(written["kind"], written["options"], guard, client, config)


async def test_what_is_listed_is_done(tmp_path: Path, client: Client) -> None:
    script, out = tmp_path / "notify", tmp_path / "out" / "log"
    script.write_text(f"#!/bin/sh\ncat > {tmp_path}/seen\n")
    script.chmod(0o700)
    out.parent.mkdir()
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    address = address_of(server)
    guard = closed(tmp_path, commands=(str(script),), write_directories=(str(out.parent),), addresses=(address,))
    await handle("exec", {"prog": str(script)}, guard, client)
    assert b'"id":"c"' in (tmp_path / "seen").read_bytes()
    await handle("log", {"path": str(out)}, guard, client)
    assert b'"id":"c"' in out.read_bytes()
    await handle("tcp", {"address": address}, guard, client)
    server.close()


async def test_a_link_that_is_made_later_leads_nowhere(tmp_path: Path, client: Client) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "state.json").write_text("{}")
    (tmp_path / "out").mkdir()
    guard = closed(tmp_path, write_directories=(str(tmp_path / "out"),))
    options = {"path": str(tmp_path / "out" / "log")}
    handlers.check_json("log", options, {}, guard)
    (tmp_path / "out" / "log").symlink_to(tmp_path / "data" / "state.json")
    with pytest.raises(Rejected, match="in the data directory"):
        await handle("log", options, guard, client)
    assert (tmp_path / "data" / "state.json").read_text() == "{}"


async def test_a_template_file_is_never_one_of_the_data_directory(tmp_path: Path, client: Client) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "state.json").write_text("nats://u:p@h")
    endpoint = post.Endpoint(endpoint="e", url="http://127.0.0.1:1", alert_template_file=f"{tmp_path}/data/state.json")
    guard = Guard.of(Config(data_dir=tmp_path / "data"))
    with pytest.raises(Rejected, match="in the data directory"):
        await handle("post", {"endpoint": "e"}, guard, client, {"httppost": (endpoint,)})


async def test_nothing_is_posted_to_a_network_that_is_on_the_list(tmp_path: Path) -> None:
    guard = Guard(Security(blacklist_cidrs=("private",)))
    client = Client(guard)
    async with sink() as web:
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(Rejected, match="blacklist-cidrs"):
                await client.post(web.url.replace("127.0.0.1", host), {}, b"{}")
        assert not web.posts
    received: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    with pytest.raises(Rejected, match="blacklist-cidrs"):
        await handle("tcp", {"address": address_of(server)}, guard, client)
    server.close()
    await client.close()
    assert not any(received)


async def test_a_redirect_leads_to_no_network_that_is_on_the_list() -> None:
    """The first server may be spoken to; where it sends on to not."""
    client = Client(Guard(Security(blacklist_cidrs=("127.0.0.2",))))
    async with sink() as web:

        async def send_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            target = web.url.replace("127.0.0.1", "127.0.0.2")
            writer.write(f"HTTP/1.1 307 x\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n".encode())
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(send_on, "127.0.0.1", 0)
        second = await asyncio.start_server(lambda r, w: None, "127.0.0.2", int(web.url.rpartition(":")[2]))
        with pytest.raises(Rejected, match="blacklist-cidrs"):
            await client.post(f"http://{address_of(server)}/", {}, b"{}")
        server.close()
        second.close()
        assert not web.posts
    await client.close()


def test_a_handler_that_is_disabled_is_taken_from_nobody() -> None:
    guard = Guard(Security(disable_handlers=("slack", "log")))
    for kind, options in (("log", {"path": "/tmp/x"}), ("slack", {})):
        with pytest.raises(NotPermitted, match="disable-handlers"):
            handlers.check_json(kind, options, sections(slack={"url": "http://h", "channel": "#a"}), guard)
    (use,) = uses(".log('/tmp/x')")
    with pytest.raises(NotPermitted, match="disable-handlers"):
        handlers.check(use, {}, guard)


async def test_tests_of_services_tell_no_secret(client: Client) -> None:
    config = sections(
        pushover={"token": "the-token", "user-key": "the-user-key", "url": "http://u:the-password@127.0.0.1:1/"},
        teams={"channel-url": "http://127.0.0.1:1/the-webhook"},
    )
    for name in ("pushover", "teams"):
        options = service_tests()[name].options(config)
        assert "the-" not in str(options)
        hide("test", ["the-token", "the-user-key", "the-webhook"])
        said = await run_service_test(name, options, HandlerContext(client, config))
        hide("test", [])
        assert said and "the-" not in said


async def test_a_handler_that_is_disabled_is_neither_tested_nor_given_to_every_alert(client: Client) -> None:
    guard = Guard(Security(disable_handlers=("smtp",)))
    config = sections(smtp={"global": True, "from": "a@b.c", "to": ["a@b.c"]})
    said = await run_service_test(
        "smtp", service_tests()["smtp"].options(config), HandlerContext(client, config, guard=guard)
    )
    assert "disable-handlers" in said
    properties = SimpleNamespace(handlers=[], state_changes_only=None)
    handlers.configured(properties, config, guard)
    assert not properties.handlers
    handlers.configured(properties, config)
    assert [use.kind for use in properties.handlers] == ["smtp"]


def test_options_that_no_handler_takes_are_an_error_of_whoever_gives_them() -> None:
    (use,) = uses(".mqtt('t').qos(3)")
    with pytest.raises(ValueError, match=r"^invalid options of mqtt: qos: invalid QoS"):
        handlers.check_permitted(use, sections(), Guard())
