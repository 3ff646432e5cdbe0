"""What Kapacitor's configuration has and tickbus makes no use of: accepted, and said where somebody loses by it.

A section or setting that tickbus comes to use leaves this table, with its whole entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema

from schemas.config.section import keys_of

Raw = Mapping[str, Any]
When = Callable[[Raw, Raw], bool]
"""Of an element and the whole file, whether its user loses something. An element has its `enabled`, if only by
default."""


def _enabled(element: Raw, file: Raw) -> bool:
    return element.get("enabled") is True


def _given(*keys: str) -> When:
    """One of these says something, in an element that is not switched off."""

    def given(element: Raw, file: Raw) -> bool:
        return element.get("enabled") is not False and any(element.get(key) for key in keys)

    return given


def _is(key: str, value: Any, *others: str) -> When:
    """A setting has this value, as it is written in any case, where the others have any."""

    def found(element: Raw, file: Raw) -> bool:
        has = element.get(key)
        same = has.upper() == value if isinstance(has, str) else has is value
        return same and all(element.get(other) for other in others)

    return found


def _old_tls(key: str) -> When:
    def found(element: Raw, file: Raw) -> bool:
        version = str(element.get(key, "")).upper().removeprefix("TLS")
        return _https(file) and version in ("SSL3.0", "1.0", "1.1")

    return found


def _https(file: Raw) -> bool:
    http = file.get("http")
    return isinstance(http, Mapping) and http.get("https-enabled") is True


def _shared_secret(file: Raw) -> bool:
    http = file.get("http")
    return isinstance(http, Mapping) and bool(http.get("shared-secret"))


def _asks_for_token(kafka: Raw) -> bool:
    return bool(kafka.get("sasl-mechanism") == "OAUTHBEARER" and not kafka.get("sasl-access-token"))


def _kapacitors(file: Raw) -> bool:
    """Whether a file was written for Kapacitor: it needs these, and tickbus has no use for them."""
    return all(
        isinstance(table := file.get(section), Mapping) and table.get(key)
        for section, key in (("replay", "dir"), ("storage", "boltdb"))
    )


@dataclass(frozen=True, slots=True)
class Unused:
    """Settings of a section that are of no effect.

    keys: those that tickbus would not know are accepted by this. lost: what their user loses, where `when` says that it
    is so, and instead: what to do about it. Without `lost` nothing is said.
    """

    section: str
    keys: str
    lost: str = ""
    instead: str = ""
    when: When = _enabled


def _discovery(section: str, keys: str) -> Unused:
    lost, instead = "scrapers find no targets by it", "list them by file-discovery or static-discovery"
    return Unused(section, keys, lost, instead)


UNUSED: tuple[Unused, ...] = (
    # Where things are kept, and who is told of it.
    Unused("task", "dir snapshot-interval"),
    Unused("replay", "dir"),
    Unused("reporting", "enabled url enterprise-url stats-interval"),
    Unused(
        "stats",
        "enabled stats-interval database retention-policy timing-sample-rate timing-movavg-size",
        "tickbus writes no points about itself to a database",
        "read GET /metrics, or /kapacitor/v1/debug/vars with Telegraf's input kapacitor",
    ),
    # How it is reached, and by whom.
    Unused(
        "http",
        "",
        "the API listens on this machine alone, Kapacitor's on every interface",
        'set bind-address, to ":9092" for the same',
        lambda element, file: "bind-address" not in element and _kapacitors(file),
    ),
    Unused(
        "http",
        "",
        "pprof-enabled opens nothing to everybody: profiles need credentials while auth-enabled is true",
        "ask for them with a user's",
        _is("pprof-enabled", True, "auth-enabled"),
    ),
    Unused(
        "auth",
        "",
        "users of the meta server at meta-addr are not known here",
        "make them with `tickbus user add`",
        _is("enabled", True, "meta-addr"),
    ),
    Unused(
        "tls",
        "",
        "ciphers are not chosen by name: the suites are those that OpenSSL thinks well of",
        "choose by min-version",
        lambda element, file: bool(element.get("ciphers")) and _https(file),
    ),
    Unused("tls", "", "nothing older than tls1.2 is spoken", 'set min-version to "tls1.2"', _old_tls("min-version")),
    Unused(
        "tls",
        "",
        "nothing older than tls1.2 is spoken",
        'set max-version to "tls1.2" or newer',
        _old_tls("max-version"),
    ),
    # What is logged.
    Unused(
        "logging", "", "there is no level OFF: errors are logged", "send them elsewhere by file", _is("level", "OFF")
    ),
    # InfluxDB.
    Unused(
        "influxdb",
        "",
        "http-shared-secret logs nobody in without a secret",
        "set shared-secret in [http] to that of InfluxDB",
        lambda element, file: _is("http-shared-secret", True)(element, file) and not _shared_secret(file),
    ),
    # Alerts.
    Unused("alert", "", "topics are kept over a restart all the same", "", _is("persist-topics", False)),
    Unused("kafka", "sasl-version"),
    Unused("kafka", "sasl-gssapi-service-name sasl-gssapi-auth-type sasl-gssapi-disable-pafxfast sasl-gssapi-realm"),
    Unused("kafka", "sasl-gssapi-kerberos-config-path sasl-gssapi-key-tab-path sasl-oauth-service"),
    Unused("kafka", "sasl-oauth-client-id sasl-oauth-client-secret sasl-oauth-token-url sasl-oauth-scopes"),
    Unused("kafka", "sasl-oauth-parameters sasl-oauth-token-expiry-margin sasl-oauth-tenant-id"),
    Unused(
        "kafka",
        "sasl-extensions",
        "nobody is logged in to the brokers by GSSAPI, or with a token that has to be asked for",
        "give a user and a password for SCRAM, or sasl-access-token",
        lambda element, file: (
            _given("brokers")(element, file)
            and (_is("sasl-mechanism", "GSSAPI")(element, file) or _asks_for_token(element))
        ),
    ),
    Unused("sensu", "url"),
    # Inputs.
    Unused(
        "collectd",
        "security-level auth-file parse-multivalue-plugin",
        "packets that are signed or encrypted are refused",
        "send them in plain",
        lambda element, file: element.get("enabled") is True and element.get("security-level", "none") != "none",
    ),
    # What finds targets for scrapers.
    _discovery("azure", "enabled id port subscription-id tenant-id client-id client-secret refresh-interval"),
    _discovery(
        "consul",
        "enabled id address token datacenter tag-separator scheme username password services ssl-ca ssl-cert ssl-key "
        "ssl-server-name insecure-skip-verify",
    ),
    _discovery("dns", "enabled id record-names refresh-interval type port"),
    _discovery("gce", "enabled id project zone filter refresh-interval port tag-separator"),
    _discovery(
        "marathon",
        "enabled id servers timeout refresh-interval bearer-token ssl-ca ssl-cert ssl-key ssl-server-name "
        "insecure-skip-verify",
    ),
    _discovery("nerve", "enabled id servers paths timeout"),
    _discovery("serverset", "enabled id servers paths timeout"),
    Unused("static", "labels"),  # which stands in Kapacitor's own example, for static-discovery.labels
    _discovery(
        "triton",
        "enabled id account dns-suffix endpoint port refresh-interval version ssl-ca ssl-cert ssl-key ssl-server-name "
        "insecure-skip-verify",
    ),
    # Flux.
    Unused(
        "fluxtask",
        "enabled task-run-influxdb task-run-bucket task-run-org task-run-orgid task-run-measurement secrets "
        "default-influxdb",
        "there are no Flux tasks",
        "write them in TICKscript",
    ),
)


def unused_keys() -> dict[str, frozenset[str]]:
    """By section the settings that are accepted and not used; a section that stands here alone has no others."""
    found: dict[str, frozenset[str]] = {}
    for entry in UNUSED:
        found[entry.section] = found.get(entry.section, frozenset()) | frozenset(entry.keys.split())
    return found


def losses(file: Raw, schemas: Mapping[str, Schema]) -> Iterator[str]:
    """What the user of a file loses, one text an entry. The file's keys are spelled as here."""
    for entry in UNUSED:
        schema = schemas.get(entry.section)
        default = keys_of(schema)["enabled"].load_default if schema and "enabled" in keys_of(schema) else None
        elements = _elements(file.get(entry.section, [] if schema is not None and schema.many else {}))
        if entry.lost and any(entry.when({"enabled": default, **element}, file) for element in elements):
            many = schema.many if schema is not None else isinstance(file[entry.section], list)
            name = f"[[{entry.section}]]" if many else f"[{entry.section}]"
            yield f"{name}: {entry.lost}" + (f"; {entry.instead}" if entry.instead else "")


def _elements(found: Any) -> Iterator[Raw]:
    yield from (one for one in (found if isinstance(found, list) else [found]) if isinstance(one, Mapping))
