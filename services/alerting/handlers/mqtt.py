"""mqtt: publish each event's message to a topic of an MQTT broker. It needs the extra `mqtt`."""

from __future__ import annotations

import math
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields

from grammar.gotemplate.strconv import quote
from schemas.config.among import Rules
from schemas.config.fields import Flag, Text
from schemas.config.section import schema_of, setting
from services.alerting.handler import Around, Refused, Unsent
from services.alerting.outside import check_template, data_of, need, options_of, rendered, start_check
from services.alerting.trial import ServiceTest
from services.pipeline.spec import HandlerSpec, Properties, Type, argument, prop

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "mqtt"

_QOS = ("at-most-once", "at-least-once", "exactly-once")
_PORTS = {"tcp": 1883, "mqtt": 1883, "ssl": 8883, "tls": 8883, "mqtts": 8883, "ws": 80, "wss": 443}
_TLS = ("ssl", "tls", "mqtts", "wss")


@dataclass
class MqttProperties(Properties):
    """Where to, and how."""

    topic: str = argument(Type.STRING, doc="The topic; a template.")
    broker_name: str = prop(
        Type.STRING, default="", doc="The section of the configuration; the default one unless set."
    )
    qos: int = prop(Type.INT, default=0, doc="0: it comes at most once, 1: at least once, 2: exactly once.")
    retained: bool = prop(Type.BOOL, default=False, doc="Whether the broker keeps it for those that subscribe later.")


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

    broker_name: str = setting("", Text, "The name of the section; the default one unless set.")
    topic: str = setting("", Text, "The topic; a template.")
    qos: int = setting(0, Qos, "How often it comes: at-most-once, at-least-once or exactly-once.")
    retained: bool = setting(False, Flag, "Whether the broker keeps it for those that subscribe later.")


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

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    name: str = setting("default", Text, "The name that scripts call it by: mqtt(TOPIC).brokerName(NAME).")
    default: bool = setting(False, Flag, "Whether it is the one that is meant where none is named.")
    url: str = setting("", Text, "Its URL: tcp://HOST:1883, ssl://HOST:8883, ws:// or wss://.")
    ssl_ca: str = setting("", Text, "A file of certificates to trust, PEM; empty: those that the system trusts.")
    ssl_cert: str = setting("", Text, "The client's certificate file, PEM.")
    ssl_key: str = setting("", Text, "The client's key file, PEM.")
    insecure_skip_verify: bool = setting(False, Flag, "Take any certificate. Insecure.")
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


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """The topic must be a template, the library be there."""
    check_template(options.topic, "topic")
    need("aiomqtt", "mqtt")


def _check_start(options: dict[str, Any], sections: Mapping[str, Any]) -> None:
    if not 0 <= options["qos"] < len(_QOS):
        raise ValueError("failed to create MQTT handler: invalid QoS: must be 0, 1 or 2")
    start_check("MQTT handler", OPTIONS, check)(options, sections)


OPTIONS = schema_of(Options)()
SPEC = HandlerSpec("mqtt", "MQTTHandler", MqttProperties, __doc__ or "", options_of, _check_start)
CONFIG_SECTIONS = {SECTION: schema_of(Mqtt)(many=True)}
CONFIG_DEFAULTS = {SECTION: (Mqtt(),)}


async def handle(event: Event, options: Options, around: Around) -> None:
    """Publish the message, over a connection of its own; with qos 1 and 2 the broker has said that it has it."""
    topic = rendered(options.topic, "topic", data_of(event))
    await _send(options.broker_name, topic, options.qos, options.retained, event.message, around)


async def _send(name: str, topic: str, qos: int, retained: bool, message: str, around: Around) -> None:
    if not topic:
        raise Refused("missing MQTT topic")
    broker = _broker(around.sections, name)
    if broker is None or not broker.enabled:
        raise Refused(f"unknown MQTT broker {quote(name or (broker.name if broker else ''))}")
    try:
        need("aiomqtt", "mqtt")
    except ValueError as error:
        raise Refused(str(error)) from None
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
            tls_context=_context(broker) if scheme in _TLS else None,
            timeout=around.timeout or math.inf,
        ) as client:
            await client.publish(topic, message.encode("utf-8", "replace"), qos, retained)
    except ValueError as error:
        raise Refused(str(error)) from error
    except (aiomqtt.MqttError, OSError) as error:
        raise Unsent(f"{broker.url}: {error}") from error


def _broker(sections: Mapping[str, Any], name: str) -> Mqtt | None:
    brokers: tuple[Mqtt, ...] = sections.get(SECTION) or (Mqtt(),)
    if name:
        return next((broker for broker in brokers if broker.name == name), None)
    return next((broker for broker in brokers if broker.default), brokers[0] if len(brokers) == 1 else None)


def _context(broker: Mqtt) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=broker.ssl_ca or None)
    if broker.ssl_cert:
        context.load_cert_chain(broker.ssl_cert, broker.ssl_key or None)
    if broker.insecure_skip_verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    broker = _broker(sections, "")
    return {
        "broker-name": broker.name if broker else "",
        "topic": "",
        "message": "test MQTT message",
        "qos": _QOS[0],
        "retained": False,
    }


async def _try(given: Mapping[str, Any], around: Around) -> None:
    if given["qos"] not in _QOS:
        raise ValueError("invalid QoS: must be at-most-once, at-least-once or exactly-once")
    qos = _QOS.index(given["qos"])
    await _send(given["broker-name"], given["topic"], qos, given["retained"], given["message"], around)


TEST = ServiceTest("mqtt", _defaults, _try)
