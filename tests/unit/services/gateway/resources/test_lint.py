"""What is wrong with a script, over HTTP."""

from __future__ import annotations

import httpx
import pytest

LINT = "/kapacitor/v1/lint"


@pytest.mark.parametrize(
    ("script", "rules"),
    [
        ("stream|from()|log()", []),
        ("stream|from()|nothing()", ["compile"]),
        ("stream|", ["syntax"]),
        ("stream|from()|where(lambda: FALSE)|log()", ["never-true"]),
        ("var most float\nstream|from()|alert().id('x').crit(lambda: \"v\" > most).topic('t')", []),
    ],
)
async def test_findings(gateway: httpx.AsyncClient, script: str, rules: list[str]) -> None:
    found = (await gateway.post(LINT, json={"script": script})).json()["findings"]
    assert [one["rule"] for one in found] == rules
    assert all(one["message"] and one["line"] == 1 and one["end"] > one["column"] for one in found)


async def test_what_is_no_script(gateway: httpx.AsyncClient) -> None:
    for body, why in (({}, "script: missing data"), ({"script": 1}, "script: not a valid string")):
        answer = await gateway.post(LINT, json=body)
        assert answer.status_code == 400 and answer.json()["error"].startswith(why)
