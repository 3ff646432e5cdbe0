"""`tickbus import` into a whole server, from the recorded answers of a Kapacitor (tests/support/old_kapacitor.py)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cli.main import main
from tests.support.old_kapacitor import OldKapacitor, old_kapacitor
from tests.support.serve import serve

SECONDS = 30.0

SECRETS = {
    "config influxdb/other: not taken: password is secret: set it by hand, POST /kapacitor/v1/config/influxdb/other",
    "config slack: not taken: url is secret: set it by hand, POST /kapacitor/v1/config/slack/; it stays disabled until "
    "then",
}
UNKNOWN = (
    'tasks unknown: not taken: invalid TICKscript: line 1 char 34: no method or property "ofALaterVersion" on *pipeline'
    ".FromNode"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("import")


@pytest.fixture(scope="module")
def new(folder: Path) -> Iterator[httpx.Client]:
    with serve(folder) as url, httpx.Client(base_url=f"{url}/kapacitor/v1", timeout=30) as client:
        yield client


@pytest.fixture
def old(folder: Path) -> Iterator[OldKapacitor]:
    with old_kapacitor(folder) as old:
        yield old


class Ran:
    """An import that was run: its exit code, the lines on what is otherwise, and the counts by kind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        lines = out.splitlines()
        self.code, self.error = code, err.strip()
        self.told = {line.strip() for line in lines if line.startswith("  ")}
        last = next((i for i, line in enumerate(lines) if line in ("done:", "so far:", "it would be:")), len(lines))
        self.counts = dict(line.split(maxsplit=1) for line in lines[last + 1 :])


@pytest.fixture
def run(old: OldKapacitor, new: httpx.Client, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*options: str) -> Ran:
        url = str(new.base_url).removesuffix("/kapacitor/v1/")
        code = main(["import", old.url, "--to", url, *options])
        return Ran(code, *capsys.readouterr())

    return run


# These follow each other on one server: what one has imported the next finds.


def test_a_dry_run_tells_all_and_changes_nothing(run: Any, old: OldKapacitor, new: httpx.Client) -> None:
    ran = run("--dry-run", "--recordings", str(old.recordings))
    assert UNKNOWN.replace("not taken", "would be refused") in ran.told
    assert ran.counts["tasks"] == "5 imported, 2 enabled" and ran.counts["states"] == "4 imported"
    assert new.get("/tasks").json()["tasks"] == [] and new.get("/alerts/topics").json()["topics"] == []


def test_an_old_server_that_goes_away_leaves_what_is_done(run: Any, old: OldKapacitor, new: httpx.Client) -> None:
    old.leaves_after = 7
    ran = run()
    assert ran.code == 1 and ran.error.startswith(f"tickbus import: {old.url} does not answer: ")
    assert ran.error.endswith("; what is done is done, the same command goes on from here")
    assert ran.counts["templates"] == "1 imported" and ran.counts["tasks"] == "2 imported"
    assert {task["id"]: task["status"] for task in new.get("/tasks").json()["tasks"]} == {
        "cpu": "disabled",
        "implicit": "disabled",
    }


def test_the_same_command_goes_on(run: Any, old: OldKapacitor, new: httpx.Client) -> None:
    ran = run("--recordings", str(old.recordings))
    assert ran.code == 1 and ran.told == SECRETS | {UNKNOWN}
    assert ran.counts == {
        "config": "3 the same already, 2 not taken",
        "templates": "1 the same already",
        "tasks": "2 imported, 2 enabled, 2 the same already, 1 not taken",
        "handlers": "2 imported",
        "recordings": "1 imported",
        "states": "4 imported",
    }
    statuses = {task["id"]: (task["status"], task["executing"]) for task in new.get("/tasks").json()["tasks"]}
    off = ("disabled", False)
    assert statuses == {"cpu": ("enabled", True), "own": ("enabled", True), "implicit": off, "report": off}
    cpu = new.get("/tasks/cpu").json()
    assert cpu["template-id"] == "threshold" and cpu["vars"] == old.answers["/tasks/cpu"][1]["vars"]
    assert new.get("/recordings/monday").json()["status"] == "finished"
    options = new.get("/config/slack/").json()["options"]
    assert (options["channel"], options["enabled"]) == ("#ops", False)
    other = new.get("/config/influxdb/other").json()["options"]
    assert (other["urls"], other["username"]) == (["http://other.example.org:8086"], "u")


@pytest.mark.parametrize(("topic", "log"), [("cpu", "cpu.log"), ("main:own:alert2", "own.log")])
def test_topics_have_the_events_of_the_old_server(
    new: httpx.Client, old: OldKapacitor, topic: str, log: str, folder: Path
) -> None:
    expected = old.answers[f"/alerts/topics/{topic}/events"][1]
    assert new.get(f"/alerts/topics/{topic}/events").json() == expected
    assert new.get(f"/alerts/topics/{topic}").json()["collected"] == 0
    assert not (folder / log).exists()


def test_a_second_run_finds_everything_the_same(run: Any, old: OldKapacitor) -> None:
    old.answers["/api/v2/tasks"] = 200, {"tasks": [{"id": "0a1", "name": "hourly", "flux": "from(bucket: 1)"}]}
    ran = run("--recordings", str(old.recordings), "--only", "templates, tasks,handlers,recordings,states")
    flux = "tasks 0a1 hourly: not taken: it is written in Flux, which tickbus does not run"
    assert ran.told == {UNKNOWN, flux}
    assert ran.counts == {
        "templates": "1 the same already",
        "tasks": "4 the same already, 2 not taken",
        "handlers": "2 the same already",
        "recordings": "1 the same already",
        "states": "4 the same already",
    }
    assert run("--only", "templates,handlers,states").code == 0


def test_what_is_critical_does_not_alert_anew_and_recovers(new: httpx.Client, folder: Path) -> None:
    def write(*lines: str) -> None:
        new.post("/write?db=telegraf&rp=autogen", content="\n".join(lines)).raise_for_status()

    write("cpu,host=a idle=5 1700000300000000000", "cpu,host=new idle=5 1700000300000000001")
    write("cpu,host=a idle=50 1700000400000000000")
    for log in ("cpu.log", "own.log"):
        told = [(e["id"], e["level"], e["previousLevel"]) for e in logged(folder / log, 2)]
        assert sorted(told) == [("a", "OK", "CRITICAL"), ("new", "CRITICAL", "OK")]


def test_what_differs_is_told_and_overwritten_only_when_asked_for(run: Any, new: httpx.Client) -> None:
    for method, path, body in [
        ("PATCH", "/templates/threshold", {"script": "var crit lambda\nstream|from()|alert().crit(crit)"}),
        ("PATCH", "/tasks/own", {"script": "stream|from()|log()"}),
        ("PATCH", "/tasks/report", {"vars": {"x": {"type": "int", "value": 1}}}),
        ("PATCH", "/tasks/implicit", {"status": "enabled"}),
        ("PUT", "/alerts/topics/cpu/handlers/log", {"id": "log", "kind": "log", "options": {"path": "/tmp/x"}}),
        ("POST", "/config/smtp/", {"set": {"from": "b@example.org"}}),
    ]:
        answer = new.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
    differ = {
        f"{what}; --overwrite brings it to what it is there"
        for what in (
            "config smtp: is here, but with other from",
            "templates threshold: is here, but with other script",
            "tasks own: is here, but with other script",
            "tasks report: is here, but with other vars",
            "tasks implicit: is here, but with other status",
            "handlers cpu/log: is here, but with other options",
        )
    }
    later = {
        f"states {topic}: 1 are left as they stand here, where something came later"
        for topic in ("cpu", "main:own:alert2")
    }
    without = "recordings: not taken: 1, the old server's API does not give their data; name its [replay] dir with "
    ran = run()
    assert ran.told == differ | later | SECRETS | {UNKNOWN, f"{without}--recordings"}
    ran = run("--overwrite", "--only", "config,templates,tasks,handlers,states")
    refused = "report cannot be changed to what it is there: delete it here and import it again"
    assert ran.told == later | SECRETS | {UNKNOWN, f"tasks report: not taken: {refused}"}
    assert ran.counts["tasks"] == "2 overwritten, 1 enabled, 1 the same already, 2 not taken"
    assert new.delete("/tasks/report").status_code == 204
    ran = run("--disabled", "--only", "templates,tasks,handlers")
    assert ran.told == {UNKNOWN} and ran.counts["tasks"] == "1 imported, 3 the same already, 1 not taken"
    assert new.get("/config/smtp/").json()["options"]["from"] == "a@example.org"


def logged(path: Path, count: int) -> list[dict[str, Any]]:
    """The events that a log handler has written, once there are so many."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        if len(lines) >= count:
            return [json.loads(line) for line in lines]
        time.sleep(0.05)
    raise AssertionError(f"{path} does not get {count} events")
