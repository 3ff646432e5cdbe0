"""Changes of alerts' levels on the command line, with a real alerting."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from services.alerting.requests import AlertingResponders
from services.alerting.service import Alerting
from services.bus.connection import Bus
from tests.support.alerts import CRITICAL, INFO, OK, WARNING, alerts, send
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
