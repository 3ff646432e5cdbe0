"""A client over NATS: what the HTTP API does, for programs that have NATS's credentials.

    from tickbus.bus import BusClient
    from tickbus.shapes import Dbrp

    async with await BusClient.connect("nats://127.0.0.1:4222") as tickbus:
        await tickbus.define("cpu", script, [Dbrp("telegraf")])
        await tickbus.write("telegraf", "cpu,host=a usage_idle=3.5")

Writes go into the log themselves, without a gateway: what does not parse is found out later, counted and kept as a dead
letter (`tickbus dead-letters`). All else is a request to a gateway, `tickbus.command.<kind>.<verb>`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from services.bus.connection import CONNECT_TIMEOUT, Bus
from services.bus.errors import BusError, BusTimeout, BusUnavailable, NobodyThere
from services.bus.subjects import command_subject, write_subject
from services.bus.transport.credentials import Credentials
from services.bus.transport.names import PREFIX, Names
from tickbus.errors import Refused, TickbusError, Unavailable
from tickbus.shapes import PAGE, Dbrp, Event, Level, Precision, Task, Topic, definition


class BusClient:
    """A connection to tickbus's NATS; make it with `connect`. It connects again by itself.

    Every method raises Refused where a gateway says no, Unavailable where nobody answers in time or NATS is away,
    TickbusError where a message is larger than NATS takes.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @classmethod
    async def connect(
        cls,
        url: str,
        user: str = "",
        password: str = "",
        name: str = "client",
        timeout: float = CONNECT_TIMEOUT,
        *,
        token: str = "",
        credentials_file: str = "",
        nkey_file: str = "",
        ssl_ca: str = "",
        ssl_cert: str = "",
        ssl_key: str = "",
        prefix: str = PREFIX,
    ) -> BusClient:
        """Connect to `nats://host:port`, or to several of a cluster, divided by commas. timeout: seconds.

        prefix: what the subjects of this tickbus begin with there, `prefix` in its [nats]. The files are those of
        [nats] too.
        """
        credentials = Credentials(
            user or None,
            password or None,
            token or None,
            credentials_file or None,
            nkey_file or None,
            ca=ssl_ca or None,
            cert=ssl_cert or None,
            key=ssl_key or None,
        )
        try:
            return cls(await Bus.connect(url, name, credentials, timeout, Names(prefix)))
        except BusError as error:
            raise Unavailable(str(error)) from error

    async def __aenter__(self) -> BusClient:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Send what is still to be sent, then end."""
        await self._bus.close()

    async def write(
        self, db: str, lines: str | bytes, rp: str = "autogen", precision: Precision = "n", idempotency_key: str = ""
    ) -> None:
        """Publish line protocol; returns once JetStream has stored it.

        precision: of the times in it. idempotency_key: a repeat of it within two minutes is not stored twice.
        """
        data = lines.encode() if isinstance(lines, str) else lines
        try:
            subject = write_subject(db, rp)
            await self._bus.publish(subject, data, {"precision": precision}, idempotency_key or None)
        except (BusError, ValueError) as error:
            raise _error(error) from error

    async def define(
        self,
        id: str,
        script: str = "",
        dbrps: Iterable[Dbrp] = (),
        *,
        template_id: str = "",
        vars: Mapping[str, Any] | None = None,
        enabled: bool = True,
    ) -> Task:
        """Define a task that is not there yet, by its script or of a template, and run it unless told otherwise.

        Of a task that is defined and cannot start Refused tells why, with status 500.
        """
        body = definition(id, script, dbrps, template_id, vars, enabled)
        return Task.read(await self.command("task", "create", body))

    async def enable(self, id: str) -> Task:
        """Have a task run; returns once it does."""
        return await self._change(id, {"status": "enabled"})

    async def disable(self, id: str) -> Task:
        """Have a task not run; returns once it has stopped."""
        return await self._change(id, {"status": "disabled"})

    async def delete(self, id: str) -> None:
        """Delete a task and stop it; no error where there is none."""
        await self.command("task", "delete", {"id": id})

    async def task(self, id: str) -> Task:
        """A task."""
        return Task.read(await self.command("task", "get", {"id": id}))

    async def tasks(self, pattern: str = "") -> AsyncIterator[Task]:
        """All tasks, by id. pattern: as of Go's path.Match."""
        asked: dict[str, Any] = {"pattern": pattern, "offset": 0, "limit": PAGE}
        while page := (await self.command("task", "list", asked))["tasks"]:
            for one in page:
                yield Task.read(one)
            asked["offset"] += len(page)

    async def topics(self, pattern: str = "", min_level: Level = "OK") -> list[Topic]:
        """The topics whose worst event is of this level or above, by id."""
        response = await self.command("topic", "list", {"pattern": pattern, "min-level": min_level})
        return [Topic.read(one) for one in response["topics"]]

    async def events(self, topic: str, min_level: Level = "OK") -> list[Event]:
        """The last event of each id in a topic, by id, of this level or above."""
        response = await self.command("topic", "events", {"topic": topic, "min-level": min_level})
        return [Event.read(one) for one in response["events"]]

    async def command(self, kind: str, verb: str, asked: Mapping[str, Any], timeout: float = 30.0) -> Any:
        """Any command, as /kapacitor/v1/asyncapi.json lists them; gives the body of its answer, None for none."""
        try:
            data = await self._bus.request(command_subject(kind, verb), json.dumps(asked).encode(), timeout)
        except BusError as error:
            raise _error(error) from error
        reply = json.loads(data)
        if reply["status"] == 503:
            raise Unavailable(reply["body"]["error"])
        if reply["status"] >= 400:
            raise Refused(reply["status"], reply["body"]["error"])
        return reply["body"]

    async def _change(self, id: str, body: dict[str, Any]) -> Task:
        return Task.read(await self.command("task", "update", {"id": id, "body": body}))


def _error(error: Exception) -> TickbusError:
    again = isinstance(error, BusUnavailable | BusTimeout | NobodyThere)
    return Unavailable(str(error)) if again else TickbusError(str(error))
