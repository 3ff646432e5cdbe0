"""What the conformance cases run against: one `tickbus serve` for the whole session, or a server named by --server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.conform import Server, Sinks, influx_up
from tests.support.influx import BINARY, influxd
from tests.support.serve import serve


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server under test, with an empty store unless --server names one."""
    running: str = request.config.getoption("--server", "")
    if running:
        yield Server(running)
        return
    # Kapacitor lets pages of every origin read its answers, tickbus those that are listed
    with serve(tmp_path_factory.mktemp("serve"), {"KAPACITOR_HTTP_CORS_0": "*"}) as url:
        yield Server(url)


@pytest.fixture(scope="session", autouse=True)
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An InfluxDB where the cases look for one, if it is installed and nobody else is there."""
    if BINARY is None or influx_up():
        yield
        return
    with influxd(tmp_path_factory.mktemp("influxdb"), port=8086):
        yield


@pytest.fixture(scope="session")
def sinks() -> Sinks:
    """The listeners that the cases' tasks post to."""
    return Sinks()
