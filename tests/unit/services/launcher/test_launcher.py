"""The launcher with real processes and the real NATS, stand-ins being the services."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from schemas.config import Config, Engine, Http, Service
from services.launcher.launcher import service_programs
from tests.support.certificates import in_one, make_pair

STANDIN = Path(__file__).with_name("standin.py")
SERVICES = ("gateway", "engine-0", "engine-1", "alerting")

Serve = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    started: list[subprocess.Popen[str]] = []

    def start(*names: str, address: str = "127.0.0.1:0", **settings: str) -> "subprocess.Popen[str]":
        command = [sys.executable, str(STANDIN), "serve", str(tmp_path), address, *names]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KAPACITOR_")}
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment | settings
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """What the condition gives as soon as it gives something true; waits for other processes to get there."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return value


def read_ready(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def state(directory: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((directory / "state.json").read_text())
    return loaded


def pids(directory: Path) -> dict[str, int]:
    return {name: service["pid"] for name, service in state(directory)["services"].items()}


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def log_in(url: str, **other: object) -> bool:
    """Whether NATS takes the credentials of this URL, or others."""
    parts = urlsplit(url)
    login = json.dumps((other or {"user": parts.username, "pass": parts.password}) | {"verbose": False})
    try:
        with socket.create_connection((parts.hostname, parts.port), 2) as connection:
            connection.sendall(f"CONNECT {login}\r\nPING\r\n".encode())
            answer = b""
            while b"PONG" not in answer and b"-ERR" not in answer:
                answer += connection.recv(4096)
            return b'"jetstream":true' in answer and b"PONG" in answer
    except OSError:
        return False


def test_starts_everything_and_stops_it_in_order(serve: Serve, tmp_path: Path) -> None:
    process = serve(*SERVICES)
    line = read_ready(process)
    running = state(tmp_path)
    assert line.startswith(f"tickbus ready on {running['http']} ")
    assert set(running["services"]) == {"nats", *SERVICES}
    assert running["pid"] == process.pid
    assert all(alive(pid) for pid in pids(tmp_path).values())
    assert log_in(running["nats"])

    process.terminate()
    assert process.wait(30) == 0
    stopped = [line.split()[0] for line in (tmp_path / "events").read_text().splitlines()]
    assert (stopped[0], sorted(stopped[1:3]), stopped[3]) == ("gateway", ["engine-0", "engine-1"], "alerting")
    assert not any(alive(service["pid"]) for service in running["services"].values())


def test_nats_is_for_this_machine_and_for_whoever_may_read_its_credentials(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "nats").mkdir()
    (tmp_path / "nats" / "nats.conf").touch(mode=0o666)
    read_ready(serve("gateway"))
    running = state(tmp_path)
    assert log_in(running["nats"])
    for wrong in ({"user": "tickbus"}, {"user": "tickbus", "pass": ""}, {"user": "tickbus", "pass": "x"}, {"x": 1}):
        assert not log_in(running["nats"], **wrong)
    assert not log_in(running["nats"].replace("tickbus:", "tickbus:x"))
    for file in ("state.json", "nats/nats.conf"):
        assert (tmp_path / file).stat().st_mode & 0o777 == 0o600
    listening = psutil.Process(running["services"]["nats"]["pid"]).net_connections("tcp")
    assert {one.laddr.ip for one in listening if one.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


def test_https_is_said_and_its_files_are_looked_at(serve: Serve, tmp_path: Path) -> None:
    file = str(in_one(make_pair(tmp_path)))
    settings = {"KAPACITOR_HTTP_HTTPS_ENABLED": "true"}
    process = serve("gateway", KAPACITOR_HTTP_HTTPS_CERTIFICATE=file, **settings)
    assert read_ready(process).startswith("tickbus ready on https://127.0.0.1:")
    assert state(tmp_path)["http"].startswith("https://")
    process.terminate()
    assert process.wait(30) == 0

    process = serve("gateway", KAPACITOR_HTTP_HTTPS_CERTIFICATE="/nowhere.pem", **settings)
    _, errors = process.communicate(timeout=30)
    complaint = "tickbus: HTTPS: the certificate file cannot be read: /nowhere.pem: No such file or directory\n"
    assert (process.returncode, errors) == (1, complaint)


def test_starts_again_what_dies(serve: Serve, tmp_path: Path) -> None:
    process = serve("gateway", "engine-0")
    read_ready(process)
    before = state(tmp_path)
    for name in ("engine-0", "nats"):
        os.kill(before["services"][name]["pid"], signal.SIGKILL)
    until(
        lambda: all(
            pid and pid != before["services"][name]["pid"] for name, pid in pids(tmp_path).items() if name != "gateway"
        )
    )
    until(lambda: log_in(before["nats"]))
    after = state(tmp_path)
    assert after["nats"] == before["nats"]
    assert after["services"]["gateway"] == before["services"]["gateway"]
    assert after["services"]["engine-0"]["restarts"] == 1
    process.terminate()
    assert process.wait(30) == 0
    assert process.stderr is not None
    died = [line for line in process.stderr.read().splitlines() if "service died" in line]
    assert len(died) == 2
    assert all("ended=SIGKILL" in line and "lvl=warn" in line for line in died)


def test_a_hang_up_is_passed_on_to_every_service_once_it_is_ready(serve: Serve, tmp_path: Path) -> None:
    process = serve("gateway", "engine-0")
    read_ready(process)
    before = pids(tmp_path)["gateway"]
    told = tmp_path / "events"
    process.send_signal(signal.SIGHUP)
    both = ["engine-0 hung up", "gateway hung up"]
    until(lambda: told.exists() and sorted(told.read_text().splitlines()) == both)
    (tmp_path / "wait").touch()
    os.kill(before, signal.SIGKILL)
    until(lambda: pids(tmp_path)["gateway"] not in (None, before))
    process.send_signal(signal.SIGHUP)
    until(lambda: told.read_text().count("engine-0 hung up") == 2)
    (tmp_path / "wait").unlink()
    until(lambda: sorted(told.read_text().splitlines()) == sorted(both * 2))
    process.terminate()
    assert process.wait(30) == 0


def test_logs_to_stdout_are_the_lines_of_all_processes(serve: Serve) -> None:
    process = serve("gateway", KAPACITOR_LOGGING_FILE="STDOUT", KAPACITOR_LOGGING_FORMAT="json")
    assert process.stdout is not None and process.stderr is not None
    lines: list[str] = []
    while "tickbus ready" not in (line := process.stdout.readline()):
        lines.append(line)
    process.terminate()
    assert process.wait(30) == 0
    said = [json.loads(line) for line in lines + process.stdout.read().splitlines()]
    assert {"standin"} <= {line["service"] for line in said}
    assert not [line for line in said if line["msg"].startswith("{")]
    assert process.stderr.read() == ""


def test_a_log_file_that_was_moved_away_is_there_again_after_a_hang_up(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "var" / "log" / "tickbus.log"
    process = serve("gateway", KAPACITOR_LOGGING_FILE=str(file), KAPACITOR_STATS_ENABLED="true")
    read_ready(process)
    assert file.read_text().count("[stats]: ") == 1  # which serve says, and not each of its services
    file.rename(tmp_path / "log.1")
    process.send_signal(signal.SIGHUP)
    until(file.exists)
    process.terminate()
    assert process.wait(30) == 0
    assert "msg=stopping service=standin" in file.read_text()


def test_a_log_file_that_cannot_be_opened_is_said(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    process = serve("gateway", KAPACITOR_LOGGING_FILE=str(tmp_path / "file" / "log"))
    _, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (1, f"tickbus: [Errno 20] Not a directory: '{tmp_path}/file/log'\n")


def test_nothing_outlives_a_killed_launcher(serve: Serve, tmp_path: Path) -> None:
    process = serve("gateway", "engine-0")
    read_ready(process)
    left = list(pids(tmp_path).values())
    process.kill()
    until(lambda: not any(alive(pid) for pid in left))

    again = serve("gateway")
    assert read_ready(again).startswith("tickbus ready")
    again.send_signal(signal.SIGINT)
    assert again.wait(30) == 0


def test_a_process_left_by_a_killed_launcher_is_stopped_by_the_next(serve: Serve, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as left:
        services = {"nats": {"pid": left.pid, "started": psutil.Process(left.pid).create_time()}}
        services["engine-0"] = {"pid": os.getpid(), "started": 0.0}
        (tmp_path / "state.json").write_text(json.dumps({"services": services}))
        # The launcher waits until it is gone, which it is only when its parent has seen it end.
        with ThreadPoolExecutor() as parent:
            ended = parent.submit(left.wait)
            read_ready(serve("gateway"))
            assert ended.result(30) == -signal.SIGKILL


def test_a_second_one_on_the_same_directory_is_refused(serve: Serve, tmp_path: Path) -> None:
    first = serve("gateway")
    read_ready(first)
    second = serve("gateway")
    _, errors = second.communicate(timeout=30)
    assert second.returncode == 1
    assert errors == f"tickbus: another tickbus runs on {tmp_path} (process {first.pid})\n"
    assert log_in(state(tmp_path)["nats"])


def test_a_port_in_use_is_named(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        process = serve("gateway", address=address)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"tickbus: {address} is in use" in errors


def test_a_service_that_cannot_start_ends_the_whole(serve: Serve, tmp_path: Path) -> None:
    process = serve("gateway", "engine-broken")
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (1, "")
    assert "tickbus: engine-broken did not start: it ended with exit code 1" in errors
    assert "err=ValueError('broken')" in errors
    assert not (tmp_path / "state.json").exists()


def test_a_service_that_does_not_stop_is_killed(serve: Serve, tmp_path: Path) -> None:
    process = serve("gateway", "engine-stuck")
    read_ready(process)
    pid = pids(tmp_path)["engine-stuck"]
    process.terminate()
    assert process.wait(30) == 0
    assert not alive(pid)
    assert process.stderr is not None
    assert 'msg="does not stop, killing it" service=launcher name=engine-stuck' in process.stderr.read()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (":9192", [":9192", ":9193", ":9194", ":9195", ":9196"]),
        ("[::1]:0", ["[::1]:0"] * 5),
        ("", [None] * 5),
    ],
)
def test_each_service_tells_of_its_health_on_a_port_of_its_own(address: str, expected: list[str | None]) -> None:
    config = Config(service=Service(health_address=address), engine=Engine(workers=2))
    specs = service_programs(None)(config, {"KAPACITOR_NATS_URL": "nats://h"})
    assert [spec.name for spec in specs] == ["gateway", "alerting", "recorder", "engine-0", "engine-1"]
    assert [spec.environment.get("KAPACITOR_SERVICE_HEALTH_ADDRESS") for spec in specs] == expected
    assert all(spec.environment["KAPACITOR_NATS_URL"] == "nats://h" for spec in specs)


def test_gateways_that_share_an_address_have_directories_of_their_own(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path, http=Http(processes=3), engine=Engine(workers=1))
    specs = service_programs(None)(config, {"KAPACITOR_DATA_DIR": str(tmp_path)})
    assert [spec.name for spec in specs] == ["gateway", "alerting", "recorder", "engine-0", "gateway-1", "gateway-2"]
    told = {
        spec.name: (spec.environment.get("KAPACITOR_HTTP_PROCESS"), spec.environment["KAPACITOR_DATA_DIR"])
        for spec in specs
        if spec.command[4] == "gateway"
    }
    assert told == {
        "gateway": (None, str(tmp_path)),
        "gateway-1": ("1", str(tmp_path / "gateway-1")),
        "gateway-2": ("2", str(tmp_path / "gateway-2")),
    }
