"""What commands on the bus of a server that runs have in common: which bus that is, what they print, how they fail."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import orjson

from schemas.config import Config
from schemas.requests.commands import decode_reply
from services.bus.connection import Bus
from services.bus.errors import BusError, NobodyThere
from services.bus.subjects import command_subject
from services.cli.errors import CommandFailed
from services.cli.options import Settings, takes_settings
from services.gateway.access.audit import USER_HEADER, operator
from services.process import log

_CONNECT_SECONDS = 3.0


def asks_bus(name: str) -> Callable[[Callable[..., Awaitable[str]]], Callable[..., int]]:
    """A decorator: the command has the options that name a bus, and its function, a coroutine, is called with a
    connection to it before its own parameters. What that gives is printed. name: the command's."""

    def decorate(function: Callable[..., Awaitable[str]]) -> Callable[..., int]:
        @functools.wraps(function)
        def command(settings: Settings, **parameters: Any) -> int:
            async def work() -> str:
                async with await connect(settings.config, name) as bus:
                    return await function(bus, **parameters)

            return run_and_print(name, settings, work)

        return takes_settings("data-dir", "nats")(command)

    return decorate


def run_and_print(name: str, settings: Settings, work: Callable[[], Coroutine[Any, Any, str]]) -> int:
    """Print what a command comes to (nothing of ""), or why it comes to nothing; the exit code.

    There is no log but with --log-level: a line of it would say less than the error that follows, and before it.
    """
    logging = settings.config.logging
    is_logged = "log_level" in settings.given
    try:
        if is_logged:
            log.setup(logging.file, logging.level, form=logging.format)
        with contextlib.nullcontext() if is_logged else log.muted():
            result = asyncio.run(work())
    except (CommandFailed, BusError, OSError) as error:
        print(f"tickbus {name}: {error}", file=sys.stderr)
        return 1
    if result:
        print(result)
    return 0


async def connect(config: Config, name: str) -> Bus:
    """The bus of the NATS given, or of the `tickbus serve` that runs on the data directory.

    Raises CommandFailed where there is none, BusUnavailable where it cannot be reached.
    """
    return await Bus.of(config.nats, name, _CONNECT_SECONDS, _nats_url(config))


async def ask_gateway(bus: Bus, program: str, kind: str, verb: str, question: dict[str, Any]) -> Any:
    """What a gateway answers to a command on the bus; program is who asks, for its audit log.

    Raises CommandFailed with its error, BusError where none can be asked.
    """
    headers = {USER_HEADER: operator(program).user}
    try:
        reply = await bus.request(command_subject(kind, verb), orjson.dumps(question), headers=headers)
    except NobodyThere as error:
        raise CommandFailed("no gateway answers on this NATS: is tickbus running, under this prefix?") from error
    status, body = decode_reply(reply)
    if status >= 400:
        raise CommandFailed(body["error"])
    return body


def _nats_url(config: Config) -> str:
    if config.nats.url:
        return config.nats.url
    file = config.data_dir / "state.json"
    try:
        url: str = json.loads(file.read_text("utf-8"))["nats"]
    except FileNotFoundError:
        raise CommandFailed(
            f"no `tickbus serve` runs on {config.data_dir}: name its directory with --data-dir, or its NATS with --nats"
        ) from None
    except (ValueError, KeyError) as error:
        raise CommandFailed(f"{file} cannot be read: {error}") from error
    return url
