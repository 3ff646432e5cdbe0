"""Every option that is said to be a template is one, of every handler: it is rendered with the event's data."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from marshmallow import fields

from schemas.config.fields import Texts
from services.alerting import handlers
from services.alerting.declarations.options import Option, Records, options_of
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import AlertHandler, HandlerContext
from services.alerting.transports.http import Http
from services.cli.handler_settings import handler_sections
from tests.support.alerts import sink
from tests.unit.services.alerting.handlers.test_handlers import event

FAILS_FOR_BAD = '{{ if eq .ID "bad" }}{{ slice "" 5 9 }}{{ end }}id-{{ .ID }}'
AROUND = {"post": "http://127.0.0.1:1/{}", "smtp": "{}@x.org"}
"""Of what a template is a part, where its text is not taken as it is."""

NOWHERE = "127.0.0.1:1"
# what a section needs where nothing listens; of those that post, also where something does
SECTIONS: dict[str, dict[str, Any]] = {
    "kafka": {"brokers": [NOWHERE], "timeout": "200ms"},
    "mqtt": {"url": f"tcp://{NOWHERE}"},
    "sensu": {"addr": NOWHERE},
    "smtp": {"host": "127.0.0.1", "port": 1, "from": "a@x"},
    "snmptrap": {"addr": NOWHERE},
    "bigpanda": {"url": f"http://{NOWHERE}", "app-key": "a", "token": "t"},
    **{name: {"url": f"http://{NOWHERE}"} for name in ("alerta", "discord", "pagerduty2", "servicenow", "zenoss")},
}
OTHERS: dict[str, dict[str, Any]] = {
    "kafka": {"cluster": "default", "topic": "t"},
    "post": {"url": f"http://{NOWHERE}"},
    "snmptrap": {"trap-oid": "1.3"},
}
RECORDS: dict[str, dict[str, Any]] = {"data-list": {"oid": "1.3", "type": "s"}}


def templates() -> Iterator[tuple[str, Option, Option | None]]:
    """The kind of a handler and an option that is said to be a template, with the record of which it is, if any."""
    for kind, handler in sorted(handlers.kinds().items()):
        for one in options_of(handler.options).values():
            inner = options_of(one.kind.record).values() if issubclass(one.kind, Records) else ()
            for of, record in ((one, None), *((part, one) for part in inner)):
                if "template" in of.documentation and not issubclass(of.kind, Records):
                    yield kind, of, record


EVERY = [pytest.param(*one, id=f"{one[0]}-{one[1].attribute}") for one in templates()]


def given(kind: str, option: Option, record: Option | None, text: str) -> dict[str, Any]:
    """Options of a handler with this text in one of them."""
    value: Any = text
    if issubclass(option.kind, fields.Dict):
        value = {"k": text}
    elif issubclass(option.kind, Texts):
        value = [text]
    if record is not None:
        return OTHERS.get(kind, {}) | {record.key: [RECORDS.get(record.key, {}) | {option.key: value}]}
    return OTHERS.get(kind, {}) | {option.key: value}


async def send(http: Http, kind: str, options: Mapping[str, Any], id: str, **section: Any) -> None:
    """Have an event of this id handled."""
    config = {}
    if kind in SECTIONS:
        schema = handler_sections()[kind]
        loaded = schema.load({"enabled": True, **SECTIONS[kind], **section}, many=False)
        config = {kind: (loaded,) if schema.many else loaded}
    handler, read = handlers.from_json(kind, options)
    assert isinstance(handler, AlertHandler)
    handler.check(read, config)
    await handler.handle(event(id=id), read, HandlerContext(http, config))


def test_there_are_some_and_each_is_declared_as_one_or_rendered_by_its_handler() -> None:
    assert {"alerta", "kafka", "mqtt", "pagerduty2", "post", "smtp", "snmptrap"} <= {one.values[0] for one in EVERY}
    undeclared = {(kind, of.attribute) for kind, of, _ in templates() if not of.template}
    digests = {("group", "details"), ("group", "message")}
    assert undeclared == {("aggregate", "message"), ("kafka", "template"), ("post", "url"), *digests}


@pytest.mark.parametrize(
    ("kind", "option", "record"), [one for one in EVERY if one.values[0] not in ("aggregate", "group")]
)
async def test_it_depends_on_the_event_whether_it_can_be_rendered(
    kind: str, option: Option, record: Option | None
) -> None:
    http = Http()
    options = given(kind, option, record, AROUND.get(kind, "{}").format(FAILS_FOR_BAD))
    for _ in range(2):  # what was compiled for one event is used for the next
        with pytest.raises(Rejected, match=r"error calling slice"):
            await send(http, kind, options, "bad")
        with contextlib.suppress(Unsent):
            await send(http, kind, options, "good")
    await http.close()


POSTED = [one for one in EVERY if one.values[0] == "post" or "url" in SECTIONS.get(str(one.values[0]), {})]


@pytest.mark.parametrize(("kind", "option", "record"), [one for one in POSTED if one.values[0] != "mqtt"])
async def test_what_is_posted_has_what_the_template_gives(kind: str, option: Option, record: Option | None) -> None:
    http = Http()
    async with sink() as web:
        text = f"{web.url}/id-{{{{ .ID }}}}" if kind == "post" else "id-{{ .ID }}"
        await send(http, kind, given(kind, option, record, text), "one", url=web.url)
        await send(http, kind, given(kind, option, record, text), "two", url=web.url)
        first, second = (path.encode() + body for path, _, body in web.posts)
    await http.close()
    assert b"id-one" in first and b"id-two" in second and b"{{ .ID" not in first + second
