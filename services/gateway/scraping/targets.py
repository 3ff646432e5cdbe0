"""Targets: where one is scraped, and which tags its points get."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from schemas.config.inputs.scraping import Scraper
from services.process import log as logs

_ADDRESS, _SCHEME, _PATH, _PARAMETER = "__address__", "__scheme__", "__metrics_path__", "__param_"
_RESERVED = "__"
_PORTS = {"": 80, "http": 80, "https": 443}
_log = logs.get("scraper")


@dataclass(frozen=True, slots=True)
class Group:
    """Targets (HOST:PORT) with the labels that all of them have. source: where they were found, for the log."""

    source: str
    targets: tuple[str, ...]
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """Where one is scraped; labels: the tags of its points."""

    url: str
    labels: tuple[tuple[str, str], ...]

    def offset(self, interval: float) -> float:
        """When in an interval it is scraped: always at the same moment, and each target at another."""
        digest = hashlib.blake2b(repr((self.url, self.labels)).encode(), digest_size=8).digest()
        return int.from_bytes(digest) / (1 << 64) * interval


def targets_of(groups: Iterable[Group], scraper: Scraper) -> set[Target]:
    """All targets, without those on the blacklist. A group with one that cannot be is left out, with a warning."""
    found: set[Target] = set()
    for group in groups:
        try:
            found.update([_target(address, group.labels, scraper) for address in group.targets])
        except ValueError as error:
            _log.limited(f"targets {group.source}").warn(
                "targets left out", scraper=scraper.name, source=group.source, err=error
            )
    return {target for target in found if dict(target.labels).get("instance") not in scraper.blacklist}


def _target(address: str, given: Mapping[str, str], scraper: Scraper) -> Target:
    labels = {_SCHEME: scraper.scheme, _PATH: scraper.metrics_path, **given}
    if "job" in labels:
        raise ValueError("the label `job` cannot be set")
    scheme, path = labels[_SCHEME], labels[_PATH]
    if scheme not in _PORTS:
        raise ValueError(f"invalid scheme {scheme!r}")
    labels[_ADDRESS] = _with_port(address, _PORTS[scheme])
    parameters = {name: list(values) for name, values in scraper.params.items()}
    for name, value in labels.items():
        if name.startswith(_PARAMETER):
            parameters.setdefault(name.removeprefix(_PARAMETER), [value])
    query = urlencode(sorted(parameters.items()), doseq=True)
    slash = "" if path.startswith("/") else "/"
    url = f"{scheme or 'http'}://{labels[_ADDRESS]}{slash}{path}{'?' if query else ''}{query}"
    labels.setdefault("instance", labels[_ADDRESS])
    public = {name: value for name, value in labels.items() if not name.startswith(_RESERVED)}
    return Target(url, tuple(sorted(public.items())))


def _with_port(address: str, default: int) -> str:
    if not address or "/" in address:
        raise ValueError(f"{address!r} is no address")
    host, colon, port = address.rpartition(":")
    if colon and not port.endswith("]") and (":" not in host or host.startswith("[")):
        return address
    return f"{address}:{default}"
