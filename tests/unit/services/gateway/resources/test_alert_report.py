"""The resource /alerts/report on a real gateway with a real alerting."""

from __future__ import annotations

import csv
import io
import time
from typing import Any

import httpx

from schemas.api.oncall.report import ReportSchema
from services.alerting.service import Alerting
from services.bus.connection import Bus
from tests.support.alerts import CRITICAL, OK, WARNING, raised

REPORT = "/kapacitor/v1/alerts/report"


async def test_a_report(gateway: httpx.AsyncClient, bus: Bus, alerting: Alerting) -> None:
    await raised(bus, alerting, "rep1", ("a", WARNING), ("a", CRITICAL), ("b", WARNING))
    await raised(bus, alerting, "rep1", ("b", OK), seq=6, host="b")
    await raised(bus, alerting, "rep2", ("c", CRITICAL), seq=7, host="b")
    await gateway.post("/kapacitor/v1/silences", json={"matchers": ["topic=rep2"], "duration": "1h"})
    await raised(bus, alerting, "rep2", ("c", OK), seq=8, host="b")

    async def asked(**parameters: Any) -> Any:
        answer = await gateway.get(REPORT, params={"match": "topic=~rep.", **parameters})
        assert answer.status_code == 200, answer.text
        assert ReportSchema().validate(answer.json()) == {}
        return answer.json()

    found = await asked()
    rows = {one["of"]: one for one in found["rows"]}
    assert found["by"] == "topic" and found["left"] == 0 and next(iter(rows)) == "rep1"
    assert rows["rep1"]["changes"] == {"OK": 1, "INFO": 0, "WARNING": 2, "CRITICAL": 1}
    assert (rows["rep1"]["alerts"], rows["rep1"]["held"]) == (2, 0)
    assert rows["rep1"]["time"]["CRITICAL"] != "0s" == rows["rep1"]["time"]["INFO"]
    assert (rows["rep2"]["changes"]["OK"], rows["rep2"]["held"]) == (1, 1)
    by_id = await asked(by="id")
    assert {(one["topic"], one["of"]) for one in by_id["rows"]} == {("rep1", "a"), ("rep1", "b"), ("rep2", "c")}
    by_host = {one["of"]: one["alerts"] for one in (await asked(by="tag:host"))["rows"]}
    assert by_host == {"a": 2, "b": 2}
    csv_page = await gateway.get(REPORT, params={"match": "topic=~rep.", "by": "id", "format": "csv"})
    assert csv_page.headers["content-type"].startswith("text/csv")
    [held] = [one for one in csv.DictReader(io.StringIO(csv_page.text)) if one["of"] == "c"]
    assert (held["topic"], held["changes_OK"], held["held"]) == ("rep2", "1", "1")
    assert float(held["seconds_CRITICAL"]) > 0
    first = await asked(by="id", limit=1)
    assert len(first["rows"]) == 1 and first["left"] == 2
    assert (await asked(match="id=b"))["rows"][0]["changes"]["OK"] == 1
    # an alert that stands since before counts for all of the time
    now = time.time_ns()
    late = await asked(since=str(now - 1), until=str(now))
    assert [one["of"] for one in late["rows"]] == ["rep1"]
    assert late["rows"][0]["time"] == {"INFO": "0s", "WARNING": "0s", "CRITICAL": "1ns"}
    for parameters in (
        {"by": "odd"},
        {"by": "tag:"},
        {"limit": "0"},
        {"since": "x"},
        {"since": str(now), "until": "5"},
    ):
        assert (await gateway.get(REPORT, params=parameters)).status_code == 400, parameters
