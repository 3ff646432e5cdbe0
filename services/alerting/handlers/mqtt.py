"""mqtt: publish each event's message to a topic of an MQTT broker. It needs the extra `mqtt`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields

from grammar.golang.quoting import quote
from schemas.config.among import Rules
from schemas.config.fields import Flag, Text
from schemas.config.section import setting
from services.alerting.declarations import sections as common
from services.alerting.declarations.options import Of, ScriptProperty, option, options_tested
from services.alerting.declarations.sections import Section, Sections
from services.alerting.declarations.templates import rendered
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import AlertHandler, HandlerContext
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.transports.extras import need
from services.alerting.transports.tls import context_of, tls_of
from services.pipeline.spec import Type

_QOS = ("at-most-once", "at-least-once", "exactly-once")
_PORTS = {"tcp": 1883, "mqtt": 1883, "ssl": 8883, "tls": 8883, "mqtts": 8883, "ws": 80, "wss": 443}
_TLS = ("ssl", "tls", "mqtts", "wss")


class Qos(fields.Field[int]):
    """0, 1 or 2, or how often it comes in words."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if value in _QOS:
            return _QOS.index(value)
        if type(value) is not int or not 0 <= value < len(_QOS):
            raise ValidationError("invalid QoS: must be at-most-once, at-least-once or exactly-once")
        return value


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to, and how."""

    topic: str = option("The topic", template=True, script=ScriptProperty(argument="topic"))
    broker_name: str = option("The name of the section", unless="the default one")
    qos: int = option(
        "How often it comes: 0 (at-most-once), 1 (at-least-once) or 2 (exactly-once)",
        Qos,
        0,
        test=_QOS[0],
        script=ScriptProperty(type=Type.INT),
    )
    retained: bool = option(
        "Whether the broker keeps it for those that subscribe later",
        Flag,
        test=False,
        script=ScriptProperty(type=Type.BOOL),
    )


def _mistakes(brokers: Sequence[Mqtt]) -> Iterator[str]:
    defaults = sum(broker.default for broker in brokers)
    if defaults > 1:
        yield "more than one configuration is marked as the default"
    if not defaults and len(brokers) > 1:
        yield "no configuration is marked as the default"


@dataclass(frozen=True, kw_only=True)
class Mqtt:
    """[[mqtt]]: one broker."""

    RULES: ClassVar[Rules] = Rules(_mistakes, _mistakes)

    enabled: bool = common.enabled()
    name: str = setting("default", Text, "The name that scripts call it by: mqtt(TOPIC).brokerName(NAME).")
    default: bool = setting(False, Flag, "Whether it is the one that is meant where none is named.")
    url: str = setting("", Text, "Its URL: tcp://HOST:1883, ssl://HOST:8883, ws:// or wss://.")
    ssl_ca: str = common.ssl_ca()
    ssl_cert: str = common.ssl_cert()
    ssl_key: str = common.ssl_key()
    insecure_skip_verify: bool = common.insecure_skip_verify()
    client_id: str = setting("", Text, "As what to introduce oneself; empty: a name of chance.")
    username: str = setting("", Text, "The user to log in as; empty: none.")
    password: str = setting("", Text, "That user's password.", secret=True)

    def __post_init__(self) -> None:
        if not self.name:
            raise ValidationError("must specify a name for the mqtt broker")
        if self.enabled and not self.url:
            raise ValidationError("must specify a url for mqtt service")
        if self.url:
            _place(self.url)


def _place(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and path. ValidationError for another URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValidationError(f"invalid url {quote(url)}: {error}") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValidationError(f"invalid url {quote(url)}: it must be one of {', '.join(_PORTS)} and name a host")
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme], parts.path


SECTION = Section("mqtt", Mqtt, many=True, defaults=(Mqtt(),))


class MqttHandler(AlertHandler[Options]):
    """Each message goes over a connection of its own; with qos 1 and 2 the broker has said that it has it."""

    kind = "mqtt"
    type_name = "MQTTHandler"
    created_as = "MQTT handler"
    options = Options
    section = SECTION
    test_options: ClassVar[Mapping[str, Any]] = {
        "broker-name": Of("broker_name"),
        "topic": Of("topic"),
        "message": "test MQTT message",
        "qos": Of("qos"),
        "retained": Of("retained"),
    }

    def check(self, options: Options, sections: Sections) -> None:
        """The topic must be a template, the library be there."""
        super().check(options, sections)
        need("aiomqtt", "mqtt")

    def check_start(self, given: dict[str, Any], sections: Sections) -> None:
        if not 0 <= given["qos"] < len(_QOS):
            raise ValueError("failed to create MQTT handler: invalid QoS: must be 0, 1 or 2")
        super().check_start(given, sections)

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        await _send(rendered(options, event), event.message, context)

    def tested_with(self, sections: Sections) -> dict[str, Any]:
        broker = _broker(sections, "")
        return super().tested_with(sections) | {"broker-name": broker.name if broker else ""}

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        if given["qos"] not in _QOS:
            raise ValueError("invalid QoS: must be at-most-once, at-least-once or exactly-once")
        options = options_tested(self.test_options, Options, {**given, "qos": _QOS.index(given["qos"])})
        await _send(options, given["message"], context)


async def _send(options: Options, message: str, context: HandlerContext) -> None:
    name = options.broker_name
    if not options.topic:
        raise Rejected("missing MQTT topic")
    broker = _broker(context.sections, name)
    if broker is None or not broker.enabled:
        raise Rejected(f"unknown MQTT broker {quote(name or (broker.name if broker else ''))}")
    try:
        need("aiomqtt", "mqtt")
    except ValueError as error:
        raise Rejected(str(error)) from None
    import aiomqtt

    scheme, host, port, path = _place(broker.url)
    try:
        async with aiomqtt.Client(
            host,
            port,
            username=broker.username or None,
            password=broker.password or None,
            identifier=broker.client_id or None,
            transport="websockets" if scheme in ("ws", "wss") else "tcp",
            websocket_path=path or None,
            tls_context=context_of(tls_of(broker)) if scheme in _TLS else None,
            timeout=context.timeout or math.inf,
        ) as client:
            await client.publish(options.topic, message.encode("utf-8", "replace"), options.qos, options.retained)
    except ValueError as error:
        raise Rejected(str(error)) from error
    except (aiomqtt.MqttError, OSError) as error:
        raise Unsent(f"{broker.url}: {error}") from error


def _broker(sections: Sections, name: str) -> Mqtt | None:
    brokers = SECTION.elements(sections)
    if name:
        return next((broker for broker in brokers if broker.name == name), None)
    return next((broker for broker in brokers if broker.default), brokers[0] if len(brokers) == 1 else None)


HANDLER = MqttHandler()
