"""Handlers of other services: what scripts may write of them, and what those send that no recorded case has."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiomqtt
import pytest

from grammar.tickscript.ast import TickscriptError
from schemas.config import ConfigError, load_config
from services.alerting import handlers
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import HandlerContext
from services.alerting.handlers import kafka
from services.alerting.service_tests.registry import run_service_test, service_tests
from services.alerting.transports.ber import trap, value_of
from services.alerting.transports.http import Http
from services.cli.handler_settings import handler_sections
from tests.support.alerts import sink
from tests.support.certificates import make_pair
from tests.support.kafka import broker
from tests.support.nats import NatsServer
from tests.unit.services.alerting.handlers.test_handlers import event, uses

SERIES = {"name": "cpu", "tags": {"host": "a"}, "columns": ["time", "s", "v"]}
RESULT = {"series": [{**SERIES, "values": [["2023-11-14T22:13:20Z", "x", 2]]}]}


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http()
    yield client
    await client.close()


def sections(**given: Mapping[str, Any]) -> dict[str, Any]:
    """Sections of the configuration, enabled, by name."""
    found = {}
    for name, options in given.items():
        schema = handler_sections()[name]
        loaded = schema.load({"enabled": True, **options}, many=False)
        found[name] = (loaded,) if schema.many else loaded
    return found


async def send(http: Http, config: Mapping[str, Any], text: str, **changes: Any) -> None:
    """Handle an event as the one handler of a script does."""
    (use,) = uses(text)
    handlers.check(use, config)
    written = json.loads(json.dumps(handlers.to_json(use)))
    handler, options = handlers.from_json(written["kind"], written["options"])
    await handler.handle(event(**changes), options, HandlerContext(http, config, url="http://api"))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "kind", "options"),
    [
        (
            ".pagerDuty2().routingKey('r').link('http://a').link('http://b', 'b')",
            "pagerduty2",
            {"routing-key": "r", "links": [{"href": "http://a", "text": ""}, {"href": "http://b", "text": "b"}]},
        ),
        (".pagerDuty2().serviceKey('s')", "pagerduty2", {"routing-key": "s", "links": []}),
        (".opsGenie().teams('a', 'b')", "opsgenie", {"teams-list": ["a", "b"], "recipients-list": []}),
        (".victorOps().routingKey('r')", "victorops", {"routing-key": "r"}),
        (".email('a@x', 'b@x').to('c@x')", "smtp", {"to": ["a@x", "b@x", "c@x"], "to-templates": []}),
        (
            ".sensu().source('s').handlers('h').metadata('k', 5).metadata('l', 'm')",
            "sensu",
            {"source": "s", "handlers": ["h"], "metadata": {"k": 5, "l": "m"}},
        ),
        (
            ".mqtt('t').brokerName('b').qos(1).retained(TRUE)",
            "mqtt",
            {"broker-name": "b", "topic": "t", "qos": 1, "retained": True},
        ),
        (
            ".snmpTrap('1.3.1').data('1.3.2', 's', '{{ .ID }}')",
            "snmptrap",
            {"trap-oid": "1.3.1", "data-list": [{"oid": "1.3.2", "type": "s", "value": "{{ .ID }}"}]},
        ),
        (".talk()", "talk", {}),
        (".teams().channelURL('u')", "teams", {"channel-url": "u"}),
    ],
)
def test_a_use_goes_to_options_and_back(text: str, kind: str, options: dict[str, Any]) -> None:
    (use,) = uses(text)
    assert handlers.to_json(use) == {"kind": kind, "options": options}
    assert handlers.from_json(kind, options)[0] is handlers.kinds()[kind]


def test_every_handler_takes_what_its_script_gives() -> None:
    for handler in handlers.kinds().values():
        if handler.spec.in_scripts and not handler.spec.properties.arguments():
            handler.schema.load(handler.spec.options(handler.spec.properties()))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (".snmpTrap('')", "invalid snmptrap: you must supply a trap Oid"),
        (
            ".snmpTrap('1.3').data('1.4', 'x', '')",
            'invalid snmptrap: unsupported data type "x" for data entry "1.4"',
        ),
    ],
)
def test_what_a_script_may_not_say(text: str, error: str) -> None:
    with pytest.raises(TickscriptError, match=error):
        uses(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (".alerta().event('{{')", "failed to create Alerta handler: template: event:1: "),
        (".pagerDuty2().link('{{')", "failed to create PagerDuty2 handler: template: href:1: "),
        (".discord().embedTitle('{{')", "failed to create Discord handler: template: embedTitle:1: "),
        (".sensu().source('{{')", "failed to create sensu alert handler: template: source:1: "),
        (".mqtt('{{')", "failed to create MQTT handler: template: topic:1: "),
        (".mqtt('t').qos(3)", "failed to create MQTT handler: invalid QoS: must be 0, 1 or 2"),
        (".kafka().cluster('x')", 'failed to create kafka handler: unknown cluster "x"'),
        (".kafka().cluster('default').template('{{')", "failed to create kafka handler: failed to parse template: "),
        (".kafka().partitionHashAlgorithm('x')", "failed to create kafka handler: invalid partition hash algorithm: x"),
        (".snmpTrap('1.3').data('1.4', 's', '{{')", "failed to create SNMP handler: template: data:1: "),
        (".serviceNow().node('{{')", "failed to create ServiceNow handler: template: node:1: "),
    ],
)
def test_what_a_task_cannot_start_with(text: str, error: str) -> None:
    (use,) = uses(text)
    with pytest.raises(ValueError) as caught:
        handlers.check(use, {})
    assert str(caught.value).startswith(error)


@pytest.mark.parametrize(
    "given", [{"metric-name": "m"}, {"metricName": "m"}, {"MetricName": "m"}, {"metric_name": "m"}]
)
def test_case_and_dashes_of_options_do_not_matter(given: dict[str, Any]) -> None:
    assert handlers.from_json("servicenow", given)[1].metric_name == "m"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[[slack]]\nenabled = true", "[[slack]] 0: must specify url"),
        ("[opsgenie2]\nenabled = true", "[opsgenie2]: api-key cannot be empty"),
        ("[smtp]\nenabled = true", "[smtp]: must provide a 'from' address"),
        ('[smtp]\nto = ["x"]', '[smtp]: invalid to email address: "x"'),
        ("[[kafka]]\nenabled = true", "[[kafka]] 0: no brokers specified, must provide at least one broker URL"),
        ('[[mqtt]]\nurl = "http://x"', '[[mqtt]] 0: invalid url "http://x": it must be one of tcp, '),
        ("[zenoss]\nseverity-map = {bad = 1}", "[zenoss] severity-map: Unknown field bad for SeverityMap"),
        ('[telegram]\nurl = "http://["', '[telegram]: invalid url "http://[": '),
    ],
)
def test_a_section_that_is_refused(text: str, error: str, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(text + "\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file, extra=handler_sections())
    assert error in str(caught.value)


def properties(*kinds: str, state_changes_only: int | None = None) -> Any:
    """An alert's properties as far as the configuration changes them."""
    return SimpleNamespace(
        handlers=[SimpleNamespace(kind=kind) for kind in kinds], state_changes_only=state_changes_only
    )


def test_what_is_global_is_of_every_alert_that_has_none_of_the_kind() -> None:
    telegram = sections(telegram={"global": True, "token": "t"})
    without, own = properties("post"), properties("telegram")
    for alert in (without, own):
        handlers.configured(alert, telegram)
    assert [use.kind for use in without.handlers] == ["post", "telegram"]
    assert [use.kind for use in own.handlers] == ["telegram"]
    assert without.state_changes_only is None


def test_only_with_state_changes_only_are_changes_all_that_is_sent() -> None:
    telegram = sections(telegram={"global": True, "state-changes-only": True, "token": "t"})
    plain, longer = properties("telegram"), properties(state_changes_only=5)
    for alert in (plain, longer):
        handlers.configured(alert, telegram)
    assert plain.state_changes_only == 0 and longer.state_changes_only == 5
    alone = properties()
    handlers.configured(alone, sections(telegram={"state-changes-only": True, "token": "t"}))
    assert not alone.handlers and alone.state_changes_only is None


async def test_pagerduty2(http: Http) -> None:
    async with sink() as web:
        config = sections(pagerduty2={"url": web.url + "/pd", "routing-key": "cfg"})
        text = ".pagerDuty2().link('http://x/{{ .ID }}', 'see {{ .Level }}').link('http://y')"
        await send(http, config, text, time=1_700_000_000_000_000_001)
        await send(http, config, text, level=0)
        trigger, resolve = web.events()
    assert web.posts[0][1]["accept"] == "application/vnd.pagerduty+json;version=2"
    assert trigger == {
        "routing_key": "cfg",
        "event_action": "trigger",
        "dedup_key": "c",
        "payload": {
            "summary": 'hello "cpu" <b>',
            "source": "a",
            "severity": "critical",
            "timestamp": "2023-11-14T22:13:20.000000001Z",
            "class": "t",
            "component": "",
            "group": "",
            "custom_details": {
                "result": {"series": [{**SERIES, "values": [["2023-11-14T22:13:20.000000001Z", "x", 2]]}]}
            },
        },
        "images": None,
        "links": [{"href": "http://x/c", "text": "see CRITICAL"}, {"href": "http://y", "text": "http://y"}],
        "client": "kapacitor",
        "client_url": "http://api",
    }
    assert resolve == {"routing_key": "cfg", "dedup_key": "c", "event_action": "resolve"}


async def test_opsgenie(http: Http) -> None:
    async with sink() as web:
        config = sections(
            opsgenie={"url": web.url + "/og", "recovery_url": web.url + "/note", "api-key": "k", "teams": ["t"]}
        )
        await send(http, config, ".opsGenie().recipients('r')")
        await send(http, config, ".opsGenie()", level=0, message="over")
        alert, note = web.events()
    assert [path for path, _, _ in web.posts] == ["/og/", "/note/"]
    assert json.loads(alert.pop("description")) == RESULT
    assert alert == {
        "apiKey": "k",
        "entity": "c",
        "alias": "c",
        "message": 'hello "cpu" <b>',
        "note": "",
        "monitoring_tool": "kapacitor",
        "details": {"Level": "CRITICAL", "Monitoring Tool": "Kapacitor"},
        "teams": ["t"],
        "recipients": ["r"],
    }
    assert note["note"] == "over" and note["details"]["Level"] == "RECOVERY" and "recipients" not in note


async def test_bigpanda(http: Http) -> None:
    async with sink() as web:
        config = sections(bigpanda={"url": web.url, "app-key": "app", "token": "tok"})
        text = ".bigPanda().primaryProperty('host').attribute('at', '{{ .Name }}').attribute('n', 5)"
        await send(http, config, text, given_details="&lt;d&gt;")
        await send(http, config, ".bigPanda().host('h-{{ .ID }}')", given_details="{}", level=1)
        first, second = web.events()
    assert web.posts[0][1]["authorization"] == "Bearer tok"
    assert first == {
        "app_key": "app",
        "status": "critical",
        "timestamp": 1_700_000_000,
        "task": "t:cpu",
        "check": "c",
        "description": 'hello "cpu" <b>',
        "details": "<d>",
        "primary_property": "host",
        "host": "a",
        "v": "2",
        "s": "x",
        "at": "cpu",
        "n": "5",
    }
    assert second["host"] == "h-c" and second["status"] == "ok" and "details" not in second


async def test_zenoss(http: Http) -> None:
    async with sink() as web:
        config = sections(zenoss={"url": web.url, "username": "u", "password": "p", "severity-map": {"Critical": 5}})
        text = ".zenoss().device('{{ .Tags.host }}').eventClass('/App').customField('j', '[1]').customField('n', 5)"
        await send(http, config, text)
        (body,) = web.events()
    assert web.posts[0][1]["authorization"] == "Basic dTpw"
    assert body == {
        "action": "EventsRouter",
        "method": "add_event",
        "data": [
            {
                "summary": 'hello "cpu" <b>',
                "device": "a",
                "component": "",
                "severity": 5,
                "evclasskey": "",
                "evclass": "/App",
                "collector": "Kapacitor",
                "j": [1],
                "n": 5,
            }
        ],
        "type": "rpc",
        "tid": 1,
    }


@pytest.mark.parametrize(("status", "problem"), [(400, Rejected), (503, Unsent)])
async def test_an_answer_that_is_no_success(http: Http, status: int, problem: type[Exception]) -> None:
    async with sink() as web:
        web.answer = lambda path, before: status
        web.body = b'{"error": "no such channel"}'
        with pytest.raises(problem, match=r"^no such channel$"):
            await send(http, sections(slack={"url": web.url}), ".slack()")
        web.body = b"?"
        with pytest.raises(problem, match=rf"^failed to understand Slack response. code: {status} content: \?$"):
            await send(http, sections(slack={"url": web.url}), ".slack()")


async def test_an_app_of_slack_has_a_token_and_is_told_in_the_answer_what_is_wrong(http: Http) -> None:
    async with sink() as web:
        web.answer, web.body = lambda path, before: 200, b'{"ok": true}'
        config = sections(slack={"url": web.url, "token": "xoxb-1"})
        await send(http, config, ".slack()")
        ((_, headers, body),) = web.posts
        assert {name.lower(): value for name, value in headers.items()}["authorization"] == "Bearer xoxb-1"
        assert "as_user" not in json.loads(body)
        for reason, problem in ((b"channel_not_found", Rejected), (b"ratelimited", Unsent)):
            web.body = b'{"ok": false, "error": "%s"}' % reason
            with pytest.raises(problem, match=f"Slack refuses the message: {reason.decode()}"):
                await send(http, config, ".slack()")


async def test_details_are_the_description_at_opsgenie_where_the_configuration_says_so(http: Http) -> None:
    async with sink() as web:
        config = sections(opsgenie2={"url": web.url, "api-key": "k", "details": True})
        for details in ("what it is about", ""):
            await send(http, config, ".opsGenie2()", given_details=details)
        given, without = (json.loads(body)["description"] for _, _, body in web.posts)
        assert given == "what it is about" and without.startswith('{"series":')


async def test_certificates_of_a_section(http: Http, tmp_path: Path) -> None:
    pair = make_pair(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await send(http, sections(slack={"url": url, "ssl-ca": str(pair.certificate)}), ".slack()")
        await send(http, sections(slack={"url": url, "insecure-skip-verify": True}), ".slack()")
        with pytest.raises(Unsent, match="CERTIFICATE_VERIFY_FAILED"):
            await send(http, sections(slack={"url": url}), ".slack()")


async def test_a_path_is_joined_as_the_reference_does(http: Http) -> None:
    async with sink() as web:
        config = sections(hipchat={"url": web.url + "/v2/room/?x=1", "token": "a&b", "room": "r"})
        await send(http, config, ".hipChat().room('my room?')")
    assert web.posts[0][0] == "/v2/room/my%20room%3F/notification?auth_token=a%26b"


@pytest.mark.parametrize(("answer", "problem"), [(b"ok", ""), (b"invalid", "sensu socket error: invalid")])
async def test_sensu(http: Http, answer: bytes, problem: str) -> None:
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readline())
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        config = sections(sensu={"addr": f"127.0.0.1:{server.sockets[0].getsockname()[1]}", "handlers": ["cfg"]})
        text = ".sensu().source('{{ .TaskName }}').metadata('k', 5).metadata('name', 'x')"
        with pytest.raises(Rejected, match=problem) if problem else contextlib.nullcontext():
            await send(http, config, text, level=2)
    assert [json.loads(line) for line in got] == [
        {"name": "c", "source": "t", "output": 'hello "cpu" <b>', "status": 1, "handlers": ["cfg"], "k": 5}
    ]


def test_a_trap_byte_by_byte() -> None:
    packet = trap("public", "1.3.6.1.4.1.9", [("1.3.6.1.4.1.9.300", value_of("s", "hi"))])
    assert packet.hex(" ") == (
        "30 4e 02 01 01 04 06 70 75 62 6c 69 63 a7 41 02 01 01 02 01 00 02 01 00 30 36 "
        "30 0e 06 08 2b 06 01 02 01 01 03 00 43 02 03 e8 "
        "30 14 06 0a 2b 06 01 06 03 01 01 04 01 00 06 06 2b 06 01 04 01 09 "
        "30 0e 06 08 2b 06 01 04 01 09 82 2c 04 02 68 69"
    )


@pytest.mark.parametrize(
    ("kind", "text", "encoded"),
    [
        ("i", "-129", "02 02 ff 7f"),
        ("i", "128", "02 02 00 80"),
        ("c", "18", "46 01 12"),
        ("t", "4294967295", "43 05 00 ff ff ff ff"),
        ("n", "", "05 00"),
        ("s", "x" * 200, "04 81 c8 " + " ".join(["78"] * 200)),
    ],
)
def test_values_of_a_trap(kind: str, text: str, encoded: str) -> None:
    assert value_of(kind, text).hex(" ") == encoded


async def test_snmptrap(http: Http) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        config = sections(snmptrap={"addr": f"127.0.0.1:{receiver.getsockname()[1]}", "community": "public"})
        await send(http, config, ".snmpTrap('1.3.6.1.4.1.9').data('1.3.6.1.4.1.9.300', 's', '{{ .ID }}')")
        async with asyncio.timeout(5):
            packet = await asyncio.get_running_loop().sock_recv(receiver, 4096)
    assert packet == trap("public", "1.3.6.1.4.1.9", [("1.3.6.1.4.1.9.300", value_of("s", "c"))])
    with pytest.raises(Rejected, match='parsing "c": invalid syntax'):
        await send(http, config, ".snmpTrap('1.3').data('1.3.1', 'i', '{{ .ID }}')")
    with pytest.raises(Rejected, match='invalid trap Oid "x"'):
        await send(http, config, ".snmpTrap('x')")


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


async def test_mqtt(http: Http, tmp_path: Path) -> None:
    # nats-server is a broker, too
    server, port = NatsServer(tmp_path), _free_port()
    file = tmp_path / "nats.conf"
    more = {"server_name": "broker", "mqtt": {"listen": f"127.0.0.1:{port}"}}
    file.write_text(json.dumps(json.loads(file.read_text()) | more))
    server.start()
    try:
        config = sections(mqtt={"url": f"tcp://127.0.0.1:{port}"})
        async with aiomqtt.Client("127.0.0.1", port) as reader, asyncio.timeout(20):
            await reader.subscribe("alerts/#", qos=1)
            await send(http, config, ".mqtt('alerts/{{ .ID }}').qos(1)")
            message = await anext(aiter(reader.messages))
        assert str(message.topic) == "alerts/c" and message.payload == b'hello "cpu" <b>' and message.qos == 1
    finally:
        server.stop()
    with pytest.raises(Unsent):
        await send(http, config, ".mqtt('t')")
    with pytest.raises(Rejected, match='unknown MQTT broker "no"'):
        await send(http, config, ".mqtt('t').brokerName('no')")


@pytest.mark.parametrize(
    ("settings", "mechanism", "first"),
    [
        ({"sasl-username": "u", "sasl-password": "p"}, "PLAIN", b"u\0u\0p"),
        ({"sasl-username": "u", "sasl-mechanism": "SCRAM-SHA-256"}, "SCRAM-SHA-256", b"n,,n=u,r="),
        ({"sasl-username": "u", "sasl-mechanism": "SCRAM-SHA-512"}, "SCRAM-SHA-512", b"n,,n=u,r="),
        (
            {"sasl-access-token": "t", "sasl-mechanism": "OAUTHBEARER", "sasl_extensions": {"a": "b"}},
            "OAUTHBEARER",
            b"n,,\x01auth=Bearer t\x01a=b\x01\x01",
        ),
    ],
)
async def test_kafka_is_logged_in_to(http: Http, settings: dict[str, Any], mechanism: str, first: bytes) -> None:
    async with broker() as one:
        config = sections(kafka={"brokers": [f"127.0.0.1:{one.port}"], "timeout": "5s", **settings})
        with pytest.raises((Unsent, Rejected)):
            await send(http, config, ".kafka().cluster('default').kafkaTopic('t')")
    assert one.mechanism == mechanism and one.first.startswith(first)


async def test_kafka_that_is_not_there(http: Http) -> None:
    config = sections(kafka={"brokers": [f"127.0.0.1:{_free_port()}"], "timeout": "500ms"})
    with pytest.raises(Unsent):
        await send(http, config, ".kafka().cluster('default').kafkaTopic('t')")
    with pytest.raises(Rejected, match="topic must not be empty"):
        await send(http, config, ".kafka().cluster('default')")
    with pytest.raises(Rejected, match='unknown cluster "default"'):
        await send(http, {}, ".kafka().cluster('default').kafkaTopic('t')")


@pytest.mark.parametrize(
    ("choose", "key", "number"),
    [
        (kafka._by_crc32, b"123456789", 0xCBF43926),
        (kafka._by_fnv_1a, b"foobar", 2**32 - 0xBF9CF968),  # a negative number of 32 bits, without its sign
        (kafka._by_fnv_1a, b"", 2**32 - 0x811C9DC5),
    ],
)
def test_partitions_of_kafka_are_those_of_clients_in_go(choose: Any, key: bytes, number: int) -> None:
    assert choose(key, list(range(7)), [0]) == number % 7


async def test_a_library_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (use,) = uses(".mqtt('t')")
    with pytest.raises(ValueError, match=r"aiomqtt is not installed: pip install 'tickbus\[mqtt\]'$"):
        handlers.check(use, {})


NOT_THERE = {"kafka": 'unknown cluster "example"', "mqtt": "missing MQTT topic"}


@pytest.mark.parametrize("name", sorted(set(service_tests()) & set(handlers.kinds())))
async def test_a_service_that_is_not_enabled_says_so_when_it_is_tried(http: Http, name: str) -> None:
    said = await run_service_test(name, service_tests()[name].options({}), HandlerContext(http))
    assert said.removeprefix("failed to prepare API request: ") == NOT_THERE.get(name, "service is not enabled")


@pytest.mark.parametrize(
    ("name", "config"),
    [("bigpanda", {"app-key": "a", "token": "t"}), ("zenoss", {}), ("pagerduty2", {}), ("opsgenie", {"api-key": "k"})],
)
async def test_a_service_is_tried_as_it_is_configured(http: Http, name: str, config: dict[str, Any]) -> None:
    async with sink() as web:
        context = HandlerContext(http, sections(**{name: {"url": web.url, **config}}))
        assert await run_service_test(name, service_tests()[name].options(context.sections), context) == ""
        (body,) = web.events()
    assert f"test {name}" in json.dumps(body)
