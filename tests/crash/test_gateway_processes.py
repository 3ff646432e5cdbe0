"""Several gateway processes behind one address: each serves, one that is killed is missed by nobody and comes back."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import httpx
import psutil

from tests.crash.processes import Api, Serve, eventually
from tests.support.ports import free_port

SECONDS = 60.0  # a process needs some to start, and the system spreads connections by chance


async def test_a_process_that_is_killed_is_missed_by_nobody(tmp_path: Path) -> None:
    udp = free_port()
    environment = {
        "KAPACITOR_HTTP_PROCESSES": "2",
        "KAPACITOR_UDP_0_ENABLED": "true",
        "KAPACITOR_UDP_0_BIND_ADDRESS": f"127.0.0.1:{udp}",
        "KAPACITOR_UDP_0_DATABASE": "db",
        "KAPACITOR_UDP_0_RETENTION_POLICY": "rp",
    }
    async with Serve(tmp_path, environment=environment) as serve, Api(serve) as api:
        assert (await api.define("t", "stream|from().measurement('cpu')|httpOut('out')")).status_code == 200
        writes = Writes(serve.url)
        both = await writes.until_answered_by(2)

        killed = serve.services()["gateway-1"]["pid"]
        os.kill(killed, signal.SIGKILL)
        await eventually(lambda: not psutil.pid_exists(killed), "it is gone")
        other = await writes.answered_by()
        assert other in both
        again = await writes.until_answered_by(2)
        assert len(again - both) == 1, "the one that was started anew serves beside the other"
        assert serve.services()["gateway-1"]["restarts"] == 1
        assert serve.services()["gateway"]["restarts"] == 0

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"cpu v=1 1", ("127.0.0.1", udp))
        await api.until_stats("t", "from1", collected=writes.written + 1)
        assert await serve.stop() == 0


class Writes:
    """One write after another, each over a connection of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.written = 0

    async def answered_by(self) -> str:
        """Write once; gives which process has answered."""
        async with httpx.AsyncClient(timeout=20.0) as client:
            line = f"cpu v=1 {self.written}"
            answer = await client.post(f"{self._url}/write?db=db&rp=rp&precision=s", content=line)
        assert answer.status_code == 204, answer.text
        self.written += 1
        return answer.headers["request-id"].partition("-")[0]

    async def until_answered_by(self, count: int) -> set[str]:
        """Write until so many processes have answered; gives which."""
        found: set[str] = set()
        async with asyncio.timeout(SECONDS):
            while len(found) < count:
                found.add(await self.answered_by())
        return found
