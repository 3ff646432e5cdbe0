"""Fetching one target's metrics, and making line protocol of them."""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from schemas.config.inputs.scraping import Scraper
from services.gateway.http.connections.bodies import Bodies, Held
from services.gateway.http.gunzip import gunzip
from services.gateway.http.rejection import RequestRejected
from services.gateway.listeners.formats.lines import NoPoint, line_of
from services.gateway.scraping.exposition import Sample, samples_of
from services.gateway.scraping.targets import Target
from services.process import log as logs
from services.process.client_tls import client_context
from services.process.pools import Pool

_ACCEPT = "text/plain;version=0.0.4;q=1,*/*;q=0.1"
_LARGEST = 32 << 20
_MOST_AT_ONCE = 32
_threads = Pool("scraping", 2)
_log = logs.get("scraper")


@dataclass(frozen=True, slots=True)
class Scraped:
    """What came of one scrape: its points as line protocol, those that tell of the scrape itself among them.

    error: why there are no others, None where there are. unwritable: samples that line protocol has no way to write.
    """

    body: bytes
    points: int
    samples: int
    unwritable: int
    error: str | None


class TargetScraper:
    """Scrapes targets as one [[scraper]] says, up to 32 of them at once."""

    def __init__(self, settings: Scraper, bodies: Bodies) -> None:
        """bodies: the account of answers in memory.

        Raises OSError where a certificate cannot be used, ValueError where the proxy's URL is none."""
        self._settings, self._bodies = settings, bodies
        self._slots = asyncio.Semaphore(_MOST_AT_ONCE)
        self._extensions = {"sni_hostname": settings.ssl_server_name} if settings.ssl_server_name else {}
        headers = {
            "Accept": _ACCEPT,
            "Accept-Encoding": "gzip",
            "User-Agent": "tickbus",
            "X-Prometheus-Scrape-Timeout-Seconds": f"{settings.scrape_timeout:f}",
        }
        basic = bool(settings.username or settings.password)
        if settings.bearer_token and not basic:
            headers["Authorization"] = f"Bearer {settings.bearer_token}"
        self._client = httpx.AsyncClient(
            auth=(settings.username, settings.password) if basic else None,
            headers=headers,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # none: one target's are nothing to others
            verify=_tls(settings),
            proxy=settings.proxy_url or None,
            follow_redirects=True,
            trust_env=False,
            timeout=None,
        )

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def scrape(self, target: Target) -> Scraped:
        """Scrape it once."""
        async with self._slots:
            started, began = time.time_ns() // 10**6, time.monotonic()
            labels = dict(target.labels)
            found, error = _Lines(), None
            try:
                with self._bodies.hold() as held:
                    async with asyncio.timeout(self._settings.scrape_timeout):
                        body = await self._fetch(target.url, held)
                    found = await _threads.run(_lines, body, labels, started)
            except TimeoutError:
                error = f"no answer within {self._settings.scrape_timeout:g} s"
            except ExceptionGroup as problems:  # of a port that there cannot be, such as a redirect may name
                error = str(problems.exceptions[0])
            except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, RequestRejected) as problem:
                error = str(problem) or type(problem).__name__
            report = _Lines()
            for sample in _report(started, time.monotonic() - began, found.samples, error is None):
                report.take(sample, labels, started)
            lines = found.lines + report.lines
            return Scraped(b"\n".join(lines), len(lines), found.samples + report.samples, found.unwritable, error)

    async def _fetch(self, url: str, held: Held) -> bytes:
        """Raises ValueError where the answer is none of metrics, RequestRejected where there is no room for it."""
        async with self._client.stream("GET", url, extensions=self._extensions) as answer:
            if answer.status_code != httpx.codes.OK:
                raise ValueError(f"server returned HTTP status {answer.status_code} {answer.reason_phrase}")
            encoding = answer.headers.get("content-encoding", "identity").strip().lower()
            if encoding not in ("gzip", "identity"):
                raise ValueError(f"the answer is encoded as {encoding[:50]}")
            body = bytearray()
            # as it is: httpx unzips without a bound
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > _LARGEST:
                    raise ValueError(f"the answer is larger than {_LARGEST} bytes")
                held.grow(len(body))
        if encoding == "identity":
            return bytes(body)
        unzipped = await _threads.run(gunzip, bytes(body), _LARGEST)
        held.grow(len(unzipped))
        return unzipped


class _Lines:
    """Samples as line protocol. samples: how many there were. unwritable: those that there is no way to write."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.samples = self.unwritable = 0

    def take(self, sample: Sample, labels: dict[str, str], started: int) -> None:
        self.samples += 1
        if sample.value != sample.value:
            return  # NaN says that there is no value
        at = (started if sample.time is None else sample.time) * 10**6
        try:
            self.lines.append(line_of(sample.name, _tags(sample, labels), "value", sample.value, at))
        except NoPoint:
            self.unwritable += 1


def _lines(body: bytes, labels: dict[str, str], started: int) -> _Lines:
    """Raises ValueError where they are no metrics."""
    found = _Lines()
    for sample in samples_of(body.decode(errors="replace")):
        found.take(sample, labels, started)
    return found


def _report(time: int, seconds: float, samples: int, up: bool) -> list[Sample]:
    values = {
        "up": float(up),
        "scrape_duration_seconds": seconds,
        "scrape_samples_scraped": float(samples),
        "scrape_samples_post_metric_relabeling": float(samples),
    }
    return [Sample(name, {}, value, time) for name, value in values.items()]


def _tags(sample: Sample, target: dict[str, str]) -> dict[str, str]:
    """A sample's labels, its name among them, and the target's; labels that both have are `exported_` of the sample."""
    own = {name: value for name, value in sample.labels.items() if name not in target and name != "job"}
    clash = {
        f"exported_{name}": value
        for name, value in sample.labels.items()
        if value and (name in target or name == "job")
    }
    return {**own, **clash, "__name__": sample.name, **target}


def _tls(settings: Scraper) -> ssl.SSLContext:
    """Raises OSError for files that cannot be used, naming the scraper."""
    try:
        return client_context(
            settings.ssl_ca, settings.ssl_cert, settings.ssl_key, verify=not settings.insecure_skip_verify
        )
    except OSError as error:
        raise OSError(error.errno, f"[[scraper]] {settings.name}: its certificates cannot be used: {error}") from error
