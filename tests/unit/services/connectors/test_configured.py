"""What scripts reach by name goes where the configuration says now, also under what already holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.config import Config, InfluxDB
from services.cli.composition import post_endpoints
from services.cli.handler_settings import handler_sections
from services.connectors.configured import Configured
from services.connectors.http_sender import PostEndpoint
from services.connectors.influxdb import InfluxDBError
from services.store.folds.overrides import fold
from services.store.live_config import LiveConfig
from services.store.projection import Projection
from services.store.store import Store
from tests.support.alerts import sink
from tests.unit.services.store.folds.test_overrides import overridden


async def test_clients_and_endpoints_follow(tmp_path: Path) -> None:
    base = Config(influxdb=(InfluxDB(urls=("http://127.0.0.1:1",)),))
    with Store.open(tmp_path / "x.lmdb", "test", 1) as store:
        projection: Projection[Any] = Projection(store, fold, "EVENTS")
        projection.load("log", 0)
        effective = LiveConfig(base, handler_sections())
        effective.follow(projection)
        named, endpoints = Configured(effective), post_endpoints(effective)
        held, default = named.influxdb["default"], named.influxdb[""]
        with pytest.raises(InfluxDBError):
            await held.write(("db", ""), {}, b"m v=1 1")
        assert endpoints == {}
        async with sink() as web:
            template = tmp_path / "rows"
            template.write_text("{{ .Name }}")
            row = {"row-template-file": str(template)}
            projection.apply(
                [
                    (1, overridden("influxdb/default", 1, urls=[web.url])),
                    (2, overridden("swarm/s", 2, True, id="s", enabled=True, servers=["http://s"])),
                    (3, overridden("httppost/e", 3, True, endpoint="e", url="http://e", **row)),
                    (
                        4,
                        overridden("httppost/f", 4, True, endpoint="f", url="http://f", **{"row-template-file": "/no"}),
                    ),
                ]
            )
            await held.write(("db", ""), {}, b"m v=1 1")
            await default.write(("other", ""), {}, b"m v=1 1")
            assert [path for path, _, _ in web.posts] == ["/write?db=db", "/write?db=other"]
            assert named.clusters["swarm"]["s"].servers == ("http://s",)
            assert endpoints["e"] == PostEndpoint("http://e", {}, row_template="{{ .Name }}")
            assert "f" not in endpoints
        projection.apply([(5, overridden("influxdb/default", 5, enabled=False))])
        assert named.influxdb == {}
        await held.close()
        await default.close()
