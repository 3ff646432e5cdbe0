"""What a gateway says at its start."""

from __future__ import annotations

from collections.abc import Callable

from services.bus.account.kept import Wishes
from services.bus.connection import Bus
from services.bus.streams import StreamLimits
from services.gateway.main import _tell_differences
from tests.support.logs import logged, restored_log
from tests.support.nats import NatsServer, nats_server

__all__ = ["logged", "nats_server", "restored_log"]

SAID = "kept on NATS otherwise than [nats] asks, `tickbus streams apply` changes it"


async def test_what_is_kept_otherwise_is_said_in_one_line_and_stays(
    nats_server: NatsServer, logged: Callable[[str], list[str]]
) -> None:
    wishes = Wishes(StreamLimits(60.0, 1 << 20), StreamLimits(0, 1 << 20))
    async with await Bus.connect(nats_server.url, "test") as bus:
        await bus.ensure_streams()
        await _tell_differences(bus, wishes)
        (line,) = logged(SAID)
        assert "WRITES has max age none, wanted is 1m0s; WRITES has max bytes none" in line and "ALERTS has" in line
        assert (await bus.survey(wishes)).differences
        assert [change async for change in bus.apply(wishes)]
        await _tell_differences(bus, wishes)
        assert len(logged(SAID)) == 1
