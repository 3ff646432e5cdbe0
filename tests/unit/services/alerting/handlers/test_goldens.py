"""What handlers of other services send is what the reference sent: its recorded answers, played here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.alerting.handler_base import HandlerContext
from services.alerting.transports.http import Http
from services.cli.handler_settings import handler_sections
from services.gateway.operations.operation_error import OperationError
from tests.support.alerts import sink
from tests.support.golden import Player, Sections, case

CASES = [
    "alert_discord",
    "alert_handler_services",
    "alert_hipchat",
    "alert_opsgenie2",
    "alert_pagerduty",
    "alert_pushover",
    "alert_service_tests_post",
    "alert_servicenow",
    "alert_slack_global",
    "alert_slack_options",
    "alert_teams",
    "alert_telegram",
    "alert_telegram_global",
]


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http()
    yield client
    await client.close()


@pytest.mark.parametrize("name", CASES)
async def test_a_case_reaches_the_sink_as_the_reference_sent_it(name: str, http: Http) -> None:
    compared = 0
    async with sink() as web:
        sections = Sections()
        context = HandlerContext(http, sections, url="@{server}/kapacitor/v1")
        player = Player(name, web, context, sections)
        for step, wanted in case(name):
            answer = await player.answer(step)
            if answer is not None:
                assert answer == (wanted if isinstance(wanted, list) else wanted["body"]), step
                compared += 1
    assert compared


async def test_what_is_tried_out_where_a_service_is_not_enabled(http: Http) -> None:
    async with sink() as web:
        sections = Sections()
        player = Player("disabled", web, HandlerContext(http, sections), sections)
        for step, wanted in case("alert_service_tests_disabled"):
            answer = await player.answer(step)
            if isinstance(answer, OperationError):
                assert wanted["status"] == answer.status == 400
            elif answer is not None:
                assert answer == wanted["body"]
        assert not web.posts


async def test_what_is_tried_out_by_default(http: Http) -> None:
    async with sink() as web:
        sections = Sections()
        player = Player("all", web, HandlerContext(http, sections), sections)
        ((step, wanted),) = case("alert_service_tests_all")
        answer = await player.answer(step)
        known = {one["name"]: one["options"] for one in wanted["body"]["services"]}
        assert {name: options for name, options in answer.items() if name in known} == {
            name: options for name, options in known.items() if name in answer
        }


def test_sections_hold_by_default_what_those_of_the_reference_do() -> None:
    schemas, compared = handler_sections(), 0
    for step, wanted in case("alert_config_defaults"):
        name = step["request"]["path"].rpartition("/")[2]
        if name not in schemas:
            continue
        schema, (element,) = schemas[name], wanted["body"]["elements"]
        shown: dict[str, Any] = schema.dump(schema.load({}, many=False), many=False)
        for key in [f.data_key for f in schema.fields.values() if f.metadata["later"]]:
            del shown[key]
        secret = [f.data_key for f in schema.fields.values() if f.metadata["secret"] and not f.metadata["later"]]
        assert sorted(secret) == sorted(element["redacted"] or []), name
        shown |= {key: bool(shown[key]) for key in secret}
        if schema.many and "default" in shown and "workspace" in shown:
            shown["default"] = True
        assert shown == element["options"], name
        compared += 1
    assert compared > 10
