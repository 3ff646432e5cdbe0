"""A user of NATS that lacks a permission: told before anything is made, whichever of those that are printed it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from services.bus.account.kept import Wishes
from services.bus.account.permissions import permissions
from services.bus.connection import Bus
from services.bus.errors import NotPermitted
from services.bus.transport.credentials import Credentials
from services.bus.transport.names import Names
from tests.support.nats import NatsServer

NAMES = Names.of("acme", "acme_")
GRANTED = permissions(NAMES)
# Only a backup needs these.
PUBLISHED = [one for one in GRANTED.publish if not one.startswith("$JS.SNAPSHOT.")]


def allowed(published: Any, heard: Any) -> dict[str, Any]:
    return {"publish": {"allow": list(published)}, "subscribe": {"allow": list(heard)}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A user `all` with all that is printed, `p0` … without one that is published to, `s0` … without one heard."""
    users = {"all": allowed(GRANTED.publish, GRANTED.subscribe)}
    for number, one in enumerate(PUBLISHED):
        users[f"p{number}"] = allowed((other for other in GRANTED.publish if other != one), GRANTED.subscribe)
    for number, one in enumerate(GRANTED.subscribe):
        users[f"s{number}"] = allowed(GRANTED.publish, (other for other in GRANTED.subscribe if other != one))
    users["answers"] = users[f"p{PUBLISHED.index('_INBOX.>')}"] | {"allow_responses": True}
    listed = [{"user": name, "password": "right", "permissions": found} for name, found in users.items()]
    server = NatsServer(tmp_path_factory.mktemp("nats"), more={"authorization": {"users": listed}})
    server.start()
    yield server
    server.stop()


async def test_each_permission_that_is_missing_is_told_and_nothing_made(server: NatsServer) -> None:
    for number, one in enumerate(PUBLISHED):
        said = await refusal(server, f"p{number}")
        assert "publish to " in said and covers(one, said.partition(" publish to ")[2].partition(": ")[0]), (one, said)
    for number, one in enumerate(GRANTED.subscribe):
        said = await refusal(server, f"s{number}")
        assert covers(one, said.rpartition(" subscribe to ")[2]), (one, said)
    async with await Bus.connect(server.url, "test", Credentials("all", "right"), names=NAMES) as bus:
        assert await bus.listed() == []


@pytest.mark.parametrize("user", ["all", "answers"])
async def test_with_all_of_them_it_starts_and_looking_again_leaves_no_trace(server: NatsServer, user: str) -> None:
    async with await Bus.connect(server.url, "test", Credentials(user, "right"), names=NAMES) as bus:
        await bus.prepare(Wishes())
        await (await bus.bucket("workers")).put("a", b"1")
        await bus.objects("states")
        before = {one: await bus.stream_state(one) for one in ("EVENTS", "KV_workers", "OBJ_states")}
        await bus.prepare(Wishes())
        assert {one: await bus.stream_state(one) for one in before} == before


async def refusal(server: NatsServer, user: str) -> str:
    async with await Bus.connect(server.url, "test", Credentials(user, "right"), names=NAMES) as bus:
        with pytest.raises(NotPermitted) as refused:
            await bus.prepare(Wishes())
    return str(refused.value)


def covers(pattern: str, subjects: str) -> bool:
    """Whether all subjects that are named (some with a count of others behind them) are of a pattern."""
    return all(matches(pattern, one) for one in subjects.partition(" and ")[0].split(", "))


def matches(pattern: str, subject: str) -> bool:
    words, found = pattern.split("."), subject.split(".")
    if words[-1] == ">":
        words = words[:-1]
        found = found[: len(words)]
    return len(words) == len(found) and all(word in ("*", one) for word, one in zip(words, found, strict=True))
