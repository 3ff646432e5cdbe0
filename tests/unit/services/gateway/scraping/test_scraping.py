"""Scraping a target: what is stored, what is told of a scrape, and that of two gateways one scrapes."""

from __future__ import annotations

import asyncio
import gzip
from contextlib import aclosing
from pathlib import Path

import pytest

from schemas.config import Config
from schemas.config.inputs.scraping import FileDiscovery, Scraper, StaticDiscovery
from services.bus.connection import Bus
from services.gateway.http.connections.bodies import Bodies
from services.gateway.http.writing.line_store import LineStore
from services.gateway.scraping.scraper import Scraped, TargetScraper
from services.gateway.scraping.scraping import Scraping
from services.gateway.scraping.targets import Target
from tests.support.targets import TargetServer
from tests.unit.services.gateway.http.writing.test_writes import written_after
from tests.unit.services.gateway.listeners.points import shown
from tests.unit.services.gateway.listeners.test_udp import until


def settings(**given: object) -> Scraper:
    base = {"enabled": True, "name": "s", "db": "prom", "rp": "autogen", "scrape_interval": 0.1}
    return Scraper(**{**base, "discoverer_service": "static-discovery", "discoverer_id": "d", **given})  # type: ignore[arg-type]


async def scrape(target: TargetServer, path: str = "/metrics", **given: object) -> Scraped:
    async with aclosing(TargetScraper(settings(**given), Bodies(1 << 30))) as scraper:
        return await scraper.scrape(Target(f"http://{target.address}{path}", (("instance", "i"),)))


def values(scraped: Scraped) -> dict[str, float]:
    return {name: fields["value"] for name, _, fields, _ in shown(scraped.body)}


async def test_a_scrape_is_told_of(target: TargetServer) -> None:
    target.answers["/metrics"] = 200, b'm{instance="own",job="j"} 5\nnan NaN\n'
    scraped = await scrape(target, username="u", password="p")
    points = {name: tags for name, tags, _, _ in shown(scraped.body)}
    assert points["m"] == {"__name__": "m", "instance": "i", "exported_instance": "own", "exported_job": "j"}
    assert points["up"] == {"__name__": "up", "instance": "i"}
    found = values(scraped)
    assert 0 < found.pop("scrape_duration_seconds") < 20
    assert found == {"m": 5, "up": 1, "scrape_samples_scraped": 2, "scrape_samples_post_metric_relabeling": 2}
    assert (
        "Authorization: Basic dTpw" in target.heads[0]
        and "X-Prometheus-Scrape-Timeout-Seconds: 10.0" in target.heads[0]
    )


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((500, b"m 1\n"), "server returned HTTP status 500"),
        ((200, b"<html>"), ""),
        ((200, b"# " + b"x" * (33 << 20)), "larger than"),
    ],
)
async def test_a_scrape_that_fails_is_a_point_too(target: TargetServer, answer: tuple[int, bytes], error: str) -> None:
    target.answers["/metrics"] = answer
    scraped = await scrape(target, bearer_token="t")
    assert scraped.error is not None and error in scraped.error
    assert values(scraped)["up"] == 0 and values(scraped)["scrape_samples_scraped"] == 0
    assert "Authorization: Bearer t" in target.heads[0]


async def test_who_does_not_answer_is_down() -> None:
    silent = await asyncio.start_server(lambda reader, writer: asyncio.sleep(60), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with aclosing(TargetScraper(settings(scrape_timeout=0.05), Bodies(0))) as scraper:
        scraped = await scraper.scrape(Target(f"http://127.0.0.1:{port}/", ()))
        assert scraped.error == "no answer within 0.05 s" and values(scraped)["up"] == 0
        silent.close()
        refused = await scraper.scrape(Target("http://127.0.0.1:1/", ()))
        assert refused.error and values(refused)["up"] == 0
        for url in ("http://::1:80/", "http://127.0.0.1:99999/", "http://\ud800/"):
            nonsense = await scraper.scrape(Target(url, ()))
            assert nonsense.error and values(nonsense)["up"] == 0


async def test_an_answer_may_be_zipped_once(target: TargetServer) -> None:
    target.answers["/metrics"] = 200, gzip.compress(b"m 5\n")
    target.headers["Content-Encoding"] = "gzip"
    assert values(await scrape(target))["m"] == 5
    target.answers["/metrics"] = 200, gzip.compress(b"#" * (33 << 20))
    assert "when ungzipped" in ((await scrape(target)).error or "")
    target.headers["Content-Encoding"] = "gzip, gzip"
    assert (await scrape(target)).error == "the answer is encoded as gzip, gzip"


async def test_answers_together_take_so_much_memory(target: TargetServer) -> None:
    target.answers["/metrics"] = 200, b"m 5\n" + b"#" * (1 << 20)
    bodies = Bodies(2 << 20)
    async with aclosing(TargetScraper(settings(), bodies)) as scraper:
        with bodies.hold() as held:
            held.grow(2 << 20)
            refused = await scraper.scrape(Target(f"http://{target.address}/metrics", ()))
            assert refused.error is not None and "at once" in refused.error
        assert (await scraper.scrape(Target(f"http://{target.address}/metrics", ()))).error is None
    assert bodies.held == 0


async def test_cookies_are_not_kept(target: TargetServer) -> None:
    target.answers["/metrics"] = 200, b"m 5\n"
    target.headers["Set-Cookie"] = "secret=1"
    async with aclosing(TargetScraper(settings(), Bodies(0))) as scraper:
        for _ in range(2):
            assert (await scraper.scrape(Target(f"http://{target.address}/metrics", ()))).error is None
    assert len(target.heads) == 2 and "secret" not in target.heads[1]


def test_certificates_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"\[\[scraper\]\] s: its certificates"):
        TargetScraper(settings(ssl_ca=str(tmp_path / "none.pem")), Bodies(0))


async def test_of_two_gateways_one_scrapes_and_the_other_takes_over(
    bus: Bus, store: LineStore, target: TargetServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.scraping.scraping._LOOK_SECONDS", 0.05)
    target.answers["/metrics"] = 200, b"m 1\n"
    position = await bus.last_sequence("WRITES")
    config = Config(
        scraper=(settings(),), static_discovery=(StaticDiscovery(enabled=True, id="d", targets=(target.address,)),)
    )
    first, second = Scraping(config, bus, store), Scraping(config, bus, store)
    async with second, first:
        await until(lambda: stored(first) + stored(second) >= 10)
        assert (stored(first) > 0) != (stored(second) > 0)
        assert sum(scraping.statistics()[0][2]["targetsActive"] for scraping in (first, second)) == 1
        one, other = (first, second) if stored(first) else (second, first)
        if one is first:
            await first.__aexit__()
            await until(lambda: stored(other) > 0)
    messages = await written_after(bus, position)
    assert {message.subject for message in messages} == {"tickbus.write.prom.autogen"}
    assert ("m", {"__name__": "m", "instance": target.address}) in [point[:2] for point in shown(messages[0].data)]


def stored(scraping: Scraping) -> int:
    return scraping.statistics()[0][2]["pointsTx"]


async def test_targets_of_files_come_and_go(
    bus: Bus, store: LineStore, target: TargetServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.scraping.scraping._REFRESH_SECONDS", 0.05)
    target.answers["/metrics"] = 200, b"m 1\n"
    files = FileDiscovery(enabled=True, id="f", files=(str(tmp_path / "*.json"),))
    scraper = settings(discoverer_service="file-discovery", discoverer_id="f")
    async with Scraping(Config(scraper=(scraper,), file_discovery=(files,)), bus, store) as scraping:
        (tmp_path / "t.json").write_text(f'[{{"targets": ["{target.address}"]}}]')
        await until(lambda: stored(scraping) > 0)
        (tmp_path / "t.json").unlink()
        await until(lambda: scraping.statistics()[0][2]["targetsActive"] == 0)


async def test_a_scraper_without_its_discoverer_does_nothing(bus: Bus, store: LineStore) -> None:
    scraper = settings(discoverer_service="consul")
    async with Scraping(Config(scraper=(scraper,)), bus, store) as scraping:
        assert scraping.statistics() == []
