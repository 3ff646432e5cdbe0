"""Where a subscription leads: its URLs, and whether those of one that is there are right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from schemas.config import InfluxDB
from services.gateway.access.credentials import SUBSCRIBER
from services.gateway.subscriptions.catalogue import Place, Subscription

UDP = "udp"


@dataclass(frozen=True, slots=True)
class Destinations:
    """What the URLs of a cluster's subscriptions have to be.

    addresses: HOST:PORT of every gateway; over udp, HOST of the one that listens, the ports differ. tokens: whether
    each has one.
    """

    protocol: str
    addresses: tuple[str, ...]
    path: str
    tokens: bool

    def urls(self, token: str) -> tuple[str, ...]:
        """The URLs of a subscription over HTTP. token: "" where none is needed."""
        user = f"{SUBSCRIBER}:{token}@" if token else ""
        return tuple(f"{self.protocol}://{user}{address}{self.path}" for address in self.addresses)

    def problem(self, subscription: Subscription, valid: Callable[[str, Place], bool]) -> str:
        """Why a subscription does not lead here as it should, "" where it does.

        valid(token, place): whether what is written with a token there is taken.
        """
        found = [_split(url) for url in subscription.destinations]
        if not found or any(one is None for one in found):
            return "its destinations cannot be read"
        urls = [one for one in found if one is not None]
        if any(url.scheme != self.protocol for url in urls):
            return "it is of another protocol"
        if self.protocol == UDP:
            hosts = [url.hostname for url in urls]
            return "" if hosts == [host_of(self.addresses[0])] and urls[0].port else "it leads elsewhere"
        if {url.netloc.rpartition("@")[2] for url in urls} != set(self.addresses):
            return "it leads elsewhere"
        if len(urls) > 1 and subscription.mode != "ANY":
            return "every gateway would get what one should"
        if any(url.path != self.path for url in urls):
            return "it has another path"
        return self._problem_of_tokens(subscription, urls, valid)

    def _problem_of_tokens(
        self, subscription: Subscription, urls: list[SplitResult], valid: Callable[[str, Place], bool]
    ) -> str:
        if not self.tokens:
            return "it has a token, and none is needed" if any("@" in url.netloc for url in urls) else ""
        right = all(url.username == SUBSCRIBER and valid(url.password or "", subscription.place) for url in urls)
        return "" if right else "its token is not valid"


def destinations_of(cluster: InfluxDB, addresses: tuple[str, ...], own: str, with_tokens: bool) -> Destinations:
    """What a cluster's configuration says of them. addresses: of all gateways. own: of this one."""
    protocol = cluster.subscription_protocol or "http"
    path = cluster.subscription_path
    if path and not path.startswith("/"):
        path = f"/{path}"
    if protocol == UDP:
        return Destinations(protocol, (own,), "", False)
    return Destinations(protocol, addresses, path, with_tokens)


def wants(cluster: InfluxDB, place: Place) -> bool:
    """Whether a cluster's configuration wants a subscription there."""
    database, policy = place
    chosen = not any(cluster.subscriptions.values()) or policy in cluster.subscriptions.get(database, ())
    return chosen and policy not in cluster.excluded_subscriptions.get(database, ())


def leads_to(subscription: Subscription, addresses: tuple[str, ...]) -> bool:
    """Whether it leads to one of these addresses, over HTTP."""
    found = (_split(url) for url in subscription.destinations)
    return any(url is not None and url.netloc.rpartition("@")[2] in addresses for url in found)


def token_in(subscription: Subscription) -> str:
    """The token in its destinations, "" without one."""
    first = _split(subscription.destinations[0]) if subscription.destinations else None
    return (first.password or "") if first is not None and first.username == SUBSCRIBER else ""


def port_of(subscription: Subscription) -> int:
    """The port of its first destination, 0 without one."""
    first = _split(subscription.destinations[0]) if subscription.destinations else None
    return (first.port or 0) if first is not None else 0


def host_of(given: str) -> str:
    """The host in HOST:PORT, without brackets."""
    return urlsplit(f"//{given}").hostname or ""


def _split(url: str) -> SplitResult | None:
    try:
        found = urlsplit(url)
        return found if found.hostname and found.port is not None else None
    except ValueError:
        return None
