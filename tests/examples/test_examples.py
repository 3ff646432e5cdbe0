"""Each example is played, and gives the alerts that stand beside its script; README.md here says how they lie."""

from __future__ import annotations

import gzip
import io
import itertools
import re
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conformance.conform import Sinks
from tests.support.serve import serve
from tickbus.client import Client

HERE = Path(__file__).parent
SERVICES = HERE.parents[1] / "services"
EXAMPLES = sorted(path.parent for path in HERE.glob("*/script.tick"))
LOAD = HERE / "load_directory"
DATABASE, POLICY = "telegraf", "autogen"
FINISHED_SECONDS = 30

_ADDRESS = "http://127.0.0.1:9092"
_SINK = "http://127.0.0.1:9000/alerts"
_LOG = "/tmp/cpu.log"
_DATA = "~/.tickbus"
_CURL = re.compile(r"^## Five minutes with curl\n.*?^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OVER_NATS = re.compile(r"^## Over NATS\n.*?^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TOLD = re.compile(r"^## Alerts for other programs\n.*?^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHOWN = re.compile(r"`((?:tasks|templates|handlers)/\w+\.(?:tick|yaml))`")
_FIRST = re.compile(r"^```python\n(.*?)^```\n\nprints\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def sinks() -> Sinks:
    return Sinks()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serve")


@pytest.fixture(scope="module")
def server(folder: Path, sinks: Sinks) -> Iterator[str]:
    """A server that has loaded the load directory, its handler posting to the sinks, and knows the examples' functions:
    each program beside a script is one, by its name."""
    shutil.copytree(LOAD, folder / "load")
    handler = folder / "load" / "handlers" / "oncall.yaml"
    handler.write_text(handler.read_text("utf-8").replace(_SINK, f"{sinks.http_url}/oncall"), "utf-8")
    config = folder / "tickbus.conf"
    load = f"[load]\nenabled = true\ndir = {str(folder / 'load')!r}\n"
    config.write_text(load + "".join(map(_function, HERE.glob("*/*.py"))))
    with serve(folder, {"KAPACITOR_CONFIG_PATH": str(config)}) as url:
        yield url


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_gives_its_alerts(example: Path, server: str, sinks: Sinks) -> None:
    sinks.reset()
    expected = (example / "alerts.txt").read_text("utf-8").splitlines()
    assert expected
    _play(example, server, sinks.http_url)
    assert alerts(sinks) == expected


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_says_what_it_is_for(example: Path) -> None:
    title = (example / "script.tick").read_text("utf-8").splitlines()[0].removeprefix("// ").partition(":")[0]
    assert f"[{title}]({example.name}/script.tick)" in (HERE / "README.md").read_text("utf-8")


def test_the_first_program_of_the_readme_prints_what_it_says(server: str, tmp_path: Path) -> None:
    readme = (HERE.parents[1] / "README.md").read_text("utf-8")
    program, printed = _FIRST.findall(readme)[0]
    assert program.count(_ADDRESS) == 1
    file = tmp_path / "first.py"
    file.write_text(program.replace(_ADDRESS, server), "utf-8")
    done = subprocess.run([sys.executable, str(file)], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (printed, "")


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_the_five_minutes_with_curl_of_the_readme_show_an_alert(server: str, tmp_path: Path) -> None:
    (commands,) = _CURL.findall((HERE.parents[1] / "README.md").read_text("utf-8"))
    file = str(tmp_path / "cpu.log")
    assert commands.count(_ADDRESS) == 1 and commands.count(_LOG) == 2 and commands.count("\nsleep 1\n") == 1
    commands = commands.replace(_ADDRESS, server).replace(_LOG, file).replace("curl ", "curl -sS ")
    commands = commands.replace("\nsleep 1\n", f"\nuntil [ -s {file} ]; do sleep 0.1; done\n")
    done = subprocess.run(["bash", "-euc", commands], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert '"executing": true' in done.stdout and '"level": "CRITICAL"' in done.stdout
    with Client(server) as client:
        assert "cpu:host=db1" in {event.id for event in client.events("cpu", min_level="CRITICAL")}
        assert [task.id for task in client.tasks("cpu")] == [] and file in done.stdout


def test_the_program_of_a_readme_that_speaks_to_nats_lists_the_tasks(server: str, folder: Path) -> None:
    (program,) = _OVER_NATS.findall((SERVICES / "tickbus" / "README.md").read_text("utf-8"))
    assert program.count(_DATA) == 1
    program = program.replace(_DATA, str(folder / "data"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stderr == "" and "disk True" in done.stdout


def test_the_program_of_a_readme_that_is_told_of_alerts_prints_them(server: str, folder: Path) -> None:
    (program,) = _TOLD.findall((SERVICES / "alerting" / "README.md").read_text("utf-8"))
    assert program.count(_DATA) == 1
    program = program.replace(_DATA, str(folder / "data"))
    with Client(server) as client:
        client.write(DATABASE, "cpu,host=told usage_idle=4 1\ncpu,host=told usage_idle=50 2", precision="s")
    expected = ["told is CRITICAL after OK\n", "told is OK after CRITICAL\n"]
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as printer:
        guard = threading.Timer(60, printer.kill)
        guard.start()
        try:
            assert printer.stdout is not None
            told = (line for line in printer.stdout if line.startswith("told "))
            assert list(itertools.islice(told, 2)) == expected
        finally:
            guard.cancel()
            printer.kill()


def test_the_load_directory_runs_and_its_handler_posts_changes(server: str, sinks: Sinks) -> None:
    """On a host of its own: what other tests write, its task of the CPU sees too."""
    with Client(server) as client:
        client.write(DATABASE, "disk,host=files,path=/ used_percent=97 1\ncpu,host=files usage_idle=4 1", precision="s")
        client.write(
            DATABASE, "disk,host=files,path=/ used_percent=98 2\ncpu,host=files usage_idle=50 2", precision="s"
        )
    expected = [
        "1970-01-01T00:00:01Z CRITICAL cpu of files is CRITICAL",
        "1970-01-01T00:00:01Z CRITICAL files / is 97 % full",
        "1970-01-01T00:00:02Z OK cpu of files is OK",
    ]
    end = time.monotonic() + FINISHED_SECONDS
    while len(posted := [one for one in alerts(sinks, "/oncall") if "files" in one]) < len(expected):
        assert time.monotonic() < end, posted
        time.sleep(0.05)
    assert posted == expected


def test_a_readme_shows_the_files_of_the_load_directory_as_they_are() -> None:
    readme = (SERVICES / "gateway" / "load" / "README.md").read_text("utf-8")
    files = {str(path.relative_to(LOAD)): path.read_text("utf-8") for path in LOAD.glob("*/*")}
    assert set(_SHOWN.findall(readme)) == set(files)
    assert not {name for name, text in files.items() if f"\n{text}```\n" not in readme}


def _function(program: Path) -> str:
    return f"[udf.functions.{program.stem}]\nprog = {sys.executable!r}\nargs = [{str(program)!r}]\ntimeout = '10s'\n"


def _play(example: Path, server: str, sink: str) -> None:
    """Replay its input into its task, with the times that are in it; returns once every alert is handled."""
    name = example.name
    to = {"to": {"type": "string", "value": sink}}
    with Client(server) as client, httpx.Client(base_url=f"{server}/kapacitor/v1", timeout=30) as api:
        client.define(name, (example / "script.tick").read_text("utf-8"), vars=to, enabled=False)
        kind = client.task(name).type
        file = recorded_stream(example / "input.lp") if kind == "stream" else recorded_batches(example / "input.jsonl")
        imported = api.post("/recordings/import", params={"id": name}, content=file)
        assert imported.status_code == 201, imported.text
        _finished(api, f"/recordings/{name}")
        asked = {"id": name, "task": name, "recording": name, "recording-time": True}
        begun = api.post("/replays", json=asked)
        assert begun.status_code == 201, begun.text
        _finished(api, f"/replays/{name}")


def _finished(api: httpx.Client, path: str) -> None:
    end = time.monotonic() + FINISHED_SECONDS
    while (shown := api.get(path).json()).get("status") == "running" and time.monotonic() < end:
        time.sleep(0.05)
    assert shown.get("status") == "finished", shown


def recorded_stream(lines: Path) -> bytes:
    """Line protocol with times in seconds, as a recording's file: gzip of database, policy and line, each a line."""
    points = [f"{DATABASE}\n{POLICY}\n{line}000000000\n" for line in lines.read_text("utf-8").splitlines()]
    return gzip.compress("".join(points).encode())


def recorded_batches(batches: Path) -> bytes:
    """What InfluxDB answered to the script's query, a batch a line, as a recording's file: a zip of a file a query."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.write(batches, "0")
    return out.getvalue()


def alerts(sinks: Sinks, path: str = "/") -> list[str]:
    """What was posted to a path, by time: `TIME LEVEL MESSAGE`."""
    with sinks.lock:
        posts: list[Any] = [post["body"] for post in sinks.posts if post["path"] == path]
    return sorted(f"{one['time']} {one['level']} {one['message']}" for one in posts)
