"""Changes of alerts' levels on the command line, with a real alerting."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from services.alerting.requests import AlertingResponders
from services.alerting.service import Alerting
from services.bus.connection import Bus
from tests.support.alerts import CRITICAL, INFO, OK, WARNING, alerts, give, send
from tests.unit.services.cli.commands.conftest import Tickbus


async def test_history(tickbus: Tickbus, bus: Bus, tmp_path: Path) -> None:
    async with Alerting(bus, tmp_path / "alerting.lmdb", {}) as alerting:
        responders = AlertingResponders(bus, alerting)
        await send(bus, alerts([("a", WARNING), ("a", CRITICAL)], 5), 0, "history")
        await send(bus, alerts([("b", INFO)], 6, host="b"), 0, "history")
        await send(bus, alerts([("a", OK), ("b", OK)], 7), 0, "history")
        await alerting.log.caught_up()
        await _history(tickbus)
        responders.stop()


async def _history(tickbus: Tickbus) -> None:
    code, out, _ = await tickbus("alerts", "history", "topic=history", "--json", "--limit", "-1")
    assert code == 0 and len(json.loads(out)) == 5
    code, out, _ = await tickbus("alerts", "history", "topic=history", "--limit", "2")
    assert code == 0 and [line.split()[-3:] for line in out.splitlines()[1:]] == [["b", "is", "OK"], ["a", "is", "OK"]]
    code, out, _ = await tickbus("alerts", "history", "topic=history", "level=INFO", "--csv")
    [row] = csv.DictReader(io.StringIO(out))
    assert (row["id"], row["level"], row["tags"], row["silenced"]) == ("b", "INFO", "host=b", "false")
    code, _, said = await tickbus("alerts", "history", "topic", "--csv")
    assert code == 1 and "no matcher" in said
    code, _, said = await tickbus("alerts", "history", "--csv", "--json")
    assert code == 2 and "give -csv or -json" in said


async def test_comments_flapping_and_reports(tickbus: Tickbus, bus: Bus, tmp_path: Path) -> None:
    async with Alerting(bus, tmp_path / "alerting.lmdb", {}) as alerting:
        responders = AlertingResponders(bus, alerting)
        await give(bus, "said", "keep", {"kind": "log", "options": {"path": str(tmp_path / "kept.log")}})
        await send(bus, alerts([("a/=x", WARNING), ("a/=x", CRITICAL), ("b", INFO), ("b", OK)], 5), 0, "said")
        await alerting.log.caught_up()
        await _comments(tickbus)
        await _flapping(tickbus)
        await _report(tickbus)
        await _deliveries(tickbus)
        responders.stop()


async def _comments(tickbus: Tickbus) -> None:
    assert await tickbus("alerts", "comment", "said", "a/=x", "it is the disk", "--author", "ann") == (0, "", "")
    code, out, _ = await tickbus("alerts", "comments", "said", "a/=x")
    assert code == 0 and out.splitlines()[1].rstrip().endswith("ann it is the disk")
    _, out, _ = await tickbus("alerts", "comments", "said", "a/=x", "--json")
    assert [one["text"] for one in json.loads(out)] == ["it is the disk"]
    code, _, said = await tickbus("alerts", "comment", "said", "none", "x")
    assert code == 1 and 'unknown event "none"' in said


async def _deliveries(tickbus: Tickbus) -> None:
    code, out, _ = await tickbus("alerts", "deliveries", "said", "a/=x")
    assert code == 0 and out.splitlines()[1].split()[5:9] == ["keep", "log", "CRITICAL", "sent"]
    _, out, _ = await tickbus("alerts", "deliveries", "said", "a/=x", "--json")
    assert [(one["handler"], one["level"]) for one in json.loads(out)] == [("keep", "CRITICAL"), ("keep", "WARNING")]
    code, _, said = await tickbus("alerts", "deliveries", "said", "none")
    assert code == 1 and 'unknown event "none"' in said


async def _flapping(tickbus: Tickbus) -> None:
    assert await tickbus("alerts", "flapping", "said") == (0, "none\n", "")
    assert await tickbus("alerts", "flapping", "said", "--window", "10m", "--high", "0.6") == (0, "", "")
    assert await tickbus("alerts", "flapping", "said") == (0, "window 10m0s, low 0.25, high 0.6\n", "")
    _, out, _ = await tickbus("alerts", "flapping", "said", "--off", "--json")
    assert json.loads(out) is None
    code, _, said = await tickbus("alerts", "flapping", "said", "--off", "--window", "1m")
    assert code == 2 and "give -window or -off" in said


async def _report(tickbus: Tickbus) -> None:
    code, out, _ = await tickbus("alerts", "report", "topic=said", "--by", "id", "--csv")
    rows = {row["of"]: row for row in csv.DictReader(io.StringIO(out))}
    assert code == 0 and rows.keys() == {"a/=x", "b"} and rows["b"]["topic"] == "said"
    assert [rows["a/=x"][f"changes_{level}"] for level in ("OK", "INFO", "WARNING", "CRITICAL")] == ["0", "0", "1", "1"]
    assert float(rows["a/=x"]["seconds_CRITICAL"]) > 0
    code, out, said = await tickbus("alerts", "report", "topic=said", "--by", "id", "--limit", "1")
    assert (code, said) == (0, "1 more are left out: see -limit\n")
    assert out.splitlines()[1].split()[:6] == ["said/a/=x", "1", "0", "0", "1", "1"]
    code, out, _ = await tickbus("alerts", "report", "topic=said", "--json")
    assert code == 0 and json.loads(out)["rows"][0]["alerts"] == 2
