"""Logging in to a real NATS: with what one can, and what is said where it is refused."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nkeys
import orjson
import pytest

from services.bus.account.kept import Wishes
from services.bus.account.permissions import permissions
from services.bus.connection import Bus
from services.bus.errors import BusUnavailable, NoRoom, NotPermitted
from services.bus.streams import StreamLimits
from services.bus.transport.credentials import Credentials
from services.bus.transport.names import Names
from tests.support.certificates import Pair, make_pair
from tests.support.nats import NatsServer

SEED = nkeys.encode_seed(b"tickbus's tests have one nkey...", nkeys.PREFIX_BYTE_USER)
_UNLIMITED = ("subs", "data", "payload", "conn", "leaf", "imports", "exports")
LIMITS = {"max_mem": 1 << 20, "max_file": 1 << 20, "max_streams": 2, "max_consumers": 10}
FEW = {"max_mem": 1 << 20, "max_file": 2 << 30, "max_streams": -1, "max_consumers": 1}
UNBOUNDED = {"max_mem": -1, "max_file": -1, "max_streams": -1, "max_consumers": -1, "max_bytes_required": True}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """One server with a user of each kind."""
    granted = permissions(Names())
    less = [subject for subject in granted.publish if subject != "$JS.API.STREAM.*.EVENTS"]
    users: list[dict[str, Any]] = [
        {"user": "all", "password": "right"},
        {"user": "mute", "password": "right", "permissions": _allowed(less, granted.subscribe)},
        {"user": "deaf", "password": "right", "permissions": _allowed(granted.publish, ["_INBOX.>"])},
        {"nkey": nkeys.from_seed(bytearray(SEED)).public_key.decode()},
    ]
    accounts = {
        "A": {"jetstream": "enabled", "users": users},
        "FULL": {"jetstream": LIMITS, "users": [{"user": "full", "password": "right"}]},
        "SMALL": {"jetstream": LIMITS | {"max_streams": 99}, "users": [{"user": "small", "password": "right"}]},
        "FEW": {"jetstream": FEW, "users": [{"user": "few", "password": "right"}]},
        "STRICT": {"jetstream": UNBOUNDED, "users": [{"user": "strict", "password": "right"}]},
        "PLAIN": {"users": [{"user": "plain", "password": "right"}]},
    }
    one = NatsServer(tmp_path_factory.mktemp("nats"), more={"accounts": accounts})
    one.start()
    yield one
    one.stop()


def _allowed(publish: Any, subscribe: Any) -> dict[str, Any]:
    return {"publish": {"allow": list(publish)}, "subscribe": {"allow": list(subscribe)}}


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NatsServer, Pair, Pair]]:
    """A server that asks for a client's certificate and a token, its certificate, and the client's."""
    folder = tmp_path_factory.mktemp("tls")
    pair, client = make_pair(folder), make_pair(folder, "client")
    settings = {
        "cert_file": str(pair.certificate),
        "key_file": str(pair.key),
        "ca_file": str(client.certificate),
        "verify": True,
    }
    one = NatsServer(folder / "nats", more={"tls": settings, "authorization": {"token": "a-long-token"}})
    one.start()
    yield one, pair, client
    one.stop()


def kept_in(file: Path, text: str) -> str:
    file.write_text(text)
    return str(file)


async def connects(server: NatsServer, credentials: Credentials) -> None:
    async with await Bus.connect(server.url, "test", credentials) as bus:
        assert bus.connected


async def refusal(server: NatsServer, credentials: Credentials) -> str:
    """What is said of it, which has to be at once."""
    began = time.monotonic()
    with pytest.raises(BusUnavailable) as raised:
        await Bus.connect(server.url, "test", credentials, timeout=60)
    assert time.monotonic() - began < 30
    assert "\n" not in str(raised.value)
    return str(raised.value)


async def test_each_way_to_log_in(server: NatsServer, tmp_path: Path) -> None:
    await connects(server, Credentials("all", "right"))
    await connects(server, Credentials("all", password_file=kept_in(tmp_path / "password", "right\n")))
    await connects(server, Credentials(nkey_file=kept_in(tmp_path / "seed", SEED.decode() + "\n")))
    async with await Bus.connect(f"nats://127.0.0.1:1,{server.url}", "test", Credentials("all", "right")) as bus:
        assert bus.connected


@pytest.fixture
def with_operator(tmp_path: Path) -> Iterator[tuple[NatsServer, Path]]:
    """A server that knows users by what an operator and an account say of them, and a .creds file for one."""
    operator, system, account, user = (
        nkeys.from_seed(bytearray(nkeys.encode_seed(bytes([number]) * 32, prefix)))
        for number, prefix in enumerate(
            (
                nkeys.PREFIX_BYTE_OPERATOR,
                nkeys.PREFIX_BYTE_ACCOUNT,
                nkeys.PREFIX_BYTE_ACCOUNT,
                nkeys.PREFIX_BYTE_USER,
            ),
            start=1,
        )
    )
    unlimited = {"limits": dict.fromkeys(_UNLIMITED, -1)}
    settings = {
        "operator": _jwt(operator, operator, "operator", {}),
        "system_account": system.public_key.decode(),
        "resolver": "MEMORY",
        "resolver_preload": {
            one.public_key.decode(): _jwt(one, operator, "account", unlimited) for one in (system, account)
        },
    }
    file = tmp_path / "user.creds"
    file.write_text(
        f"-----BEGIN NATS USER JWT-----\n{_jwt(user, account, 'user', {'subs': -1, 'data': -1, 'payload': -1})}\n"
        f"------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n"
        "------END USER NKEY SEED------\n",
    )
    one = NatsServer(tmp_path / "nats", more=settings)
    one.start()
    yield one, file
    one.stop()


async def test_a_creds_file(with_operator: tuple[NatsServer, Path]) -> None:
    one, file = with_operator
    await connects(one, Credentials(file=str(file)))
    assert "authorization violation" in (await refusal(one, Credentials("u", "some-password"))).lower()


@pytest.mark.parametrize("damage", ["", "cut", "-----BEGIN NATS USER JWT-----\nx\n-----BEGIN USER NKEY SEED-----\ny\n"])
async def test_a_creds_file_that_is_replaced_counts_from_the_next_connect_and_a_damaged_one_ends_nothing(
    with_operator: tuple[NatsServer, Path], damage: str
) -> None:
    one, file = with_operator
    whole = file.read_text()
    async with await Bus.connect(one.url, "test", Credentials(file=str(file))) as bus:
        again = asyncio.Event()
        bus._link.on_restored.append(again.set)
        for text in (whole[:40] if damage == "cut" else damage, whole):
            file.write_text(text)
            again.clear()
            await one.restart()
            async with asyncio.timeout(20):
                await again.wait()


async def test_an_nkey_that_is_replaced_in_its_file_counts_from_the_next_connect(tmp_path: Path) -> None:
    seeds = [nkeys.encode_seed(bytes([number]) * 32, nkeys.PREFIX_BYTE_USER).decode() for number in (8, 9)]
    public = [nkeys.from_seed(bytearray(seed.encode())).public_key.decode() for seed in seeds]
    file = tmp_path / "seed"
    file.write_text(seeds[0])
    one = NatsServer(tmp_path / "nats", more={"authorization": {"users": [{"nkey": public[0]}]}})
    one.start()
    try:
        async with await Bus.connect(one.url, "test", Credentials(nkey_file=str(file))) as bus:
            again = asyncio.Event()
            bus._link.on_restored.append(again.set)
            config = tmp_path / "nats" / "nats.conf"
            config.write_text(config.read_text().replace(public[0], public[1]))
            file.write_text("no seed")
            await one.restart()
            file.write_text(seeds[1])
            async with asyncio.timeout(20):
                await again.wait()
    finally:
        one.stop()


def _jwt(subject: nkeys.KeyPair, issuer: nkeys.KeyPair, kind: str, claims: dict[str, Any]) -> str:
    """What an issuer says of a subject, in NATS's form of a JWT."""
    body = {
        "iat": 1_700_000_000,
        "iss": issuer.public_key.decode(),
        "jti": "x",
        "name": kind,
        "nats": {"type": kind, "version": 2, **claims},
        "sub": subject.public_key.decode(),
    }
    parts = ({"typ": "JWT", "alg": "ed25519-nkey"}, body)
    text = ".".join(map(_base64, map(orjson.dumps, parts)))
    return f"{text}.{_base64(issuer.sign(text.encode()))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


async def test_a_password_that_is_replaced_in_its_file_counts_from_the_next_connect(tmp_path: Path) -> None:
    file = tmp_path / "password"
    credentials = Credentials("u", password_file=kept_in(file, "first-one"))
    one = NatsServer(tmp_path / "nats", user="u", password="first-one")
    one.start()
    try:
        async with await Bus.connect(one.url, "test", credentials) as bus:
            again = asyncio.Event()
            bus._link.on_restored.append(again.set)
            config = tmp_path / "nats" / "nats.conf"
            config.write_text(config.read_text().replace("first-one", "second-one"))
            file.write_text("second-one")
            await one.restart()
            async with asyncio.timeout(20):
                await again.wait()
    finally:
        one.stop()


async def test_what_is_wrong_is_refused_with_one_line(server: NatsServer, tmp_path: Path) -> None:
    said = await refusal(server, Credentials("all", "wrong"))
    assert said.endswith(": it does not accept the credentials (Authorization Violation)")
    said = await refusal(server, Credentials("all", password_file=str(tmp_path / "none")))
    assert said == f"cannot connect to NATS: password-file {tmp_path}/none cannot be read: No such file or directory"
    said = await refusal(server, Credentials(file=kept_in(tmp_path / "creds", "nothing of the kind")))
    assert "credentials-file" in said and "has no BEGIN NATS USER JWT" in said
    said = await refusal(
        server, Credentials(nkey_file=kept_in(tmp_path / "seed", base64.b32encode(os.urandom(9)).decode()))
    )
    assert "cannot connect to NATS" in said
    with pytest.raises(BusUnavailable, match="no server stands in ' ,'"):
        await Bus.connect(" ,", "test")
    assert "is empty" in await refusal(server, Credentials(token_file=kept_in(tmp_path / "token", "\n")))


async def test_tls_with_the_right_authority_a_certificate_and_a_token(
    tls: tuple[NatsServer, Pair, Pair], tmp_path: Path
) -> None:
    server, pair, client = tls
    ca, cert, key = str(pair.certificate), str(client.certificate), str(client.key)
    await connects(server, Credentials(token="a-long-token", ca=ca, cert=cert, key=key))
    token_file = kept_in(tmp_path / "token", "a-long-token\n")
    await connects(server, Credentials(token_file=token_file, ca=ca, cert=cert, key=key))
    other = make_pair(tmp_path, "other")
    said = await refusal(server, Credentials(token="a-long-token", ca=str(other.certificate), cert=cert, key=key))
    assert "certificate verify failed" in said
    said = await refusal(server, Credentials(token="a-long-token", ca=str(tmp_path / "none")))
    assert "the certificates" in said and "No such file" in said


async def test_no_secret_is_told_to_a_server_without_tls_where_an_authority_is_given(
    server: NatsServer, tmp_path: Path
) -> None:
    credentials = Credentials("all", "right", ca=str(make_pair(tmp_path).certificate))
    assert "the server does not speak TLS" in await refusal(server, credentials)


async def test_what_a_user_may_not_ask_is_told_at_once_with_its_subject(server: NatsServer) -> None:
    async with await Bus.connect(server.url, "test", Credentials("mute", "right")) as bus:
        began = time.monotonic()
        with pytest.raises(
            NotPermitted, match=r"does not permit this user to publish to \$JS\.API\.STREAM\.\w+\.EVENTS"
        ):
            await bus.prepare(Wishes())
        assert time.monotonic() - began < 4
    async with await Bus.connect(server.url, "test", Credentials("all", "right")) as bus:
        assert await bus.listed() == []  # nothing is half done


async def test_what_a_user_may_not_send_is_not_taken_for_sent(server: NatsServer) -> None:
    async with await Bus.connect(server.url, "test", Credentials("mute", "right")) as bus:
        for _ in range(2):
            with pytest.raises(NotPermitted, match=r"does not permit this user to publish to orders\.new"):
                await bus.send("orders.new", b"1", {})
            await bus.send("tickbus.alerts.new", b"1", {})


async def test_what_a_user_may_not_hear_is_told_with_its_subject(server: NatsServer) -> None:
    async with await Bus.connect(server.url, "test", Credentials("deaf", "right")) as bus:
        bus.listen("tickbus.log.>", lambda data: None)
        await bus._link.round_trip(2)
        with pytest.raises(NotPermitted, match=r"does not permit this user to subscribe to tickbus\.log\.>"):
            await bus.last_sequence("EVENTS")


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("full", r"may have 2 more streams \(`max_streams`\), tickbus needs \d+"),
        ("small", r"has 1048576 bytes of storage left \(`max_file`\), tickbus reserves 1140850688: `write-max-bytes`"),
        ("few", r"may have 1 consumers of a stream \(`max_consumers`\), tickbus needs 16 at least"),
        ("strict", r"wants a limit for each stream \(`max_bytes`\)"),
    ],
)
async def test_a_full_account_is_told_before_anything_is_made(server: NatsServer, user: str, said: str) -> None:
    async with await Bus.connect(server.url, "test", Credentials(user, "right")) as bus:
        with pytest.raises(NoRoom, match=said):
            await bus.prepare(Wishes(StreamLimits(0, 1 << 30)))
        assert await bus.listed() == []


async def test_where_nobody_may_read_any_more_a_list_ends_with_the_reason(server: NatsServer) -> None:
    async with await Bus.connect(server.url, "test", Credentials("few", "right")) as bus:
        bucket = await bus.bucket("cluster")
        await bucket.put("id", b"1")
        async with bus.follow("KV_cluster", ["$KV.cluster.>"]) as follower:
            assert await follower.lag() == 1  # the one consumer that there may be
            with pytest.raises(BusUnavailable, match=r"KV_cluster cannot be read: maximum consumers limit reached"):
                await bucket.entries()
        assert [entry.key for entry in await bucket.entries()] == ["id"]
        assert await bus._link.api("STREAM.DELETE.KV_cluster")


async def test_an_account_without_jetstream_is_told_at_once(server: NatsServer) -> None:
    async with await Bus.connect(server.url, "test", Credentials("plain", "right")) as bus:
        with pytest.raises(NoRoom, match="the account on this NATS has no JetStream: enable it there"):
            await bus.prepare(Wishes())


async def test_what_does_not_fit_into_an_account_is_deleted_again(server: NatsServer) -> None:
    async with await Bus.connect(server.url, "test", Credentials("full", "right")) as bus:
        with pytest.raises(NoRoom, match="NATS has no room for the stream ALERTS: maximum number of streams reached"):
            await bus.ensure_streams()
        assert await bus.listed() == []
        with pytest.raises(NoRoom, match="NATS has no room for the stream WRITES"):
            await bus.ensure_streams(Wishes(StreamLimits(0, 1 << 30)))
