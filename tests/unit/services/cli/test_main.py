import asyncio
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.config import Config, Logging
from services.cli.main import main
from services.cli.options import read_settings
from services.cli.service_process import SERVICES, run_service
from services.launcher.parent_watch import PARENT_PIPE
from tests.support.command_line import parameters_of
from tests.support.logs import restored_log

__all__ = ["restored_log"]

pytestmark = pytest.mark.usefixtures("restored_log", "clean_environment")


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


def test_config_says_what_is_of_no_effect(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kapacitor.conf"
    file.write_text("[[azure]]\nenabled = true\n[task]\ndir = '/x'")
    monkeypatch.setenv("KAPACITOR_HTTP_BIND_ADRESS", ":1")
    assert main(["config", "--config", str(file)]) == 0
    out, error = capsys.readouterr()
    assert tomllib.loads(out)["http"]["bind-address"] == "127.0.0.1:9092"
    assert [line.split()[1] for line in error.splitlines()] == ["KAPACITOR_HTTP_BIND_ADRESS", "[[azure]]:"]


def test_who_gives_credentials_on_the_command_line_is_warned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for url, warned in (("nats://u:secret@h:1", True), ("nats://h:1", False)):
        assert main(["restore", "--nats", url, str(tmp_path / "nothing")]) == 1
        said = capsys.readouterr().err
        assert ("everybody on this machine can see what stands in --nats" in said) is warned
        assert "secret" not in said


def test_a_backup_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "nothing"
    assert main(["restore", "--data-dir", str(tmp_path / "data"), str(file)]) == 1
    assert capsys.readouterr().err == f"tickbus restore: {file}: No such file or directory\n"


def test_lists_of_the_command_line_are_settings_of_security(capsys: pytest.CaptureFixture[str]) -> None:
    listed = ["--disable-handlers", "exec, log", "--blacklist-cidrs", "private,192.0.2.0/24"]
    config = read_settings(parameters_of(["serve", *listed])).config
    assert config.security.disable_handlers == ("exec", "log")
    assert config.security.blacklist_cidrs == ("private", "192.0.2.0/24")
    assert main(["config", *listed]) == 0
    assert tomllib.loads(capsys.readouterr().out)["security"]["disable-handlers"] == ["exec", "log"]
    assert main(["serve", "--disable-handlers", "exce"]) == 2
    assert "no handler is exce" in capsys.readouterr().err


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


def test_a_service_that_somebody_starts_says_what_is_of_no_effect_and_one_of_serve_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kapacitor.conf"
    file.write_text("[[azure]]\nenabled = true\n[nats]\nurl = 'nats://127.0.0.1:1'")
    monkeypatch.setitem(SERVICES, "engine", _ends)
    assert main(["engine", "--config", str(file)]) == 1
    assert "[[azure]]: " in capsys.readouterr().err
    monkeypatch.setenv(PARENT_PIPE, "1")
    monkeypatch.setattr("services.cli.service_process.end_with_parent", lambda last: None)
    assert main(["engine", "--config", str(file)]) == 1
    assert "[[azure]]: " not in capsys.readouterr().err


async def _ends(config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """A service that does nothing."""


def test_a_log_file_that_cannot_be_opened_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = Config(logging=Logging(file=f"{tmp_path}"))
    assert run_service("engine", config, _ends) == 1
    assert capsys.readouterr().err == f"tickbus engine: [Errno 21] Is a directory: '{tmp_path}'\n"


def test_a_service_that_fails_or_ends_unasked_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    async def fails(config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
        raise OSError("no such bus")

    async def ends(config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
        ready()

    assert run_service("engine", Config(), fails) == 1
    assert "err=\"OSError('no such bus')\"" in capsys.readouterr().err
    assert run_service("engine", Config(), ends) == 1


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&- <&-"])
def test_standard_streams_that_are_closed_are_no_error(closed: str) -> None:
    command = ["/bin/sh", "-c", f'exec "$0" -m services.cli nodes {closed}', sys.executable]
    ran = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")


def test_standard_streams_that_were_closed_have_their_own_descriptors(tmp_path: Path) -> None:
    """A service that is forked off this process has its own files there, and closes all others."""
    program = (
        "import pathlib, sys; from services.cli.main import main; main(['nodes']);"
        "pathlib.Path(sys.argv[1]).write_text(f'{sys.stdin.fileno()} {sys.stdout.fileno()} {sys.stderr.fileno()}')"
    )
    command = ["/bin/sh", "-c", 'exec "$0" -c "$1" "$2" >&- 2>&- <&-', sys.executable, program, str(tmp_path / "found")]
    subprocess.run(command, timeout=60, check=True)
    assert (tmp_path / "found").read_text() == "0 1 2"


def test_a_variable_that_is_empty_names_no_configuration_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAPACITOR_CONFIG_PATH", "")
    assert read_settings({}).file is None
