"""[[influxdb]]: the InfluxDB clusters that tasks query and write to, and that send what is written to them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar
from urllib.parse import urlsplit

from marshmallow import ValidationError
from marshmallow.validate import OneOf

from schemas.config.among import Rules
from schemas.config.checks import NOT_NEGATIVE, PORT
from schemas.config.fields import Duration, Flag, Text, Texts, TextsMap, Whole
from schemas.config.section import setting

_NAME = re.compile(r"[-.\w]+")
_EXCLUDED: Mapping[str, tuple[str, ...]] = MappingProxyType({"_kapacitor": ("autogen",)})


def _mistakes_in_file(clusters: "Sequence[InfluxDB]") -> Iterator[str]:
    enabled = [c for c in clusters if c.enabled]
    defaults = [c.name for c in enabled if c.default]
    if len(defaults) > 1:
        yield f"more than one InfluxDB default was specified: {' '.join(defaults)}"
    if len(enabled) > 1 and not defaults:
        yield "at least one of the enabled InfluxDB clusters must be marked as default"


def _mistakes_live(clusters: "Sequence[InfluxDB]") -> Iterator[str]:
    enabled = [c for c in clusters if c.enabled]
    if len(enabled) > 1 and not any(c.default for c in enabled):
        yield "no default cluster found"


@dataclass(frozen=True, kw_only=True)
class InfluxDB:
    """[[influxdb]]: one cluster."""

    RULES: ClassVar[Rules] = Rules(_mistakes_in_file, _mistakes_live)

    enabled: bool = setting(True, Flag, "Whether tasks may use the cluster.")
    name: str = setting("default", Text, "The name that scripts call it by: influxDBOut().cluster(NAME).")
    default: bool = setting(False, Flag, "Whether it is the one that scripts mean when they name none.")
    urls: tuple[str, ...] = setting(
        ("http://localhost:8086",), Texts, "Its servers. Requests go to one after the other, past one that is down."
    )
    username: str = setting("", Text, "The user to log in as; empty: none.")
    password: str = setting("", Text, "That user's password.", secret=True)
    token: str = setting(
        "",
        Text,
        "A token to log in with instead, as InfluxDB 2.x has them: Authorization: Token. Databases and retention "
        "policies are then those that its buckets are mapped to.",
        secret=True,
        later=True,
    )
    http_shared_secret: bool = setting(
        False,
        Flag,
        "Whether username is logged in as without a password, by JSON Web Tokens that are signed with shared-secret of "
        "[http], which InfluxDB 1.x has to have too. Only the file switches it on, and then urls and username are the "
        "file's.",
        signs=True,
        later=True,
    )
    ssl_ca: str = setting("", Text, "A file of certificates to trust, PEM; empty: those that the system trusts.")
    ssl_cert: str = setting("", Text, "The client's certificate file, PEM.")
    ssl_key: str = setting("", Text, "The client's key file, PEM.")
    insecure_skip_verify: bool = setting(False, Flag, "Take any certificate. Insecure.")
    timeout: float = setting(0.0, Duration, "How long a request may take; 0s: 30s.")
    compression: str = setting(
        "none",
        Text,
        "How what influxDBOut nodes write is compressed: gzip or none.",
        check=OneOf(["", "gzip", "none"], error="must be gzip or none"),
        later=True,
    )
    disable_subscriptions: bool = setting(
        False,
        Flag,
        "Whether no subscriptions are made in it. Those that were made are dropped. Without any [[influxdb]] section "
        "none are made either.",
    )
    subscription_protocol: str = setting(
        "http",
        Text,
        "How InfluxDB sends what is written to it: http, https or udp. With auth-enabled in [http] each subscription "
        "over http or https has a token of its own, which may write to its database and nothing else.",
        check=OneOf(["", "http", "https", "udp"], error="must be one of 'udp', 'http' or 'https'"),
    )
    subscription_mode: str = setting(
        "cluster",
        Text,
        "What subscriptions are named by, kapacitor-ID: cluster, the id of all that share a NATS, or server, that of "
        "the gateway which keeps them.",
        check=OneOf(["cluster", "server"], error="must be cluster or server"),
    )
    subscription_path: str = setting(
        "", Text, "A path before /write, where a proxy between InfluxDB and the gateway wants one.", later=True
    )
    subscriptions: Mapping[str, Sequence[str]] = setting(
        MappingProxyType({}),
        TextsMap,
        'What is subscribed to, retention policies by database: { telegraf = ["autogen"] }; empty: all there are, '
        "also those that are made later.",
    )
    excluded_subscriptions: Mapping[str, Sequence[str]] = setting(
        _EXCLUDED, TextsMap, "What is not subscribed to, in the same form."
    )
    kapacitor_hostname: str = setting(
        "", Text, "The name by which InfluxDB reaches the gateway; empty: hostname, outside all sections."
    )
    http_port: int = setting(0, Whole, "The port by which it does; 0: that of bind-address in [http].", check=PORT)
    udp_bind: str = setting(
        "", Text, "The address that is listened on for udp; empty: all. Ports are any that are free."
    )
    udp_buffer: int = setting(
        1000, Whole, "How many packets of a subscription over udp wait at most; more are dropped.", check=NOT_NEGATIVE
    )
    udp_read_buffer: int = setting(
        0, Whole, "The size of the system's buffer for each, in bytes; 0: as the system has it.", check=NOT_NEGATIVE
    )
    startup_timeout: float = setting(
        300.0,
        Duration,
        "How long the cluster may be away before that is an error in the log. tickbus starts and goes on without it, "
        "and makes the subscriptions once it is there. 0s: 5m.",
    )
    subscriptions_sync_interval: float = setting(
        60.0,
        Duration,
        "How often it is looked whether all subscriptions are there that should be, as for new databases. 0s: 1m.",
    )

    def __post_init__(self) -> None:
        if not self.name:
            raise ValidationError("influxdb cluster must be given a name")
        if not _NAME.fullmatch(self.name):
            raise ValidationError(
                "influxdb cluster name must contain only numbers, letters or '.', '-', and '_' characters"
            )
        if not self.urls:
            raise ValidationError("must specify at least one InfluxDB URL")
        for url in self.urls:
            if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
                raise ValidationError(f"{url}: an InfluxDB URL must start with http:// or https:// and name a host")
        if bool(self.ssl_cert) != bool(self.ssl_key):
            raise ValidationError("ssl-cert and ssl-key need each other")


def clusters_by_name(clusters: Sequence[InfluxDB]) -> Mapping[str, InfluxDB]:
    """The enabled clusters by name; under "" the one that scripts mean when they name none.

    Of several that are marked as default, which is so while the mark moves from one to another, the last by name.
    """
    enabled = {c.name: c for c in sorted(clusters, key=lambda c: c.name) if c.enabled}
    default = [c for c in enabled.values() if c.default or len(enabled) == 1]
    return enabled | ({"": default[-1]} if default else {})
