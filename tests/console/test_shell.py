"""The page around the views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.browser import NARROW, Shoot, complaints

Open = Callable[..., Any]


def test_the_page_is_there_wide_and_narrow_light_and_dark(open_page: Open, shoot: Shoot) -> None:
    for name, settings in (("wide", {}), ("dark", {"theme": "dark"}), ("narrow", {"viewport": NARROW})):
        page = open_page("", **settings)
        page.get_by_role("heading", level=1).wait_for()
        assert page.title() == "Overview · tickbus"
        assert complaints(page) == []
        shoot(page, f"shell-{name}")
