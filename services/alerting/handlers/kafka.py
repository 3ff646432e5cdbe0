"""kafka: write each event to a topic of Kafka, as JSON or as a template makes it. It needs the extra `kafka`."""

from __future__ import annotations

import functools
import random
import ssl
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError
from marshmallow.validate import OneOf

from grammar.gotemplate import TemplateError
from grammar.gotemplate import parse as parse_template
from grammar.gotemplate.errors import CallError
from grammar.gotemplate.strconv import quote
from schemas.config.fields import Duration, Flag, Text, Texts, Whole
from schemas.config.section import schema_of, setting
from services.alerting.handler import Around, Refused, Unsent
from services.alerting.outside import need, options_of, start_check
from services.alerting.trial import ServiceTest
from services.pipeline.spec import HandlerSpec, Properties, Type, flag, prop

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "kafka"

_FOREVER = 24 * 3600.0  # the library takes no such thing
_ANSWERS = 3  # what to connect and to write takes at most: addresses, partitions, the write
_HASHES = ("", "crc32", "murmur2", "fnv-1a")


@dataclass
class KafkaProperties(Properties):
    """Where to, and what."""

    cluster: str = prop(Type.STRING, default="", doc="The cluster, a section of the configuration.")
    kafka_topic: str = prop(Type.STRING, default="", doc="The topic.")
    template: str = prop(Type.STRING, default="", doc="A template of what is written; the event as JSON unless set.")
    disable_partition_by_id: bool = flag(doc="Choose partitions by chance, not by the alert's id.")
    partition_hash_algorithm: str = prop(
        Type.STRING, default="", doc="How a partition is chosen by the id: `crc32` (unless set), `murmur2`, `fnv-1a`."
    )


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to, and what."""

    cluster: str = setting("", Text, "The cluster, the id of a section of the configuration.")
    topic: str = setting("", Text, "The topic.")
    template: str = setting("", Text, "A template of what is written; the event as JSON unless set.")
    disable_partition_by_id: bool = setting(False, Flag, "Whether partitions are chosen by chance, not by the id.")
    partition_hash_algorithm: str = setting(
        "",
        Text,
        "How a partition is chosen by the id: crc32 (unless set), murmur2 or fnv-1a.",
        check=OneOf(_HASHES, error="invalid partition hash algorithm: {input}"),
    )


@dataclass(frozen=True, kw_only=True)
class Kafka:
    """[[kafka]]: one cluster."""

    enabled: bool = setting(False, Flag, "Whether alerts may be written to it.")
    id: str = setting("default", Text, "The name that scripts call it by: kafka().cluster(NAME).")
    brokers: tuple[str, ...] | None = setting(None, Texts, "Some of its brokers, HOST:PORT.")
    timeout: float = setting(0.0, Duration, "How long a broker may take to answer; 0s: `timeout` in [alert].")
    batch_size: int = setting(0, Whole, "Of no effect: each event is written for itself.")
    batch_timeout: float = setting(0.0, Duration, "Of no effect: each event is written for itself.")
    use_ssl: bool = setting(False, Flag, "Whether the brokers are spoken to by TLS.")
    ssl_ca: str = setting("", Text, "A file of certificates to trust, PEM; empty: those that the system trusts.")
    ssl_cert: str = setting("", Text, "The client's certificate file, PEM.")
    ssl_key: str = setting("", Text, "The client's key file, PEM.")
    insecure_skip_verify: bool = setting(False, Flag, "Take any certificate. Insecure.")

    def __post_init__(self) -> None:
        if not self.enabled:
            return
        if not self.id:
            raise ValidationError("id must not be empty")
        if not self.brokers:
            raise ValidationError("no brokers specified, must provide at least one broker URL")


def _options_of(properties: KafkaProperties) -> dict[str, Any]:
    options = options_of(properties)
    options["topic"] = options.pop("kafka-topic")
    return options


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """There must be such a cluster; the template must be one, the library be there."""
    if _cluster(options.cluster, sections) is None:
        raise ValueError(f"unknown cluster {quote(options.cluster)}")
    try:
        _template(options.template)
    except TemplateError as error:
        raise ValueError(f"failed to parse template: {error}") from None
    need("aiokafka", "kafka")


def _check_start(options: dict[str, Any], sections: Mapping[str, Any]) -> None:
    if options["partition-hash-algorithm"] not in _HASHES:
        problem = f"invalid partition hash algorithm: {options['partition-hash-algorithm']}"
        raise ValueError(f"failed to create kafka handler: {problem}")
    start_check("kafka handler", OPTIONS, check)(options, sections)


OPTIONS = schema_of(Options)()
SPEC = HandlerSpec("kafka", "KafkaHandler", KafkaProperties, __doc__ or "", _options_of, _check_start)
CONFIG_SECTIONS = {SECTION: schema_of(Kafka)(many=True)}
CONFIG_DEFAULTS = {SECTION: (Kafka(),)}


def timeout(options: Options, around: Around) -> float:
    """To connect and to write."""
    cluster = _cluster(options.cluster, around.sections)
    return _ANSWERS * (_answer_within(cluster, around) if cluster is not None else _FOREVER)


async def handle(event: Event, options: Options, around: Around) -> None:
    """Write the event, with its id as key. The brokers have said that they have it once this ends."""
    try:
        body = _template(options.template).execute(event.data()).encode() if options.template else event.json()
    except (TemplateError, CallError) as error:
        raise Refused(f"failed to execute alert template: {error}") from error
    chosen = _by_chance if options.disable_partition_by_id else _PARTITIONERS[options.partition_hash_algorithm]
    await _send(options.cluster, options.topic, event.id, body, chosen, around)


async def _send(
    name: str, topic: str, key: str, body: bytes, partitioner: Callable[..., int] | None, around: Around
) -> None:
    cluster = _cluster(name, around.sections)
    if cluster is None or not cluster.enabled:
        raise Refused(f"unknown cluster {quote(name)}")
    if not topic:
        raise Refused("topic must not be empty")
    try:
        need("aiokafka", "kafka")
    except ValueError as error:
        raise Refused(str(error)) from None
    from aiokafka import AIOKafkaProducer
    from aiokafka.errors import KafkaError

    milliseconds = round(_answer_within(cluster, around) * 1000)
    more = {} if partitioner is None else {"partitioner": partitioner}
    try:
        producer = AIOKafkaProducer(
            bootstrap_servers=list(cluster.brokers or ()),
            client_id="tickbus",
            request_timeout_ms=milliseconds,
            security_protocol="SSL" if cluster.use_ssl else "PLAINTEXT",
            ssl_context=_context(cluster) if cluster.use_ssl else None,
            acks="all",
            **more,
        )
        try:
            await producer.start()
            await producer.send_and_wait(topic, body, key.encode("utf-8", "replace"))
        finally:
            await producer.stop()
    except KafkaError as error:
        problem = f"{name}: {error}"
        raise Unsent(problem) if error.retriable else Refused(problem) from error
    except OSError as error:
        raise Unsent(f"{name}: {error}") from error


def _answer_within(cluster: Kafka, around: Around) -> float:
    return cluster.timeout or around.timeout or _FOREVER


def _cluster(name: str, sections: Mapping[str, Any]) -> Kafka | None:
    clusters: Sequence[Kafka] = sections.get(SECTION) or (Kafka(),)
    return next((cluster for cluster in clusters if cluster.id == name), None)


@functools.lru_cache(maxsize=64)
def _template(text: str) -> Any:
    return parse_template(text, "kafka alert template")


def _context(cluster: Kafka) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=cluster.ssl_ca or None)
    if cluster.ssl_cert:
        context.load_cert_chain(cluster.ssl_cert, cluster.ssl_key or None)
    if cluster.insecure_skip_verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _by_crc32(key: bytes, every: Sequence[int], available: Sequence[int]) -> int:
    return every[zlib.crc32(key) % len(every)]


def _by_fnv_1a(key: bytes, every: Sequence[int], available: Sequence[int]) -> int:
    """As clients in Go do: of the 32 bit hash as signed number, what is left, without its sign."""
    value = 0x811C9DC5
    for byte in key:
        value = (value ^ byte) * 0x01000193 % 2**32
    signed = value - 2**32 if value >= 2**31 else value
    return every[abs(signed) % len(every)]


def _by_chance(key: bytes, every: Sequence[int], available: Sequence[int]) -> int:
    return random.choice(available or every)


# murmur2 is what the library does by itself
_PARTITIONERS: Mapping[str, Callable[..., int] | None] = {
    "": _by_crc32,
    "crc32": _by_crc32,
    "murmur2": None,
    "fnv-1a": _by_fnv_1a,
}


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    return {"cluster": "example", "topic": "test", "key": "key", "message": "test kafka message"}


async def _try(given: Mapping[str, Any], around: Around) -> None:
    body = given["message"].encode("utf-8", "replace")
    await _send(given["cluster"], given["topic"], given["key"], body, _by_crc32, around)


TEST = ServiceTest("kafka", _defaults, _try)
