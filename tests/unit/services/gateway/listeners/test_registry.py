"""All inputs of a configuration together."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from schemas.config import Config, Http
from schemas.config.inputs import Collectd, Graphite, Udp
from services.gateway.http.connections.bodies import Bodies
from services.gateway.http.writing.line_store import LineStore
from services.gateway.listeners.registry import Inputs
from tests.support.ports import free_port


def inputs(store: LineStore, **sections: object) -> Inputs:
    return Inputs(Config(**sections), store, Bodies(1 << 20))  # type: ignore[arg-type]


def udp(port: int, enabled: bool = True) -> Udp:
    return Udp(enabled=enabled, bind_address=f"127.0.0.1:{port}", database="d")


async def test_those_that_are_enabled_listen(store: LineStore) -> None:
    port = free_port()
    graphite = Graphite(enabled=True, bind_address="127.0.0.1:0")
    async with inputs(store, udp=(udp(port), udp(port, enabled=False)), graphite=(graphite,)) as running:
        assert [(name, tags["bind"].partition(":")[0]) for name, tags, _ in running.statistics()] == [
            ("udp", "127.0.0.1"),
            ("graphite", "127.0.0.1"),
        ]
        assert running.statistics()[0][1] == {"bind": f"127.0.0.1:{port}"}


async def test_where_one_cannot_listen_none_does_and_its_section_is_named(store: LineStore, tmp_path: Path) -> None:
    port = free_port()
    with pytest.raises(OSError, match=rf"\[udp\] 127.0.0.1:{port}: Address already in use"):
        await inputs(store, udp=(udp(port), udp(port))).__aenter__()
    collectd = Collectd(enabled=True, bind_address="127.0.0.1:0", typesdb=str(tmp_path / "none"))
    with pytest.raises(OSError, match=r"\[collectd\] typesdb: .*none: No such file"):
        await inputs(store, udp=(udp(port),), collectd=collectd).__aenter__()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free_again:
        free_again.bind(("127.0.0.1", port))


def test_a_name_that_is_too_long_is_refused(store: LineStore) -> None:
    with pytest.raises(ValueError, match="name too long"):
        inputs(store, udp=(Udp(enabled=True, bind_address=":0", database="x" * 5000),))


async def test_of_gateways_that_share_an_address_only_the_first_has_inputs(store: LineStore) -> None:
    async with inputs(store, udp=(udp(free_port()),), http=Http(processes=2, process=1)) as running:
        assert running.statistics() == []
