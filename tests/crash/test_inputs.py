"""All inputs beside HTTP on one `tickbus serve`: points reach a task; neither rubbish nor kill -9 ends that."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from pathlib import Path
from typing import Any

from tests.crash.processes import Api, Serve
from tests.support.ports import free_port
from tests.support.targets import target_server

SCRIPT = "stream|from().groupBy(*).groupByMeasurement()|httpOut('out')"


def configuration(ports: dict[str, int], target: str, typesdb: Path) -> dict[str, str]:
    """By variables. ports: by input."""

    def settings(section: str, **values: Any) -> dict[str, str]:
        names = {f"KAPACITOR_{section}_{name.upper()}": value for name, value in values.items()}
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in names.items()}

    base = {"enabled": True, "database": "db", "retention_policy": "rp"}
    at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    quick = {"batch_timeout": "10ms"}
    return {
        **settings("UDP_0", **base, bind_address=at["udp"]),
        **settings("GRAPHITE_0", **base, **quick, bind_address=at["graphite"], templates=["host.measurement*"]),
        **settings("GRAPHITE_1", **base, **quick, bind_address=at["graphite_udp"], protocol="udp"),
        **settings("OPENTSDB", **base, **quick, bind_address=at["opentsdb"]),
        **settings("COLLECTD", **base, **quick, bind_address=at["collectd"], typesdb=str(typesdb)),
        **settings("STATIC_DISCOVERY_0", enabled=True, id="d", targets=[target]),
        **settings("SCRAPER_0", enabled=True, name="s", db="db", rp="rp", scrape_interval="200ms"),
        **settings("SCRAPER_0", discoverer_service="static-discovery", discoverer_id="d"),
    }


def send(port: int, data: bytes, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as sender:
        sender.connect(("127.0.0.1", port))
        sender.sendall(data)


def send_to_all(ports: dict[str, int], value: int) -> None:
    udp, tcp = socket.SOCK_DGRAM, socket.SOCK_STREAM
    send(ports["udp"], b"udp v=%d" % value, udp)
    send(ports["graphite"], b"web1.graphite.tcp %d\n" % value, tcp)
    send(ports["graphite_udp"], b"graphite_udp %d" % value, udp)
    send(ports["opentsdb"], b"put opentsdb 1700000000 %d host=a\n" % value, tcp)
    name, kind, values = b"p\0", b"gauge\0", struct.pack("<d", value)
    parts = [(2, name), (4, kind), (6, struct.pack(">HB", 1, 1) + values)]
    send(ports["collectd"], b"".join(struct.pack(">HH", of, 4 + len(part)) + part for of, part in parts), udp)


async def until_shown(api: Api, expected: dict[str, int]) -> None:
    """Wait until the task has these values last."""
    found: dict[str, Any] = {}
    async with asyncio.timeout(30):
        while {name: found.get(name) for name in expected} != expected:
            answer = await api.call("GET", "/kapacitor/v1/tasks/t/out")
            rows = answer.json().get("series") or [] if answer.status_code == 200 else []
            found = {row["name"]: row["values"][0][1] for row in rows}
            await asyncio.sleep(0.02)


async def test_points_of_all_inputs_reach_a_task(tmp_path: Path) -> None:
    names = ("udp", "graphite", "graphite_udp", "opentsdb", "collectd")
    ports = {name: free_port() for name in names}
    typesdb = tmp_path / "types.db"
    typesdb.write_text("gauge value:GAUGE:U:U\n")
    measurements = ("udp", "graphite.tcp", "graphite_udp", "opentsdb", "p_value")
    async with target_server() as target:
        target.answers["/metrics"] = 200, b"scraped 1\n"
        async with (
            Serve(tmp_path, environment=configuration(ports, target.address, typesdb)) as serve,
            Api(serve) as api,
        ):
            assert (await api.define("t", SCRIPT)).status_code == 200
            send_to_all(ports, 1)
            await until_shown(api, dict.fromkeys((*measurements, "scraped"), 1))

            before = serve.services()["gateway"]["pid"]
            for name, port in ports.items():
                kind = socket.SOCK_STREAM if name in ("graphite", "opentsdb") else socket.SOCK_DGRAM
                for _ in range(20):
                    send(port, b"x" + os.urandom(1000) + b"\n", kind)
            target.answers["/metrics"] = 200, b"no metrics {"
            send_to_all(ports, 2)
            await until_shown(api, {**dict.fromkeys(measurements, 2), "up": 0})
            assert serve.services()["gateway"]["pid"] == before

            found = (await api.call("GET", "/kapacitor/v1/debug/vars")).json()["kapacitor"].values()
            (udp,) = [one for one in found if one["name"] == "udp"]
            assert udp["tags"]["bind"] == f"127.0.0.1:{ports['udp']}"
            assert udp["values"]["points_tx"] == 2 and udp["values"]["points_parse_fail"] == 20
            metrics = (await api.call("GET", "/metrics")).text
            assert f'tickbus_input_points_parse_fail_total{{input="udp",bind="{udp["tags"]["bind"]}"}} 20' in metrics
            assert 'tickbus_input_targets_active{input="scraper",scraper="s"} 1' in metrics

            await serve.kill_service("gateway")
            await until_listening(ports["opentsdb"])
            send_to_all(ports, 3)
            await until_shown(api, dict.fromkeys(measurements, 3))


async def until_listening(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
