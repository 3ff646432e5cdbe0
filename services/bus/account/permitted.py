"""Whether the user of NATS that is logged in with may do what tickbus needs, found out before anything is made."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator

from services.bus.account.kept import DEFAULT_WISHES, kept
from services.bus.errors import BusUnavailable, NotPermitted
from services.bus.transport import headers as wire
from services.bus.transport import nats_errors
from services.bus.transport.link import API_TIMEOUT, Link

# What is sent is of no effect: questions to JetStream without a body change nothing, and nobody waits for the answers;
# messages are for a stream that there is not, so that the one which has the subject does not keep them.
_NOT_KEPT = wire.encode({"Nats-Expected-Stream": "-"})
_NAMED = 3  # subjects in an error; the others are counted


async def check_permitted(link: Link) -> None:
    """Raises NotPermitted, which names the subjects, where something is missing that a tickbus needs while it runs, of
    what `permissions` gives; BusUnavailable.

    Not looked at is what only backups need, and what would delete something.
    """
    subject = f"tickbus.ask.permitted.{secrets.token_hex(8)}"
    asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def hear(subject: bytes, reply: bytes, headers: bytes | None, data: bytes) -> None:
        if not asked.done():
            asked.set_result(reply.decode())

    sid = link.client.listen(subject, hear)
    try:
        async with asyncio.timeout(API_TIMEOUT):
            await link.round_trip(API_TIMEOUT)
            link.check_heard()
            probes = list(_probes())
            for probe in probes:
                link.client.send(probe, b"", headers=b"" if probe.startswith("$JS.API.") else _NOT_KEPT)
            _raise(await link.refused(probes, API_TIMEOUT))
            # a user may be permitted answers without being permitted their subjects
            answer = link.start(subject, b"", API_TIMEOUT)
            try:
                link.client.send(await asked, b"")
                _raise(await link.refused((asked.result(),), API_TIMEOUT))
            finally:
                answer.cancel()
    except (nats_errors.Error, TimeoutError) as error:
        raise BusUnavailable(f"NATS went away while it was asked what this user may do: {error!r}") from error
    finally:
        link.client.forget(sid)


def _probes() -> Iterator[str]:
    """A subject of each kind that is published to."""
    yield "tickbus.ask.permitted"
    yield "$JS.API.INFO"
    yield "$JS.API.STREAM.LIST"
    for shape in kept(DEFAULT_WISHES):
        stream = shape["name"]
        for verb in ("STREAM.INFO", "STREAM.CREATE", "STREAM.MSG.GET", "DIRECT.GET"):
            yield f"$JS.API.{verb}.{stream}"
        yield f"$JS.API.CONSUMER.CREATE.{stream}.permitted"
        yield f"$JS.API.CONSUMER.MSG.NEXT.{stream}.permitted"
        for subject in shape["subjects"]:
            name = f"{subject.removesuffix('>')}permitted"
            yield f"$JS.API.DIRECT.GET.{stream}.{name}"
            if subject.startswith("$"):
                yield name


def _raise(refused: list[NotPermitted]) -> None:
    if not refused:
        return
    subjects = [str(error).rpartition(" ")[2] for error in refused]
    more = f" and {len(subjects) - _NAMED} more" if len(subjects) > _NAMED else ""
    raise NotPermitted(
        f"NATS does not permit this user to publish to {', '.join(subjects[:_NAMED])}{more}: "
        "`tickbus streams --nats-conf` prints what is needed"
    )
