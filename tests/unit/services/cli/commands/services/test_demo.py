import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psutil
import pytest

from schemas.config import Config, Http
from services.cli.commands.services import demo
from tests.support.certificates import make_pair
from tests.support.nats import NatsServer
from tests.unit.services.gateway.conftest import StartGateway, start_gateway

__all__ = ["start_gateway"]


def test_an_alert_that_is_posted_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with demo._alert_sink() as url:
        body = b'{"id":"a","level":"WARNING","message":"a takes 50 % of a core"}'
        with urllib.request.urlopen(urllib.request.Request(url, body)) as answer:
            assert answer.status == 204
    assert capsys.readouterr().out.endswith("  WARNING   a takes 50 % of a core\n")


def test_the_figures_are_line_protocol_of_three_measurements() -> None:
    lines = demo._lines("a\\ b", psutil.Process()).splitlines()
    assert [line.split(",")[0] for line in lines] == ["cpu", "mem", "procstat"]
    assert all("host=a\\ b" in line and line.rsplit(" ", 1)[1].isdigit() for line in lines)


def test_data_is_kept_only_where_a_directory_was_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    served: list[Config] = []
    monkeypatch.setattr(demo, "serve", lambda config, programs, show, template: served.append(config) or 0)
    assert demo.demo(Config(data_dir=tmp_path), None, temporary=False, seconds=None) == 0
    assert demo.demo(Config(data_dir=tmp_path), None, temporary=True, seconds=None) == 0
    assert served[0].data_dir == tmp_path
    assert served[1].data_dir != tmp_path and not served[1].data_dir.exists()


def test_the_next_free_port_is_taken() -> None:
    with demo._alert_sink() as url:
        taken = int(url.rstrip("/").rsplit(":", 1)[1])
        host, port = demo._next_free(f"127.0.0.1:{taken}").split(":")
    assert host == "127.0.0.1"
    assert int(port) > taken


async def test_a_user_and_a_certificate_are_found_where_the_api_asks_for_them(
    start_gateway: StartGateway, nats_server: NatsServer, tmp_path: Path
) -> None:
    pair = make_pair(tmp_path)
    settings = {"https_certificate": str(pair.certificate), "https_private_key": str(pair.key)}
    launcher: Any = SimpleNamespace(config=Config(http=Http(auth_enabled=True)), nats_url=nats_server.url)
    async with start_gateway(auth_enabled=True, https_enabled=True, **settings) as client:
        trusted = demo._trusted(Http(https_enabled=True, **settings))
        async with demo._user(launcher) as user, httpx.AsyncClient(verify=trusted) as own:
            assert user is not None
            tasks = f"{client.base_url}/kapacitor/v1/tasks"
            assert (await own.get(tasks, auth=user)).status_code == 200
        assert (await client.get(tasks, auth=user)).status_code == 401
    assert demo._trusted(Http()) is True
    launcher.config = Config()
    async with demo._user(launcher) as user:
        assert user is None
