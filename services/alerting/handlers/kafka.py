"""kafka: write each event to a topic of Kafka, as JSON or as a template makes it. It needs the extra `kafka`."""

from __future__ import annotations

import functools
import random
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from marshmallow import ValidationError
from marshmallow.validate import OneOf

from grammar.golang.errors import CallError
from grammar.golang.quoting import quote
from grammar.gotemplate import TemplateError
from grammar.gotemplate import parse as parse_template
from schemas.config.fields import Duration, Flag, Text, TextMap, Texts, Whole
from schemas.config.section import setting
from services.alerting.declarations import sections as common
from services.alerting.declarations.options import Of, ScriptProperty, option, options_tested
from services.alerting.declarations.sections import Section, Sections
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import AlertHandler, HandlerContext
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.transports.extras import need
from services.alerting.transports.tls import context_of, tls_of

_FOREVER = 24 * 3600.0  # the library takes no such thing
_ANSWERS = 3  # what to connect and to write takes at most: addresses, partitions, the write
_PASSWORDS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_HASHES = ("", "crc32", "murmur2", "fnv-1a")
_UNKNOWN_HASH = "invalid partition hash algorithm: {input}"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to, and what."""

    cluster: str = option("The cluster, the id of a section of the configuration", test="example")
    template: str = option("A template of what is written", unless="the event as JSON")
    disable_partition_by_id: bool = option("Choose partitions by chance, not by the alert's id", Flag)
    partition_hash_algorithm: str = option(
        "How a partition is chosen by the id, `crc32`, `murmur2` or `fnv-1a`",
        unless="`crc32`",
        check=OneOf(_HASHES, error=_UNKNOWN_HASH),
    )
    topic: str = option("The topic", test="test", script=ScriptProperty("kafkaTopic"))


@dataclass(frozen=True, kw_only=True)
class Kafka:
    """[[kafka]]: one cluster."""

    enabled: bool = common.enabled("Whether alerts may be written to it.")
    id: str = setting("default", Text, "The name that scripts call it by: kafka().cluster(NAME).")
    brokers: tuple[str, ...] | None = setting(None, Texts, "Some of its brokers, HOST:PORT.")
    timeout: float = setting(0.0, Duration, "How long a broker may take to answer; 0s: `timeout` in [alert].")
    batch_size: int = setting(0, Whole, "Of no effect: each event is written for itself.")
    batch_timeout: float = setting(0.0, Duration, "Of no effect: each event is written for itself.")
    use_ssl: bool = setting(False, Flag, "Whether the brokers are spoken to by TLS.")
    ssl_ca: str = common.ssl_ca()
    ssl_cert: str = common.ssl_cert()
    ssl_key: str = common.ssl_key()
    insecure_skip_verify: bool = common.insecure_skip_verify()
    sasl_mechanism: str = setting(
        "",
        Text,
        "How brokers are logged in to: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, or OAUTHBEARER with sasl-access-token. "
        "Empty: by PLAIN where there is a sasl-username, else not at all.",
        check=OneOf(["", *_PASSWORDS, "OAUTHBEARER", "GSSAPI"], error="invalid sasl-mechanism"),
        later=True,
    )
    sasl_username: str = setting("", Text, "The user to log in as.", later=True)
    sasl_password: str = setting("", Text, "That user's password.", secret=True, later=True)
    sasl_access_token: str = setting("", Text, "The token of OAUTHBEARER.", secret=True, later=True)
    sasl_extensions: Mapping[str, str] = setting(
        MappingProxyType({}), TextMap, "What is told beside that token.", key="sasl_extensions", later=True
    )

    def __post_init__(self) -> None:
        if not self.enabled:
            return
        if not self.id:
            raise ValidationError("id must not be empty")
        if not self.brokers:
            raise ValidationError("no brokers specified, must provide at least one broker URL")

    @property
    def mechanism(self) -> str:
        """How brokers are logged in to, "" where that is not done: without a password or a token nobody can be."""
        if self.sasl_mechanism == "OAUTHBEARER":
            return self.sasl_mechanism if self.sasl_access_token else ""
        return self.sasl_mechanism if self.sasl_mechanism in _PASSWORDS else "PLAIN" if self._by_name_alone else ""

    @property
    def _by_name_alone(self) -> bool:
        return bool(self.sasl_username) and not self.sasl_mechanism


SECTION = Section("kafka", Kafka, many=True, defaults=(Kafka(),))


class KafkaHandler(AlertHandler[Options]):
    """The event's id is the key. The brokers have said that they have the event once sending ends."""

    kind = "kafka"
    type_name = "KafkaHandler"
    created_as = "kafka handler"
    options = Options
    section = SECTION
    test_options: ClassVar[Mapping[str, Any]] = {
        "cluster": Of("cluster"),
        "topic": Of("topic"),
        "key": "key",
        "message": "test kafka message",
    }

    def check(self, options: Options, sections: Sections) -> None:
        """There must be such a cluster; the template must be one, the library be there."""
        if _cluster(options.cluster, sections) is None:
            raise ValueError(f"unknown cluster {quote(options.cluster)}")
        try:
            _template(options.template)
        except TemplateError as error:
            raise ValueError(f"failed to parse template: {error}") from None
        need("aiokafka", "kafka")

    def check_start(self, given: dict[str, Any], sections: Sections) -> None:
        if given["partition-hash-algorithm"] not in _HASHES:
            problem = _UNKNOWN_HASH.format(input=given["partition-hash-algorithm"])
            raise ValueError(f"failed to create kafka handler: {problem}")
        super().check_start(given, sections)

    def timeout(self, options: Options, context: HandlerContext) -> float:
        """To connect and to write."""
        cluster = _cluster(options.cluster, context.sections)
        return _ANSWERS * (_answer_within(cluster, context) if cluster is not None else _FOREVER)

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        try:
            body = _template(options.template).execute(event.data()).encode() if options.template else event.json()
        except (TemplateError, CallError) as error:
            raise Rejected(f"failed to execute alert template: {error}") from error
        chosen = _by_chance if options.disable_partition_by_id else _PARTITIONERS[options.partition_hash_algorithm]
        await _send(options.cluster, options.topic, event.id, body, chosen, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        options, body = options_tested(self.test_options, Options, given), given["message"].encode("utf-8", "replace")
        await _send(options.cluster, options.topic, given["key"], body, _by_crc32, context)


async def _send(
    name: str, topic: str, key: str, body: bytes, partitioner: Callable[..., int] | None, context: HandlerContext
) -> None:
    cluster = _cluster(name, context.sections)
    if cluster is None or not cluster.enabled:
        raise Rejected(f"unknown cluster {quote(name)}")
    if not topic:
        raise Rejected("topic must not be empty")
    try:
        need("aiokafka", "kafka")
    except ValueError as error:
        raise Rejected(str(error)) from None
    from aiokafka import AIOKafkaProducer
    from aiokafka.errors import KafkaError

    milliseconds = round(_answer_within(cluster, context) * 1000)
    more = _login(cluster) | ({} if partitioner is None else {"partitioner": partitioner})
    try:
        producer = AIOKafkaProducer(
            bootstrap_servers=list(cluster.brokers or ()),
            client_id="tickbus",
            request_timeout_ms=milliseconds,
            security_protocol=("SASL_" if cluster.mechanism else "") + ("SSL" if cluster.use_ssl else "PLAINTEXT"),
            ssl_context=context_of(tls_of(cluster)) if cluster.use_ssl else None,
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
        raise Unsent(problem) if error.retriable else Rejected(problem) from error
    except OSError as error:
        raise Unsent(f"{name}: {error}") from error


def _login(cluster: Kafka) -> dict[str, Any]:
    """What the library logs in to brokers with."""
    if cluster.mechanism == "OAUTHBEARER":
        return {"sasl_mechanism": cluster.mechanism, "sasl_oauth_token_provider": _token_of(cluster)}
    if not cluster.mechanism:
        return {}
    user = {"sasl_plain_username": cluster.sasl_username, "sasl_plain_password": cluster.sasl_password}
    return {"sasl_mechanism": cluster.mechanism, **user}


def _token_of(cluster: Kafka) -> Any:
    from aiokafka.abc import AbstractTokenProvider

    class Token(AbstractTokenProvider):  # type: ignore[misc]
        async def token(self) -> str:
            return cluster.sasl_access_token

        def extensions(self) -> dict[str, str]:
            return dict(cluster.sasl_extensions)

    return Token()


def _answer_within(cluster: Kafka, context: HandlerContext) -> float:
    return cluster.timeout or context.timeout or _FOREVER


def _cluster(name: str, sections: Sections) -> Kafka | None:
    return next((cluster for cluster in SECTION.elements(sections) if cluster.id == name), None)


@functools.lru_cache(maxsize=64)
def _template(text: str) -> Any:
    return parse_template(text, "kafka alert template")


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


HANDLER = KafkaHandler()
