"""The overview, and tasks: begun with an example, looked at, edited, tried on what was, enabled."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.browser import NARROW, WIDE, Shoot, complaints

Open = Callable[..., Any]

BASE = "/kapacitor/v1"
WHERE = {"db": "telegraf", "rp": "autogen"}
HOSTILE = "<img src=x onerror=window.hit=1>"
SCRIPT = """// </pre><script>window.hit=1</script>
var most = 90.0

stream
    |from()
        .measurement('cpu')
        .groupBy('host')
    |alert()
        .id('{{ index .Tags "host" }}')
        .message('{{ .ID }} is {{ .Level }}')
        .crit(lambda: "busy" > most)
        .stateChangesOnly()
        .topic('busy')
"""


@pytest.fixture(scope="module")
def busy(served: httpx.Client) -> httpx.Client:
    """With a task that has raised alerts, and one that is disabled."""
    task = {"id": "busy", "status": "enabled", "dbrps": [WHERE], "script": SCRIPT}
    served.post(f"{BASE}/tasks", json=task).raise_for_status()
    served.post(f"{BASE}/tasks", json={**task, "id": "idle", "status": "disabled"}).raise_for_status()
    write(served, 95.0, 50.0, 85.0)
    return served


def write(client: httpx.Client, *values: float) -> None:
    """So much of two hosts, one after the other."""
    for value in values:
        hosts = [name.replace(" ", "\\ ").replace("=", "\\=") for name in ("db1", HOSTILE)]
        lines = "\n".join(f"cpu,host={host} busy={value} {time.time_ns()}" for host in hosts)
        client.post("/write", params=WHERE, content=lines).raise_for_status()


def is_clean(page: Any) -> bool:
    """Whether nothing that is text has become anything else."""
    clean: bool = page.evaluate("window.hit === undefined && !document.querySelector('img, main script')")
    return clean


def test_a_first_visit_begins_with_an_example(served: httpx.Client, open_page: Open, shoot: Shoot) -> None:
    page = open_page()
    page.get_by_role("button", name="Enable: A host is silent").wait_for()
    assert page.title() == "Overview · tickbus"
    assert page.get_by_role("button", name=re.compile("^Enable: ")).count() == 3
    assert complaints(page) == []
    shoot(page, "first-visit")
    page.get_by_role("button", name="Enable: A host is busy").click()
    page.get_by_role("heading", name="cpu_busy").wait_for()
    page.get_by_text("running", exact=True).wait_for()
    page.get_by_role("link", name="tickbus").click()
    page.get_by_role("link", name="cpu_busy").wait_for()
    assert served.delete(f"{BASE}/tasks/cpu_busy").status_code == 204
    page.get_by_text("There is no task yet").wait_for()


def test_the_overview(busy: httpx.Client, open_page: Open, shoot: Shoot) -> None:
    page = open_page()
    page.get_by_role("row", name=re.compile("^engine")).wait_for()
    page.get_by_role("link", name=f"{HOSTILE} is CRITICAL").first.wait_for()
    for name, colours, size in (("", "light", WIDE), ("-dark", "dark", WIDE), ("-narrow", "light", NARROW)):
        page.emulate_media(color_scheme=colours)
        page.set_viewport_size(size)
        assert complaints(page) == [] and is_clean(page)
        shoot(page, f"overview{name}")
    page.set_viewport_size(WIDE)
    page.keyboard.press("/")
    page.keyboard.type("idl")
    page.get_by_text("1 of 2").wait_for()
    assert page.get_by_role("link", name="busy", exact=True).count() == 0
    page.reload()
    page.get_by_text("1 of 2").wait_for()  # the search stands in the address
    page.get_by_label("State").select_option("enabled")
    page.get_by_text("No task is like that").wait_for()


def test_a_task_and_what_goes_through_it(busy: httpx.Client, open_page: Open, shoot: Shoot) -> None:
    page = open_page("#/tasks/busy")
    page.get_by_role("heading", name="busy").wait_for()
    page.get_by_role("button", name="Tap from1").click()
    page.get_by_role("heading", name="What leaves from1").wait_for()
    page.get_by_text("Nothing has left it yet").wait_for()
    write(busy, 20.0, 30.0)
    page.get_by_text(f"host={HOSTILE}").first.wait_for()
    rate = page.locator('.edge[data-from="stream0"] .rate')
    rate.filter(has_text=re.compile(r"^[\d.]+/s$")).wait_for()
    rate.click()
    page.get_by_role("heading", name="What leaves stream0").wait_for()
    page.locator(".t-node", has_text="alert").focus()
    page.get_by_text("|alert()", exact=True).wait_for()
    page.locator(".t-property", has_text="stateChangesOnly").hover()
    page.get_by_text(".stateChangesOnly([duration])", exact=True).wait_for()
    assert complaints(page) == [] and is_clean(page)
    shoot(page, "task")
    page.set_viewport_size(NARROW)
    assert complaints(page) == []
    page.goto(f"{busy.base_url}/ui/#/tasks/none")
    page.get_by_text("no task exists").wait_for()
    assert complaints(page) == []


def test_editing_with_the_linter_a_backtest_and_enabling(busy: httpx.Client, open_page: Open, shoot: Shoot) -> None:
    page = open_page("#/tasks/busy")
    page.get_by_role("button", name="Disable").click()
    page.get_by_role("button", name="Enable", exact=True).wait_for()
    page.get_by_role("button", name="Edit").click()
    editor = page.get_by_role("textbox", name="Script of busy")
    editor.fill(SCRIPT.replace(".crit(", ".critical("))
    page.get_by_text(re.compile("no method or property.*critical")).first.wait_for()
    page.get_by_role("button", name="line 11").click()
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    editor.fill(SCRIPT.replace('"busy" > most', '"busy" > most - 10.0'))
    page.get_by_text("No mistakes found").wait_for()
    page.get_by_role("button", name="Run backtest").click()
    page.get_by_text("4 new").wait_for()  # 85 and 20 of both hosts: the live one let them pass
    row = page.get_by_role("row").filter(has_text="db1").filter(has_text="CRITICAL").filter(has_text="new")
    assert row.get_by_text("CRITICAL", exact=True).count() == 1
    assert complaints(page) == [] and is_clean(page)
    shoot(page, "edit")
    page.get_by_label("most (float)").fill("85")
    page.get_by_role("button", name="Save and enable").click()
    page.get_by_text("running", exact=True).wait_for()
    task = busy.get(f"{BASE}/tasks/busy", params={"script-format": "raw"}).json()
    assert '"busy" > most - 10.0' in task["script"]
    assert (task["status"], task["vars"]["most"]["value"]) == ("enabled", 85.0)


def test_who_saves_later_is_told(busy: httpx.Client, open_page: Open) -> None:
    page = open_page("#/tasks/idle")
    page.get_by_role("button", name="Edit").click()
    page.get_by_role("textbox", name="Script of idle").fill(SCRIPT.replace("90.0", "70.0"))
    theirs = SCRIPT.replace("90.0", "80.0")
    busy.patch(f"{BASE}/tasks/idle", json={"script": theirs}).raise_for_status()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("dialog").get_by_text("var most = 80.0").wait_for()
    assert complaints(page) == []
    page.get_by_role("button", name="Go on editing").click()
    assert "70.0" in page.get_by_role("textbox", name="Script of idle").input_value()
    kept = busy.get(f"{BASE}/tasks/idle", params={"script-format": "raw"}).json()
    assert kept["script"] == theirs


def test_what_is_written_is_not_lost_unasked(busy: httpx.Client, open_page: Open) -> None:
    page = open_page("#/tasks/idle?edit=yes")
    script = page.get_by_role("textbox", name="Script of idle")
    script.fill(SCRIPT.replace("90.0", "75.0"))
    page.get_by_role("link", name="Silences").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert "75.0" in script.input_value() and page.url.endswith("#/tasks/idle?edit=yes")
    page.get_by_role("link", name="Silences").click()
    page.get_by_role("dialog").get_by_role("button", name="Leave").click()
    page.get_by_role("heading", name="Silences").wait_for()
    task = {"id": "brief", "type": "stream", "dbrps": [{"db": "d", "rp": "r"}], "script": "stream|from()|log()"}
    busy.post(f"{BASE}/tasks", json=task).raise_for_status()
    page = open_page("#/tasks/brief?edit=yes")
    page.get_by_role("textbox", name="Script of brief").fill("stream|from()")
    busy.delete(f"{BASE}/tasks/brief").raise_for_status()
    page.get_by_text("Somebody has deleted this task meanwhile").wait_for()
    assert page.get_by_role("textbox", name="Script of brief").input_value() == "stream|from()"


def test_a_clock_that_is_off(busy: httpx.Client, open_page: Open) -> None:
    page = open_page()
    page.clock.set_fixed_time(datetime.now(UTC) + timedelta(hours=1))
    page.reload()
    page.get_by_role("status").get_by_text(re.compile("this clock is (1h|59m.*) fast")).wait_for()


def test_a_new_task(busy: httpx.Client, open_page: Open, shoot: Shoot) -> None:
    page = open_page("#/new-task")
    page.get_by_role("button", name="Create and enable").click()
    page.get_by_text("give the task a name").wait_for()
    page.get_by_label("Id").fill("third")
    page.get_by_role("textbox", name="Script of the new task").fill(SCRIPT)
    page.get_by_role("button", name="Run backtest").click()
    page.get_by_role("cell", name="CRITICAL").first.wait_for()
    assert complaints(page) == []
    shoot(page, "new-task")
    page.get_by_role("button", name="Create and enable").click()
    page.get_by_role("heading", name="third").wait_for()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_role("heading", name="Overview").wait_for()
    assert busy.get(f"{BASE}/tasks/third").status_code == 404


def test_the_bus_goes_away_and_comes_back(busy: httpx.Client, open_page: Open, served_folder: Path) -> None:
    page = open_page()
    page.get_by_text("live", exact=True).wait_for()
    state = json.loads((served_folder / "data" / "state.json").read_text("utf-8"))
    os.kill(state["pid"], signal.SIGSTOP)  # so that nobody starts it again before it is missed
    try:
        os.kill(state["services"]["nats"]["pid"], signal.SIGKILL)
        page.get_by_text("bus away, trying again").wait_for()
    finally:
        os.kill(state["pid"], signal.SIGCONT)
    page.get_by_text("live", exact=True).wait_for()


def test_templates(busy: httpx.Client, open_page: Open, shoot: Shoot) -> None:
    page = open_page("#/templates")
    page.get_by_text("No template yet").wait_for()
    page.get_by_role("link", name="New template").click()
    page.get_by_role("button", name="Create").click()
    page.get_by_text("give the template a name").wait_for()
    page.get_by_label("Id").fill("above")
    script = page.get_by_role("textbox", name="Script of the new template")
    script.fill(f"// {HOSTILE}\n{script.input_value()}")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("heading", name="above").wait_for()
    page.get_by_text("must be given").wait_for()
    page.get_by_text("Above this an alert is raised").last.wait_for()
    assert complaints(page) == [] and is_clean(page)
    page.get_by_role("link", name="New task of it").click()
    page.get_by_label("measurement (string)").fill("cpu")
    page.get_by_label("Id").fill("made")
    page.get_by_role("button", name="Create and enable").click()
    page.get_by_text("running", exact=True).wait_for()
    assert busy.get(f"{BASE}/tasks/made").json()["template-id"] == "above"
    page.get_by_role("link", name="Templates").click()
    page.get_by_role("row").filter(has_text="above").get_by_role("cell", name="1", exact=True).wait_for()
    assert complaints(page) == []
    page.get_by_role("link", name="above").click()
    page.get_by_role("link", name="made").wait_for()
    page.get_by_role("button", name="Edit").click()
    page.get_by_text("it counts for the tasks made of it: made").wait_for()
    editor = page.get_by_role("textbox", name="Script of above")
    editor.fill(editor.input_value().replace("90.0", "75.5"))
    assert complaints(page) == []
    shoot(page, "template")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Delete").wait_for()
    assert "75.5" in busy.get(f"{BASE}/tasks/made").json()["script"]
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("No template yet").wait_for()
    busy.delete(f"{BASE}/tasks/made").raise_for_status()
