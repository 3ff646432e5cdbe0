"""``tickbus streams`` against a real NATS."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.bus.account.kept import DEFAULT_WISHES, kept
from services.bus.connection import Bus
from services.bus.inventory import SYNC_ADVICE
from services.cli.main import main
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]


@pytest.fixture(autouse=True)
async def some_streams(nats_server: NatsServer, alone: None) -> None:
    async with await Bus.connect(nats_server.url, "test") as bus:
        await bus.ensure_streams()


async def test_of_a_foreign_nats_it_says_what_to_set(
    nats_server: NatsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(main, ["streams", "--nats", nats_server.url]) == 0
    said = capsys.readouterr().out
    head, *rows = said.splitlines()
    assert head.split()[:4] == ["NAME", "KIND", "MESSAGES", "BYTES"]
    assert [row.split()[:2] for row in rows[:3]] == [[name, "stream"] for name in ("ALERTS", "EVENTS", "WRITES")]
    assert "sync: NATS does not tell" in said and f"- {SYNC_ADVICE}" in said and "WRITES grows" in said


async def test_of_our_own_it_knows_how_often_it_syncs(
    nats_server: NatsServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state.json").write_text(json.dumps({"nats": nats_server.url}))
    (tmp_path / "nats").mkdir()
    for text, sync in (("  sync_interval: always\n", "always"), ('  sync_interval: "2m0s"\n', "2m0s")):
        (tmp_path / "nats" / "nats.conf").write_text("jetstream {\n" + text + "}\n")
        assert await asyncio.to_thread(main, ["streams", "--json", "--data-dir", str(tmp_path)]) == 0
        said = json.loads(capsys.readouterr().out)
        assert said["sync"] == sync and {one["name"] for one in said["streams"]} == {"ALERTS", "EVENTS", "WRITES"}
        assert any("power cut" in hint for hint in said["advice"]) == (sync != "always")


async def test_where_there_is_none_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await asyncio.to_thread(main, ["streams", "--data-dir", str(tmp_path)]) == 1
    assert "no `tickbus serve` runs on" in capsys.readouterr().err
    assert await asyncio.to_thread(main, ["streams", "--nats", "nats://127.0.0.1:1"]) == 1
    reason = "cannot connect to NATS at nats://127.0.0.1:1: Connection refused"
    assert capsys.readouterr().err == f"tickbus streams: {reason}\n"


async def test_what_is_kept_otherwise_is_told_and_changed_where_that_is_asked_for(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAPACITOR_NATS_WRITE_MAX_AGE", "48h")
    assert await asyncio.to_thread(main, ["streams", "--nats", nats_server.url]) == 0
    said = capsys.readouterr().out
    assert "- WRITES has max age none, wanted is 48h0m0s" in said and "`tickbus streams apply` changes" in said
    assert "made when they are needed: NOTICES, DEAD, KV_alerting-leases" in said
    assert await asyncio.to_thread(main, ["streams", "apply", "--nats", nats_server.url]) == 0
    assert "WRITES: max age none -> 48h0m0s" in capsys.readouterr().out
    assert await asyncio.to_thread(main, ["streams", "apply", "--nats", nats_server.url]) == 0
    assert capsys.readouterr().out == "nothing to change\n"
    monkeypatch.setenv("KAPACITOR_NATS_REPLICAS", "3")
    assert await asyncio.to_thread(main, ["streams", "apply", "--nats", nats_server.url]) == 1
    said = capsys.readouterr().err
    assert (
        said.startswith("tickbus streams apply: the stream WRITES stays as it is: replicas > 1")
        and said.count("\n") == 1
    )
    monkeypatch.delenv("KAPACITOR_NATS_REPLICAS")
    assert await asyncio.to_thread(main, ["streams", "--json", "--nats", nats_server.url]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["differences"] == [] and "KV_workers" in report["missing"]
    assert "tickbus.>" in report["permissions"]["publish"] and report["limits"]["streams"] == len(kept(DEFAULT_WISHES))


def test_permissions_are_printed_for_pasting_without_a_nats(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAPACITOR_NATS_PREFIX", "acme")
    monkeypatch.setenv("KAPACITOR_NATS_STREAM_PREFIX", "a_")
    monkeypatch.setenv("KAPACITOR_NATS_DOMAIN", "hub")
    assert main(["streams", "--nsc"]) == 0
    lines = capsys.readouterr().out.splitlines()
    user = "nsc edit user --account ACCOUNT --name USER"
    assert f"{user} --allow-pub 'acme.>'" in lines and f"{user} --allow-sub '_INBOX.acme.>'" in lines
    assert f"{user} --allow-pub '$JS.hub.API.STREAM.*.KV_a_workers'" in lines
    assert f"{user} --allow-pub '$JS.hub.API.$KV.a_workers.>'" in lines
    assert lines[-1].startswith(f"nsc edit account --name ACCOUNT --js-streams {len(kept(DEFAULT_WISHES))} ")
    assert main(["streams", "--nats-conf"]) == 0
    block = capsys.readouterr().out
    assert block.startswith("permissions {\n  publish {\n    allow: [\n") and '"$O.a_states.C.>"' in block


async def test_what_was_changed_is_told_where_the_next_change_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = {"max_file": 1 << 30, "max_mem": 0, "max_streams": -1, "max_consumers": -1}
    users = [{"user": "a", "password": "right"}]
    server = NatsServer(tmp_path / "nats", more={"accounts": {"A": {"jetstream": limits, "users": users}}})
    server.start()
    try:
        url = server.url.replace("://", "://a:right@")
        async with await Bus.connect(url, "test") as bus:
            await bus.ensure_streams()
        monkeypatch.setenv("KAPACITOR_NATS_WRITE_MAX_BYTES", str(1 << 24))
        monkeypatch.setenv("KAPACITOR_NATS_ALERT_MAX_BYTES", str(2 << 30))
        for out in (
            "WRITES: max age none -> 24h0m0s\nWRITES: max bytes none -> 16777216\n",
            "",
        ):  # the second time it goes on from there
            assert await asyncio.to_thread(main, ["streams", "apply", "--nats", url]) == 1
            said = capsys.readouterr()
            assert said.out == out, said.err
            assert said.err.splitlines()[-1].startswith("tickbus streams apply: the stream ALERTS stays as it is: ")
    finally:
        server.stop()


async def test_what_is_not_permitted_is_one_line(nats_server: NatsServer, tmp_path: Path) -> None:
    users = [{"user": "mute", "password": "right", "permissions": {"publish": "x", "subscribe": "x"}}]
    server = NatsServer(tmp_path / "nats", more={"authorization": {"users": users}})
    server.start()
    try:
        url = server.url.replace("://", "://mute:right@")
        for call, what in (
            (["streams"], "$JS.API.STREAM.INFO.WRITES"),
            (["dead-letters", "list"], "$JS.API.STREAM.INFO.DEAD"),
            (["user", "list"], "tickbus.command.user.list"),
        ):
            ran = await run(url, *call)
            expected = f"tickbus {call[0]}: NATS does not permit this user to publish to {what}\n"
            assert ran == (1, "", expected)
        code, _, error = await run(nats_server.url, "user", "list")
        assert (code, error.startswith("tickbus user: no gateway answers on this NATS")) == (1, True)
        code, _, error = await run(url, "streams", "--log-level", "INFO")
        assert code == 1 and "connected to NATS" in error
    finally:
        server.stop()


async def run(url: str, *call: str) -> tuple[int | None, str, str]:
    """The command in a process of its own, on the NATS at `url`: its exit code, and what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.cli",
        *call,
        env={**os.environ, "KAPACITOR_NATS_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, error = await process.communicate()
    return process.returncode, out.decode(), error.decode()
