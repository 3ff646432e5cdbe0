"""A real browser, Debian's chromium, and a tickbus that it looks at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.serve import serve

EXECUTABLE = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
PATIENCE_MS = 15_000

Shoot = Callable[[Any, str], Path]


@pytest.fixture(scope="module")
def served_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where what is served has its data."""
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def served(served_folder: Path) -> Iterator[httpx.Client]:
    """A client of a `tickbus serve` that lets everybody in, for the tests of one file."""
    if EXECUTABLE is None:
        pytest.skip("no chromium here: apt install chromium")
    with serve(served_folder) as url, httpx.Client(base_url=url, timeout=20) as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The browser."""
    if EXECUTABLE is None:
        pytest.skip("no chromium here: apt install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=EXECUTABLE, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Any, served: httpx.Client) -> Iterator[Callable[..., Any]]:
    """Opens the console at a hash route, as somebody who has not been there: open_page("#/tasks/cpu", theme="dark").

    Of settings, `viewport` is WIDE unless given. Whatever a page writes to its console as an error fails the test, but
    for what contains one of the texts `expected`: answers that are no success stand there, too.
    """
    contexts: list[Any] = []
    problems: list[str] = []

    def start(
        route: str = "",
        theme: str = "light",
        base: str = "",
        expected: tuple[str, ...] = ("Failed to load resource",),
        **settings: Any,
    ) -> Any:
        context = browser.new_context(
            **{"viewport": WIDE, "color_scheme": theme, "reduced_motion": "reduce"} | settings
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()

        def told(text: str) -> None:
            if not any(one in text for one in expected):
                problems.append(text)

        page.on("pageerror", lambda error: told(str(error)))
        page.on("console", lambda message: told(message.text) if message.type == "error" else None)
        page.goto(f"{base or str(served.base_url).rstrip('/')}/ui/{route}")
        return page

    yield start
    for context in contexts:
        context.close()
    assert not problems, problems


@pytest.fixture(scope="session")
def shoot(tmp_path_factory: pytest.TempPathFactory) -> Shoot:
    """Takes a picture of a page: shoot(page, "overview"). They lie in a folder beside each other."""
    folder = tmp_path_factory.mktemp("screenshots", numbered=False)

    def shot(page: Any, name: str) -> Path:
        path = folder / f"{name}.png"
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=path, full_page=True)
        return path

    return shot


def complaints(page: Any) -> list[str]:
    """What is wrong with a page as it is: names, roles, contrasts, and whether it fits into its window."""
    found: list[str] = page.evaluate((Path(__file__).with_name("page_check.js")).read_text("utf-8"))
    return found
