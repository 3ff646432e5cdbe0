"""The inputs that a configuration asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Self

from schemas.config import Config
from services.gateway.http.connections.bodies import Bodies
from services.gateway.http.writing.line_store import LineStore
from services.gateway.listeners.collectd import CollectdListener
from services.gateway.listeners.graphite import GraphiteListener
from services.gateway.listeners.input import Input, Reloading, Statistic
from services.gateway.listeners.opentsdb import OpenTsdbListener
from services.gateway.listeners.udp import UdpListener

INPUTS: Mapping[str, Callable[[Config, LineStore, Bodies], Iterable[Input]]] = {
    "udp": lambda config, store, _: (UdpListener(one, store) for one in config.udp if one.enabled),
    "graphite": lambda config, store, _: (GraphiteListener(one, store) for one in config.graphite if one.enabled),
    "collectd": lambda config, store, _: [CollectdListener(config.collectd, store)] if config.collectd.enabled else [],
    "opentsdb": lambda config, store, bodies: (
        [OpenTsdbListener(config, store, bodies)] if config.opentsdb.enabled else []
    ),
}
"""By section: those of it that are enabled."""


class Inputs:
    """All of them, from the beginning of a `with` to its end."""

    def __init__(self, config: Config, store: LineStore, bodies: Bodies) -> None:
        """bodies: the account of those of requests. Of gateways that share an address only the first has any.

        Raises ValueError or OSError where one cannot be.
        """
        self._timeout = config.http.shutdown_timeout
        sections = {} if config.http.process else INPUTS
        self._inputs = [(section, one) for section, made in sections.items() for one in made(config, store, bodies)]

    async def __aenter__(self) -> Self:
        """Raises OSError where an address or a file cannot be had, naming the section."""
        try:
            for section, one in self._inputs:
                try:
                    await one.start()
                except OSError as error:
                    raise OSError(error.errno, f"[{section}] {error.strerror}") from error
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    def statistics(self) -> list[Statistic]:
        """What each has counted."""
        return [one.statistic() for _, one in self._inputs]

    def reload(self) -> None:
        """Have read anew what they read from files, as far as that may change while they run."""
        for _, one in self._inputs:
            if isinstance(one, Reloading):
                one.reload()

    async def _stop(self) -> None:
        await asyncio.gather(*(one.stop(self._timeout) for _, one in self._inputs))
