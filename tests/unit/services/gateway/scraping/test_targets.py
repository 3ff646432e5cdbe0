"""Targets: URLs and tags, as Kapacitor makes them."""

from __future__ import annotations

import pytest

from schemas.config.inputs.scraping import Scraper
from services.gateway.scraping.targets import Group, Target, targets_of


def scraper(**given: object) -> Scraper:
    return Scraper(enabled=True, name="s", db="d", rp="r", **given)  # type: ignore[arg-type]


def one(address: str, labels: dict[str, str] | None = None, **given: object) -> Target:
    (found,) = targets_of([Group("g", (address,), labels or {})], scraper(**given))
    return found


@pytest.mark.parametrize(
    ("address", "labels", "given", "url"),
    [
        ("a:1", {}, {}, "http://a:1/metrics"),
        ("a", {}, {}, "http://a:80/metrics"),
        ("a", {}, {"scheme": "https"}, "https://a:443/metrics"),
        ("[::1]", {}, {}, "http://[::1]:80/metrics"),
        ("[::1]:9", {}, {}, "http://[::1]:9/metrics"),
        ("a:1", {}, {"metrics_path": "m", "params": {"b": ("2", "3"), "a": ("1 x",)}}, "http://a:1/m?a=1+x&b=2&b=3"),
        ("a:1", {"__scheme__": "https", "__metrics_path__": "/x", "__param_y": "z"}, {}, "https://a:1/x?y=z"),
        ("a:1", {"__param_a": "2"}, {"params": {"a": ("1",)}}, "http://a:1/metrics?a=1"),
    ],
)
def test_urls(address: str, labels: dict[str, str], given: dict[str, object], url: str) -> None:
    assert one(address, labels, **given).url == url


def test_tags_are_the_public_labels_and_the_instance() -> None:
    labels = {"dc": "x", "__meta_q": "y", "__tmp": "z"}
    assert one("a:1", labels).labels == (("dc", "x"), ("instance", "a:1"))
    assert one("a:1", {"instance": "b"}).labels == (("instance", "b"),)


def test_a_group_that_cannot_be_is_left_out_and_the_others_stay() -> None:
    groups = [
        Group("bad", ("ok:1", "no/address"), {}),
        Group("jobs", ("ok:1",), {"job": "x"}),
        Group("schemes", ("ok:1",), {"__scheme__": "ftp"}),
        Group("good", ("ok:2", "ok:2", "ok:3"), {}),
    ]
    found = targets_of(groups, scraper(blacklist=("ok:3",)))
    assert {target.url for target in found} == {"http://ok:2/metrics"}


def test_offsets_are_spread_over_the_interval_and_stay() -> None:
    offsets = [Target(f"http://{number}", ()).offset(60.0) for number in range(200)]
    assert offsets == [Target(f"http://{number}", ()).offset(60.0) for number in range(200)]
    assert min(offsets) >= 0 and max(offsets) < 60
    assert len({offset // 10 for offset in offsets}) == 6


def test_halves_of_a_character_are_no_reason_to_fail() -> None:
    assert 0 <= one("a:1", {"dc": "\ud800"}).offset(10) < 10
    assert 0 <= one("\ud800:1").offset(10) < 10
