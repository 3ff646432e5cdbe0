"""`tickbus serve` with HTTPS and authentication on, from the first user on."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.support.certificates import make_pair
from tests.support.serve import serve

SCRIPT = "stream|from().measurement('cpu')|window().period(1s).every(1s)|count('v')|httpOut('count')"
V1 = "/kapacitor/v1"


def test_a_closed_server_from_the_first_user_on(tmp_path: Path) -> None:
    pair = make_pair(tmp_path)
    settings = {
        "KAPACITOR_HTTP_AUTH_ENABLED": "true",
        "KAPACITOR_HTTP_HTTPS_ENABLED": "true",
        "KAPACITOR_HTTP_HTTPS_CERTIFICATE": str(pair.certificate),
        "KAPACITOR_HTTP_HTTPS_PRIVATE_KEY": str(pair.key),
    }
    trusted = ssl.create_default_context(cafile=pair.certificate)
    with serve(tmp_path, settings) as url, httpx.Client(base_url=url, verify=trusted, timeout=30) as client:
        assert url.startswith("https://")
        assert client.get(f"{V1}/ping").status_code == 204
        assert client.get(f"{V1}/tasks").status_code == 401
        add_user(tmp_path / "data", "root", "sesame", "--admin")
        client.auth = ("root", "sesame")

        task = {"id": "t", "type": "stream", "dbrps": [{"db": "d", "rp": "r"}], "script": SCRIPT, "status": "enabled"}
        assert client.post(f"{V1}/tasks", json=task).status_code == 200
        with client.stream("GET", f"{V1}preview/logs?service=http") as logs, asked_again_and_again(client):
            assert "username=root" in next(logs.iter_lines())

        write = f"{V1}/write?db=d&rp=r&precision=s"
        many = "\n".join(f"cpu,host=h{number % 10} v={number} 1" for number in range(300_000))
        assert len(many) > 4 << 20
        for content in (many, "cpu v=1 2", "cpu v=1 3"):
            assert client.post(write, content=content).status_code == 204
        assert client.post(write, content=many, auth=("root", "wrong")).status_code == 401
        end = time.monotonic() + 20
        # 503: the worker is still at what was written, and does not answer in time.
        while not (series := (answer := client.get(f"{V1}/tasks/t/count")).json().get("series")):
            assert time.monotonic() < end and answer.status_code in (200, 503)
            time.sleep(0.05)
        assert series[0]["values"][0][1] in (1, 300_000)
    said = (tmp_path / "log").read_text()
    assert "sesame" not in said and "lvl=error" not in said


@contextlib.contextmanager
def asked_again_and_again(client: httpx.Client) -> Iterator[None]:
    """Meanwhile something is asked for every now and then, so that there is something to log."""
    ended = threading.Event()

    def ask() -> None:
        while not ended.wait(0.05):
            client.get(f"{V1}/tasks")

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        ended.set()
        asking.join()


def add_user(directory: Path, name: str, password: str, *more: str) -> None:
    command = [sys.executable, "-m", "services.cli.main", "user", "add", name, "--data-dir", str(directory), *more]
    subprocess.run(command, input=password, text=True, check=True, capture_output=True)
