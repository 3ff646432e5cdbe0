import asyncio
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.config import Config
from services.cli.main import main
from services.cli.service import run_service
from tests.support.logs import restored_log

__all__ = ["restored_log"]

pytestmark = pytest.mark.usefixtures("restored_log")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("KAPACITOR_")]:
        monkeypatch.delenv(name)


def test_config_prints_what_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.toml"
    file.write_text('[http]\nbind-address = ":1"\n[engine]\nworkers = 1\n[logging]\nlevel = "ERROR"')
    monkeypatch.setenv("KAPACITOR_ENGINE_WORKERS", "2")
    monkeypatch.setenv("KAPACITOR_LOGGING_LEVEL", "WARN")
    assert main(["config", "--config", str(file), "--workers", "3", "--data-dir", str(tmp_path)]) == 0
    printed = tomllib.loads(capsys.readouterr().out)
    assert printed["http"]["bind-address"] == ":1"
    assert printed["logging"]["level"] == "WARN"
    assert printed["engine"]["workers"] == 3
    assert printed["data_dir"] == str(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serve", "--http", "nonsense"], 'config: [http] bind-address: must be "HOST:PORT"'),
        (["serve", "--workers", "-1"], "config: [engine] workers: must be 0 to 256"),
        (["serve", "--config", "/nowhere.toml"], "config: /nowhere.toml: No such file"),
        (["gateway"], "tickbus gateway: needs a NATS: --nats URL"),
    ],
)
def test_a_mistake_is_said_and_ends_with_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith(message)


def test_the_command_does_not_import_what_it_does_not_run() -> None:
    script = (
        "import sys, services.cli.main; "
        "print([m for m in ('numpy', 'quart', 'nats', 'lmdb', 'textx', 'httpx') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_ends_with_0_after_it_has_stopped_by_itself(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = []

    async def service(config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
        ready()
        os.kill(os.getpid(), number)
        await stop.wait()
        saved.append(True)

    assert run_service("engine", Config(), service) == 0
    assert saved == [True]
    assert capsys.readouterr().out == "tickbus engine ready\n"


def test_a_service_that_fails_or_ends_unasked_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    async def fails(config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
        raise OSError("no such bus")

    async def ends(config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
        ready()

    assert run_service("engine", Config(), fails) == 1
    assert "err=\"OSError('no such bus')\"" in capsys.readouterr().err
    assert run_service("engine", Config(), ends) == 1
