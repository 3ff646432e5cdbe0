"""What people on call do: see an alert, ask why, silence it, see to it; who may not, and who has to log in again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.browser import EXECUTABLE, NARROW, Shoot, complaints
from tests.support.serve import ROOT, serve

Open = Callable[..., Any]

ADMIN = ("root", "all of it")
HOSTILE = "<img src=x onerror=window.hit=1>"
TOPIC = "ops/<b>cpu"
SCRIPT = """
stream
    |from()
        .measurement('cpu')
        .groupBy('host')
    |alert()
        .id('{{ index .Tags "host" }}/cpu')
        .message('<i>{{ .ID }}</i> is {{ .Level }}')
        .details('<script>window.hit=1</script>')
        .warn(lambda: "idle" < 30.0)
        .crit(lambda: "idle" < 10.0)
        .topic('ops/<b>cpu')
"""
BASE = "/kapacitor/v1"
WHERE = {"db": "telegraf", "rp": "autogen"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """An admin's client of a `tickbus serve` that asks who one is, with a task and alerts of it."""
    if EXECUTABLE is None:
        pytest.skip("no chromium here: apt install chromium")
    folder = tmp_path_factory.mktemp("closed")
    with serve(folder, {"KAPACITOR_HTTP_AUTH_ENABLED": "true"}) as url:
        add = [sys.executable, "-m", "services.cli.main", "user", "add", ADMIN[0], "--admin", "--data-dir"]
        subprocess.run([*add, str(folder / "data")], cwd=ROOT, input=ADMIN[1].encode(), check=True, capture_output=True)
        with httpx.Client(base_url=url, timeout=20, auth=ADMIN) as client:
            _raise(client)
            yield client


def _raise(client: httpx.Client) -> None:
    task = {"id": "cpu", "status": "enabled", "dbrps": [{"db": "telegraf", "rp": "autogen"}], "script": SCRIPT}
    client.post(f"{BASE}/tasks", json=task).raise_for_status()
    now = int(time.time())
    levels = (("db1", 20), (HOSTILE, 5), ("db1", 50), ("db1", 8))
    for at, (host, idle) in enumerate(levels):
        name = host.replace(" ", "\\ ").replace("=", "\\=")
        line = f"cpu,host={name} idle={idle} {now - 60 + at * 10}"
        client.post("/write", params={**WHERE, "precision": "s"}, content=line).raise_for_status()
    end = time.monotonic() + 20
    while time.monotonic() < end:
        events = client.get(f"{BASE}/alerts/topics/ops%2F%3Cb%3Ecpu/events").json().get("events", [])
        if sorted(one["state"]["level"] for one in events) == ["CRITICAL", "CRITICAL"]:
            return
    pytest.fail("the alerts do not come")


@pytest.fixture
def enter(open_page: Open) -> Open:
    """Opens the console at a route and logs in."""

    def start(route: str, user: tuple[str, str] = ADMIN, **settings: Any) -> Any:
        page = open_page(route, **settings)
        log_in(page, *user)
        return page

    return start


def log_in(page: Any, name: str, password: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def row(page: Any, text: str) -> Any:
    return page.get_by_role("row").filter(has_text=text)


def test_alerts_with_markup_in_all_their_names(enter: Open, shoot: Shoot) -> None:
    page = enter("#/alerts")
    link = page.get_by_role("cell").get_by_role("link", name=f"{HOSTILE}/cpu", exact=True)
    link.wait_for()
    page.locator(".timeline .bar").first.wait_for()
    page.get_by_text("How often, and for how long").click()
    page.get_by_role("button", name="by task").click()
    page.get_by_role("region", name="How often").get_by_role("row").filter(has_text="2×").wait_for()
    assert page.get_by_text(f"<i>{HOSTILE}/cpu</i> is CRITICAL").count() == 1
    assert complaints(page) == []
    shoot(page, "alerts")
    page.keyboard.press("/")
    page.keyboard.type("db1")
    assert link.count() == 0
    page.get_by_role("searchbox").fill("")
    link.click()
    page.get_by_role("heading", name=f"{HOSTILE}/cpu").wait_for()
    page.get_by_text("<script>window.hit=1</script>").wait_for(state="attached")
    page.get_by_text('"idle" 5.0 < 10.0 is true').wait_for()
    page.get_by_text("Nobody is told").wait_for()
    assert page.evaluate("window.hit") is None
    assert complaints(page) == []
    shoot(page, "alert")


def test_an_alert_is_seen_to_silenced_and_heard_again(enter: Open, shoot: Shoot) -> None:
    page = enter("#/alerts/ops%2F%3Cb%3Ecpu/db1%2Fcpu", viewport=NARROW, theme="dark")
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_label("What is done").fill("on it <b>")
    page.get_by_role("button", name="I see to it").click()
    page.get_by_text("root sees to it since").wait_for()
    page.get_by_role("button", name="Take back").click()
    page.get_by_role("dialog").get_by_role("button", name="Take back").click()
    page.get_by_role("button", name="Acknowledge").wait_for()

    page.get_by_label("Comment").fill("restarted <b>it")
    page.get_by_role("button", name="Comment").click()
    page.get_by_role("listitem").filter(has_text="restarted <b>it").get_by_text("root").wait_for()

    page.get_by_role("button", name="Silence").click()
    form = page.get_by_role("dialog")
    form.get_by_text("1 of these fires now").wait_for()
    assert [one.input_value() for one in form.get_by_label("Value").all()] == [TOPIC, "db1"]
    assert complaints(page) == []
    shoot(page, "silence-narrow")
    form.get_by_label("Operator").nth(1).select_option("=~")
    value = form.get_by_label("Value").nth(1)
    value.fill("(a+)+(")
    form.get_by_role("button", name="Silence").click()
    form.locator("[data-key=matchers]").get_by_text("missing closing )").wait_for()
    assert value.get_attribute("aria-invalid") == "true"
    value.fill("db.*")
    form.get_by_label("Why").fill("kernel <i>update")
    form.get_by_role("button", name="Silence").click()
    page.locator(".alert-head").get_by_role("link", name="silenced").click()

    made = row(page, "kernel <i>update")
    made.wait_for()
    assert complaints(page) == []
    made.get_by_role("button", name="End now").click()
    made.get_by_role("button", name="End it?").click()
    page.get_by_text("No such silence").wait_for()
    page.get_by_role("button", name="Over").click()
    row(page, "kernel <i>update").get_by_text("expired").wait_for()


def test_whom_an_alert_was_sent_to(enter: Open, served: httpx.Client, shoot: Shoot) -> None:
    script = """stream|from().measurement('disk').groupBy('host')
        |alert().id('{{ index .Tags "host" }}').crit(lambda: "used" > 90.0).topic('told')"""
    task = {"id": "disk", "status": "enabled", "dbrps": [{"db": "telegraf", "rp": "autogen"}], "script": script}
    hook = {"id": "hook", "kind": "post", "options": {"url": "http://127.0.0.1:1/"}, "match": "level() == CRITICAL"}
    onwards = {"id": "onwards", "kind": "publish", "options": {"topics": ["others"]}}
    topic = f"{BASE}/alerts/topics/told"
    for path, body in ((f"{topic}/handlers", hook), (f"{topic}/handlers", onwards), (f"{BASE}/tasks", task)):
        served.post(path, json=body).raise_for_status()
    served.post("/write", params=WHERE, content=f"disk,host=db7 used=95 {time.time_ns()}").raise_for_status()
    end = time.monotonic() + 20
    while len(served.get(f"{topic}/events/db7/deliveries").json().get("deliveries", ())) < 2:
        assert time.monotonic() < end
    page = enter("#/alerts/told/db7")
    told = page.get_by_role("region", name="What was sent")
    row(told, "is tried again").get_by_text("127.0.0.1:1").wait_for()
    row(told, "onwards").filter(has_text="CRITICAL").get_by_text("sent").wait_for()
    row(page.get_by_role("region", name="Handlers of the topic"), "hook").get_by_text("is tried again").wait_for()
    assert complaints(page) == []
    shoot(page, "alert-sent")


def test_a_topic_is_told_when_its_alerts_flap_and_changes_are_saved(enter: Open) -> None:
    page = enter("#/alerts")
    page.get_by_role("button", name=f"Flapping of {TOPIC}").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Window").fill("1ns")
    form.get_by_role("button", name="Set").click()
    form.locator("[data-key=window]").get_by_text("must be from 1s to 168h").wait_for()
    assert complaints(page) == []
    form.get_by_label("Window").fill("5m")
    form.get_by_label("It flaps above").fill("0.6")
    form.get_by_role("button", name="Set").click()
    page.get_by_text("over 60 % changes in 5m0s").wait_for()
    page.get_by_role("button", name=f"Flapping of {TOPIC}").click()
    form.get_by_role("button", name="Never").click()
    page.get_by_text("over 60 % changes in 5m0s").wait_for(state="detached")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save changes of alerts as CSV").click()
    lines = Path(saved.value.path()).read_text().splitlines()
    assert lines[0].startswith("stored,time,topic") and len(lines) > 4
    page.get_by_text("How often, and for how long").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save report of alerts as CSV").click()
    assert saved.value.suggested_filename == "report of alerts.csv"
    assert Path(saved.value.path()).read_text().splitlines()[0].startswith("topic,of,alerts,changes_OK")


def test_a_mute_window_is_made_and_deleted(enter: Open, shoot: Shoot) -> None:
    page = enter("#/silences")
    page.get_by_role("button", name="New mute window").click()
    form = page.get_by_role("dialog")
    for label, text in (("Id", "weekend"), ("Name", "topic"), ("Value", TOPIC), ("Time zone", "Nowhere/At_all")):
        form.get_by_label(label, exact=True).fill(text)
    form.get_by_label("saturday").check()
    make = form.get_by_role("button", name="Make it")
    make.click()
    form.locator("[data-key=location]").get_by_text("no time zone that is known here").wait_for()
    assert complaints(page) == []
    shoot(page, "mute")
    form.get_by_label("Time zone").fill("Europe/Berlin")
    make.click()
    made = row(page, "weekend")
    made.get_by_text("22:00-24:00, 00:00-06:00; saturday (Europe/Berlin)").wait_for()
    made.get_by_role("button", name="Delete").click()
    made.get_by_role("button", name="Delete it?").click()
    page.get_by_text("No mute windows").wait_for()


def test_handlers_are_made_tested_and_deleted(enter: Open, served: httpx.Client, shoot: Shoot) -> None:
    page = enter("#/handlers")
    page.get_by_role("button", name="New handler").click()
    form = page.get_by_role("dialog")
    for label, text in (("Topic", "ops/cpu"), ("Id", "hook"), ("Kind", "bogus"), ("Options", "{")):
        form.get_by_label(label, exact=True).fill(text)
    make = form.get_by_role("button", name="Make it")
    make.click()
    form.locator("[data-key=options]").get_by_text("must be an object in JSON").wait_for()
    form.get_by_label("Options").fill(json.dumps({"url": "http://127.0.0.1:1/"}))
    make.click()
    form.get_by_text('unsupported action kind "bogus"').wait_for()
    form.get_by_label("Kind").fill("post")
    make.click()
    made = row(page, "ops/cpu")
    made.get_by_role("button", name="Test").click()
    page.get_by_role("button", name="Send a test").click()
    page.get_by_text("It was not sent: failed to POST").wait_for()
    page.get_by_role("button", name="Close").click()
    assert complaints(page) == []
    shoot(page, "handlers")
    made.get_by_role("button", name="Delete").click()
    made.get_by_role("button", name="Delete it?").click()
    made.wait_for(state="detached")


def test_what_was_is_recorded_and_replayed(enter: Open, served: httpx.Client, shoot: Shoot) -> None:
    page = enter("#/jobs")
    page.get_by_role("button", name="Record", exact=True).click()
    page.get_by_label("Of the task").fill("cpu")
    page.get_by_role("dialog").get_by_role("button", name="Record").click()
    row(page, " %").wait_for()
    served.post("/write", params=WHERE, content="cpu,host=db9 idle=90").raise_for_status()  # which ends the recording
    row(page, "finished").get_by_role("button", name="Replay").click()
    page.get_by_label("To the task").fill("cpu")
    page.get_by_role("dialog").get_by_role("button", name="Replay").click()
    page.get_by_role("button", name="Replays").click()
    row(page, "finished").get_by_role("button", name="Look").click()
    page.get_by_role("listitem").filter(has_text="<i>db1/cpu</i> is CRITICAL").wait_for()
    shoot(page, "replay")
    page.get_by_role("button", name="Close").click()
    assert complaints(page) == []


def test_the_configuration_is_changed_and_as_in_the_file_again(enter: Open, shoot: Shoot) -> None:
    page = enter("#/config?section=slack")
    page.get_by_label("channel").fill("#ops")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("It counts now.").wait_for()
    assert page.get_by_label("channel").input_value() == "#ops"
    assert complaints(page) == []
    shoot(page, "config")
    page.get_by_role("button", name="As in the file").click()
    page.get_by_role("button", name="Forget all changes?").click()
    page.get_by_text("It is as in the file again.").wait_for()
    assert page.get_by_label("channel").input_value() == ""


def test_who_may_little_is_told_so_and_logs_in_again_once_the_password_is_another(
    enter: Open, served: httpx.Client, shoot: Shoot
) -> None:
    page = enter("#/users")
    page.get_by_role("button", name="New user").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Name").fill("an<n")
    form.get_by_label("Password").fill("first")
    make = form.get_by_role("button", name="Make the user")
    make.click()
    form.get_by_text("username must contain only").wait_for()
    form.get_by_label("Name").fill("ann")
    make.click()
    row(page, "ann").wait_for()
    assert complaints(page) == []

    viewer = enter("#/config", ("ann", "first"))
    viewer.get_by_text("You are not allowed this.").wait_for()
    assert complaints(viewer) == []
    shoot(viewer, "not-allowed")
    viewer.goto(viewer.url.replace("#/config", "#/silences"))
    viewer.get_by_text("No such silence").wait_for()
    served.patch(f"{BASE}/users/ann", json={"password": "second"}).raise_for_status()
    viewer.get_by_role("button", name="To come").click()
    log_in(viewer, "ann", "second")
    viewer.get_by_role("dialog").wait_for(state="detached")
    viewer.get_by_text("No such silence").wait_for()


def test_the_log_is_live_and_filtered(enter: Open, served: httpx.Client, shoot: Shoot) -> None:
    page = enter("#/log")
    line = page.get_by_role("log").get_by_role("listitem").filter(has_text="/silences/<b>none")
    for _ in range(100):
        served.delete(f"{BASE}/silences/%3Cb%3Enone").raise_for_status()
        if line.count():
            break
        page.wait_for_timeout(100)
    line.first.wait_for()
    assert complaints(page) == []
    shoot(page, "log")
    page.get_by_placeholder("Search these lines").fill("nothing of this")
    line.first.wait_for(state="hidden")
    page.get_by_label("Least level").select_option("error")
    page.get_by_role("button", name="Clear").click()
    assert page.url.endswith("#/log?level=error")
    assert line.count() == 0


def test_times_matchers_and_figures_are_read(open_page: Open) -> None:
    page = open_page()
    found = page.evaluate(
        """async () => {
            const { ofGo, ticks } = await import("/ui/js/parts/durations.js");
            const { rowsOf } = await import("/ui/js/parts/timeline.js");
            const { ofAlert, textOf } = await import("/ui/js/parts/matchers.js");
            const { figureKey, handlerFigures } = await import("/ui/js/parts/handler_figures.js");
            const topic = "t";
            const change = (at, previousLevel, level) => ({ topic, id: "a", time: new Date(at), level, previousLevel });
            const changes = [change(60, "CRITICAL", "OK"), change(40, "INFO", "CRITICAL")];
            const rows = rowsOf(changes, 0, 100, [{ topic, id: "b", level: "WARNING" }]);
            const figures = handlerFigures('tickbus_handler_seconds_count{kind="post",topic="a\\\\"b"} 3\\nup 1');
            return {
                durations: ["1h2m3.5s", "250ms", "0s", "-2m"].map(ofGo),
                ticks: ticks(0, 3600_000, 6).length,
                rows: rows.map((row) => [row.id, row.now, row.segments.map((one) => [one.level, one.from, one.to])]),
                matchers: ofAlert({ topic: "t", id: "x", tags: { host: 'a"\\\\', level: "1" } }).map(textOf),
                figures: figures.get(figureKey('a"b', "post")).attempts,
            };
        }"""
    )
    assert found == {
        "durations": [3_723_500, 250, 0, -120_000],
        "ticks": 7,
        "rows": [
            ["b", 2, [["WARNING", 0, 100]]],
            ["a", 0, [["INFO", 0, 40], ["CRITICAL", 40, 60], ["OK", 60, 100]]],
        ],
        "matchers": ['topic="t"', 'host="a\\"\\\\"', 'tag:level="1"'],
        "figures": 3,
    }
