"""Scraping: targets that show their metrics in Prometheus's text format, and how they are found."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from marshmallow import ValidationError

from schemas.config.checks import POSITIVE
from schemas.config.fields import Duration, Flag, Text, TextMap, Texts, TextsMap
from schemas.config.section import setting

_ID = "The name that scrapers call it by: discoverer-id."
_FILE = re.compile(r"[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)")


@dataclass(frozen=True, kw_only=True)
class Scraper:
    """[[scraper]]: scrapes the targets that a discoverer names. Of several gateways one does at a time."""

    enabled: bool = setting(False, Flag, "Whether it scrapes.")
    name: str = setting("", Text, "Its name, which no two have in common.")
    type: str = setting("prometheus", Text, "prometheus; there is no other.")
    db: str = setting("", Text, "The database that its points are of.")
    rp: str = setting("", Text, "Their retention policy.")
    scheme: str = setting("http", Text, "http or https.")
    metrics_path: str = setting("/metrics", Text, "The path of the metrics.")
    params: Mapping[str, tuple[str, ...]] = setting(MappingProxyType({}), TextsMap, "Parameters of the URL.")
    scrape_interval: float = setting(60.0, Duration, "How often a target is scraped.", check=POSITIVE)
    scrape_timeout: float = setting(10.0, Duration, "How long that may take.", check=POSITIVE)
    username: str = setting("", Text, "For Basic authentication.")
    password: str = setting("", Text, "Its password.", secret=True)
    ssl_ca: str = setting("", Text, "A file of certificates to trust, PEM; empty: those that the system trusts.")
    ssl_cert: str = setting("", Text, "The client's certificate file, PEM.")
    ssl_key: str = setting("", Text, "The client's key file, PEM.")
    ssl_server_name: str = setting("", Text, "The name that certificates have to be of, in place of the target's.")
    insecure_skip_verify: bool = setting(False, Flag, "Take any certificate. Insecure.")
    bearer_token: str = setting("", Text, "A bearer token.", secret=True)
    proxy_url: str = setting("", Text, "The URL of an HTTP proxy.")
    discoverer_id: str = setting("", Text, "The id of the discoverer that names its targets.")
    discoverer_service: str = setting("", Text, "The discoverer's section: static-discovery or file-discovery.")
    blacklist: tuple[str, ...] = setting((), Texts, "Targets that are left out, by their label `instance`.")

    def __post_init__(self) -> None:
        if not self.enabled:
            return
        for key, what in (("name", "a name"), ("db", "a db"), ("rp", "an rp")):
            if not getattr(self, key):
                raise ValidationError({key: [f"scraper config must be given {what}"]})
        if self.type != "prometheus":
            raise ValidationError({"type": ["Unknown scraper type"]})


@dataclass(frozen=True, kw_only=True)
class StaticDiscovery:
    """[[static-discovery]]: targets as they stand here."""

    enabled: bool = setting(False, Flag, "Whether scrapers may use it.")
    id: str = setting("", Text, _ID)
    targets: tuple[str, ...] = setting((), Texts, "The targets, each HOST:PORT.")
    labels: Mapping[str, str] = setting(MappingProxyType({}), TextMap, "Tags of all their points.")

    def __post_init__(self) -> None:
        if self.enabled and not self.id:
            raise ValidationError({"id": ["static discovery must be given a ID"]})


@dataclass(frozen=True, kw_only=True)
class FileDiscovery:
    """[[file-discovery]]: targets as they stand in files, which are read again when they change."""

    enabled: bool = setting(False, Flag, "Whether scrapers may use it.")
    id: str = setting("", Text, _ID)
    files: tuple[str, ...] = setting(
        (),
        Texts,
        "JSON or YAML files, each a list of `targets` (HOST:PORT) and their `labels`; a file's name may hold one `*`.",
    )
    refresh_interval: float = setting(
        300.0, Duration, "How often they are looked for at least; a change is seen after five seconds.", check=POSITIVE
    )

    def __post_init__(self) -> None:
        if self.enabled and not self.id:
            raise ValidationError({"id": ["file discovery must be given a ID"]})
        for name in self.files:
            if not _FILE.fullmatch(name):
                raise ValidationError({"files": [f'path name "{name}" is not valid for file discovery']})
