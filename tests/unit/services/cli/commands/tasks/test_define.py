"""``tickbus define`` and its kin: tasks and templates made, changed, switched, shown and pushed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.services.cli.commands.conftest import Tickbus
from tickbus.client import Client

SCRIPT = "stream|from().measurement('cpu')|httpOut('out')\n"
TEMPLATE = """// What is measured.
var m string
var crit = lambda: "v" > 1.0
var every = 10s
stream|from().measurement(m)|alert().crit(crit).topic('t')
"""
FILE = """
template-id: threshold
dbrps:
  - {db: telegraf, rp: autogen}
vars:
  m: {type: string, value: cpu}
  every: {type: duration, value: 1m30s}
"""
SILENT = (0, "", "")


async def task(gateway: httpx.AsyncClient, id: str) -> dict[str, Any]:
    shown: dict[str, Any] = (await gateway.get(f"/kapacitor/v1/tasks/{id}")).json()
    return shown


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    texts = {"a.tick": SCRIPT, "b.tick": SCRIPT.replace("cpu", "mem"), "t.tick": TEMPLATE, "t.yaml": FILE}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)


async def test_a_task_is_made_and_changed_in_what_is_given(tickbus: Tickbus, gateway: httpx.AsyncClient) -> None:
    assert await tickbus("define", "a", "-tick", "a.tick", "-type", "stream", "-dbrp", "d.r", "-dbrp=d.s") == SILENT
    made = await task(gateway, "a")
    dbrps = [{"db": "d", "rp": "r"}, {"db": "d", "rp": "s"}]
    assert (made["status"], made["type"], made["dbrps"]) == ("disabled", "stream", dbrps)
    assert await tickbus("define", "a", "--tick=b.tick") == SILENT
    changed = await task(gateway, "a")
    assert "mem" in changed["script"] and changed["dbrps"] == dbrps

    assert await tickbus("enable", "a") == SILENT
    before = await task(gateway, "a")
    assert await tickbus("define", "a", "-tick", "a.tick", "-no-reload") == SILENT
    assert (await task(gateway, "a"))["last-enabled"] == before["last-enabled"]
    assert await tickbus("define", "a", "-tick", "b.tick") == SILENT
    after = await task(gateway, "a")
    assert after["status"] == "enabled" and after["last-enabled"] > before["last-enabled"]

    code, _, said = await tickbus("define", "c", "-tick", "nothing.tick")
    assert (code, said) == (1, "tickbus define: nothing.tick cannot be read: No such file or directory\n")
    code, _, said = await tickbus("define", "c", "-tick", "t.yaml", "-dbrp", "d.r")
    assert code == 1 and said.startswith("tickbus define: invalid TICKscript: ") and said.count("\n") == 1


async def test_tasks_of_a_template(tickbus: Tickbus, gateway: httpx.AsyncClient, tmp_path: Path) -> None:
    assert await tickbus("define-template", "threshold", "-tick", "t.tick", "-type", "stream") == SILENT
    assert await tickbus("define", "one", "-file", "t.yaml") == SILENT
    made = await task(gateway, "one")
    assert made["template-id"] == "threshold" and made["vars"]["every"]["value"] == 90_000_000_000
    (tmp_path / "other.yaml").write_text(f"id: other{FILE}")
    code, _, said = await tickbus("define", "two", "-file", "other.yaml")
    assert code == 1 and "the task is two on the command line and other in other.yaml" in said
    for text in ('{"m": {"type": "string", "value": "x"}}', '{"vars": {"m": {"type": "string", "value": "x"}}}'):
        (tmp_path / "vars.json").write_text(text)
        assert await tickbus("define", "two", "-template", "threshold", "-vars", "vars.json", "-dbrp", "d.r") == SILENT
        assert (await task(gateway, "two"))["vars"]["m"]["value"] == "x"
        assert (await gateway.delete("/kapacitor/v1/tasks/two")).status_code == 204

    _, shown, _ = await tickbus("show", "one")
    lines = shown.splitlines()
    assert lines[:5] == ["ID: one", "Error: ", "Template: threshold", "Type: stream", "Status: disabled"]
    assert lines[9:11] == ['Databases Retention Policies: ["telegraf"."autogen"]', "TICKscript:"]
    head = lines.index("Vars:") + 1
    assert lines[head] == f"{'Name':30}{'Type':10}{'Value':40}"
    assert f"{'every':30}{'duration':10}{'1m30s':40}" in lines[head:] and "DOT:" in lines
    _, shown, _ = await tickbus("show-template", "threshold")
    described = "What is measured."
    assert f"{'m':30}{'string':10}{'<required>':40}{described:40}" in shown.splitlines()
    assert json.loads((await tickbus("show", "--json", "one"))[1])["id"] == "one"
    assert json.loads((await tickbus("show-template", "threshold", "-json"))[1])["vars"]["m"]["value"] is None

    # the same server is another one too
    url = str(gateway.base_url)
    assert await tickbus("push", "one", "-to", url) == SILENT
    assert await task(gateway, "one") == made | {"modified": (await task(gateway, "one"))["modified"]}
    code, _, said = await tickbus("push", "one", "-to", "http://127.0.0.1:1")
    assert code == 1 and said.startswith("tickbus push: template threshold: http://127.0.0.1:1 does not answer")


async def test_a_template_is_pushed_once_whatever_is_made_of_it(
    tickbus: Tickbus, gateway: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await tickbus("define-template", "threshold", "-tick", "t.tick", "-type", "stream") == SILENT
    for id in ("one", "two"):
        assert await tickbus("define", id, "-file", "t.yaml") == SILENT
    changed: list[str] = []
    request = Client.request

    def counted(client: Client, method: str, path: str, *rest: Any, **named: Any) -> Any:
        changed.extend([path] if method == "PATCH" else [])
        return request(client, method, path, *rest, **named)

    monkeypatch.setattr(Client, "request", counted)
    assert await tickbus("push", "one", "two", "-to", str(gateway.base_url)) == SILENT
    assert changed == ["/templates/threshold", "/tasks/one", "/tasks/two"]


async def test_tasks_are_switched_listed_and_deleted_by_patterns(tickbus: Tickbus) -> None:
    for id in ("cpu_a", "cpu_b", "mem"):
        assert await tickbus("define", id, "-tick", "a.tick", "-dbrp", "d.r") == SILENT
    assert await tickbus("enable", "cpu_*") == SILENT
    assert await tickbus("disable", "cpu_b") == SILENT
    code, listed, _ = await tickbus("list", "tasks", "mem", "cpu_*")
    assert code == 0 and listed.splitlines() == [
        "ID    Type      Status    Executing Databases and Retention Policies",
        'cpu_a stream    enabled   true      ["d"."r"]',
        'cpu_b stream    disabled  false     ["d"."r"]',
        'mem   stream    disabled  false     ["d"."r"]',
    ]
    assert len((await tickbus("list", "tasks", "mem", "cpu_a"))[1].splitlines()) == 3
    assert [one["id"] for one in json.loads((await tickbus("list", "--json", "tasks", "cpu*"))[1])] == [
        "cpu_a",
        "cpu_b",
    ]
    assert await tickbus("reload", "mem") == SILENT
    assert "mem stream    enabled " in (await tickbus("list", "tasks", "mem"))[1]
    assert await tickbus("delete", "tasks", "cpu_*", "nothing") == (0, "", "no tasks match nothing\n")
    assert len((await tickbus("list", "tasks", "mem", "cpu_*"))[1].splitlines()) == 2


async def test_a_list_of_many_pages_is_whole(tickbus: Tickbus, gateway: httpx.AsyncClient) -> None:
    for number in range(201):
        body = {"id": f"t{number:03}", "script": SCRIPT}
        assert (await gateway.post("/kapacitor/v1/templates", json={**body, "type": "stream"})).status_code == 200
    listed = (await tickbus("list", "templates", "t[0-9]*"))[1].splitlines()
    assert [line.split()[0] for line in listed[1:]] == [f"t{number:03}" for number in range(201)]
    assert await tickbus("delete", "templates", "t[0-9]*") == SILENT
    assert (await tickbus("list", "templates", "t[0-9]*"))[1] == f"ID Type      {'Vars':40}\n"


async def test_what_is_not_there_and_what_is_not_said(tickbus: Tickbus) -> None:
    assert await tickbus("show", "nothing") == (1, "", "tickbus show: no task exists\n")
    for arguments in (["define"], ["show"], ["enable"], ["list"], ["delete", "tasks"], ["list", "x"]):
        code, out, said = await tickbus(*arguments)
        assert (code, out) == (2, "") and said.count("\n") == 1
        assert said.startswith(f"tickbus {arguments[0]}: ") and said.endswith(f"See `tickbus {arguments[0]} --help`\n")
