"""``tickbus user`` against a real gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.cli.commands.operations import user
from tests.support.nats import NatsServer
from tests.unit.services.cli.conftest import Run, RunCommand
from tests.unit.services.gateway.conftest import StartGateway, nats_server, start_gateway

__all__ = ["nats_server", "start_gateway"]


@pytest.fixture
async def closed(start_gateway: StartGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with start_gateway(auth_enabled=True) as client:
        yield client


@pytest.fixture
def run(run_command: RunCommand) -> Run:
    return run_command("user")


async def status(client: httpx.AsyncClient, name: str, password: str, path: str = "tasks") -> int:
    return (await client.get(f"/kapacitor/v1/{path}", auth=(name, password))).status_code


async def test_the_first_user_and_others(closed: httpx.AsyncClient, run: Run) -> None:
    assert await run("add", "root", "--admin", stdin="one two\n") == (0, "user root added\n", "")
    assert await status(closed, "root", "one two") == 200
    code, _, said = await run("add", "root", stdin="x\n")
    assert (code, said) == (1, "tickbus user: failed to create user: user already exists\n")
    assert (await run("add", "bob", "--permissions", "api, write_points", stdin="first"))[0] == 0
    assert await status(closed, "bob", "first") == 200
    assert await run("passwd", "bob", stdin="second\r\n") == (0, "user bob changed\n", "")
    assert (await status(closed, "bob", "first"), await status(closed, "bob", "second")) == (401, 200)
    assert (await run("list"))[1] == ("NAME  TYPE    PERMISSIONS\nbob   normal  api, write_points\nroot  admin\n")
    assert (await run("set", "bob", "--permissions", ""))[0] == 0
    assert await status(closed, "bob", "second") == 403
    assert (await run("set", "bob", "--admin"))[0] == (await run("set", "root", "--normal"))[0] == 0
    assert (await status(closed, "bob", "second"), await status(closed, "root", "one two")) == (200, 403)
    for name in ("bob", "root"):
        assert await run("delete", name) == (0, f"user {name} deleted\n", "")
    assert await run("delete", "bob") == (1, "", "tickbus user: no user exists\n")
    assert (await run("passwd", "bob", stdin="x"))[0] == 1
    assert await status(closed, "bob", "second") == 401


async def test_tokens(closed: httpx.AsyncClient, run: Run) -> None:
    async def write(password: str, database: str = "telegraf") -> int:
        answer = await closed.post(f"/write?db={database}", content="cpu v=1", auth=("~subscriber", password))
        return answer.status_code

    code, said, _ = await run("grant", "telegraf")
    token = said.splitlines()[1]
    assert (code, await write(token), await write(token, "other"), await write("x")) == (0, 204, 401, 401)
    name, kind, what = (await run("list"))[1].splitlines()[-1].split(maxsplit=2)
    assert (kind, what, token in name) == ("token", "writes to telegraf", False)
    assert (await run("revoke", name))[0] == 0
    assert await write(token) == 401


async def test_the_terminal_is_asked_twice(
    closed: httpx.AsyncClient, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[str] = []
    monkeypatch.setattr(user.getpass, "getpass", lambda prompt: answers.pop(0))
    answers[:] = ["typed", "mistyped"]
    assert await run("add", "typist", stdin=None) == (1, "", "tickbus user: the two are not the same\n")
    answers[:] = ["typed", "typed"]
    assert await run("add", "typist", stdin=None) == (0, "user typist added\n", "")
    assert await status(closed, "typist", "typed") == 403
    await run("delete", "typist")


async def test_what_is_in_the_way_is_said(run: Run, tmp_path: Path, nats_server: NatsServer) -> None:
    assert await run("add", "x", stdin="\n") == (1, "", "tickbus user: a password must not be empty\n")
    code, _, said = await run("list")
    assert (code, said) == (
        1,
        "tickbus user: no gateway answers on this NATS: is tickbus running, under this prefix?\n",
    )
    code, _, said = await run("list", "--nats", "nats://127.0.0.1:1")
    assert (code, said.startswith("tickbus user: cannot connect to NATS at nats://127.0.0.1:1: ")) == (1, True)
    (tmp_path / "state.json").write_text("{}")
    assert (await run("list"))[2].startswith(f"tickbus user: {tmp_path}/state.json cannot be read")
    (tmp_path / "state.json").unlink()
    assert (await run("list"))[2].startswith(f"tickbus user: no `tickbus serve` runs on {tmp_path}: ")
