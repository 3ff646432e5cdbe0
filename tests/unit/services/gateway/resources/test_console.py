"""The console's files, over HTTP."""

from __future__ import annotations

import gzip
import re

import httpx
import pytest

from services.alerting.handlers import kinds
from services.gateway.console.files import STATIC, names, static_file
from tests.unit.services.gateway.conftest import StartGateway

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
MOST_BYTES = 100_000  # of what browsers are sent, zipped


async def test_browsers_are_led_to_the_page_and_others_are_not(gateway: httpx.AsyncClient) -> None:
    for path in ("/", "/ui"):
        led = await gateway.get(path, headers=BROWSER)
        assert (led.status_code, led.headers["Location"]) == (302, "ui/")
        other = await gateway.get(path)
        assert (other.status_code, other.json()) == (404, {"error": "Not Found"})
    page = await gateway.get("/ui/", headers=BROWSER)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<title>tickbus</title>" in page.text


async def test_every_file_is_there_with_its_headers(gateway: httpx.AsyncClient) -> None:
    for name in names():
        answer = await gateway.get(f"/ui/{name}", headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200 and answer.content == (STATIC / name).read_bytes()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        again = await gateway.get(f"/ui/{name}", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["nothing.js", "../files.py", "%2e%2e/files.py", "js", "js/", "index.html/"])
async def test_nothing_else_is(gateway: httpx.AsyncClient, name: str) -> None:
    answer = await gateway.get(f"/ui/{name}", follow_redirects=True)
    assert answer.status_code == 404


async def test_the_files_are_for_everybody_and_nothing_else(start_gateway: StartGateway) -> None:
    async with start_gateway(auth_enabled=True, shared_secret="s") as gateway:
        assert (await gateway.get("/ui/")).status_code == 200
        assert (await gateway.get("/ui/js/main.js")).status_code == 200
        assert (await gateway.get("/", headers=BROWSER)).status_code == 302
        for path in ("/kapacitor/v1/tasks", "/ui/../kapacitor/v1/tasks", "/uix"):
            assert (await gateway.get(path)).status_code == 401
        assert (await gateway.post("/ui/")).status_code == 401


def test_what_is_sent_is_small_and_zipped() -> None:
    files = [file for name in names() if (file := static_file(name))]
    assert sum(len(file.zipped) for file in files) < MOST_BYTES
    found = static_file("js/dom.js")
    assert found is not None and gzip.decompress(found.zipped) == found.body


def test_nothing_becomes_markup_and_nothing_comes_from_elsewhere() -> None:
    for name in names():
        text = (STATIC / name).read_text("utf-8")
        markup = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
        assert name.endswith(".tick") or not re.search(markup, text), name
        assert not re.search(r"(?:src|href|url|from|import)\W{1,3}(?:https?:)?//(?!www\.w3\.org)", text), name
    assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=", (STATIC / "index.html").read_text("utf-8"))


def test_the_page_names_every_kind_of_handler() -> None:
    script = (STATIC / "js" / "views" / "handlers.js").read_text("utf-8")
    named = re.search(r'const KINDS =\s+"([^"]+)"', script)
    assert named is not None and named[1].split() == sorted(kinds())
