"""The resource /subscriptions.

Kapacitor has InfluxDB send it writes by subscriptions that it makes there. Nothing is subscribed to here: InfluxDB, or
whoever writes, is given the address of /write or of the bus.
"""

from __future__ import annotations

from services.gateway.operation import Operation, Question, Reply


def operations() -> list[Operation]:
    """Synchronising."""

    async def synchronise(asked: Question) -> Reply:
        return 204, None

    return [
        Operation(
            kind="subscription",
            verb="synchronise",
            method="POST",
            path="/subscriptions",
            about="Of no effect: tickbus makes no subscriptions.",
            answers={204: None},
            errors=(),
            run=synchronise,
        )
    ]
