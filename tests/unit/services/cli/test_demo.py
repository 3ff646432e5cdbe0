import urllib.request
from pathlib import Path

import psutil
import pytest

from schemas.config import Config
from services.cli import demo


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
    monkeypatch.setattr(demo, "serve", lambda config, programs, show: served.append(config) or 0)
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
