"""What the tests in the browser have in common."""

from __future__ import annotations

from tests.support.browser import browser, open_page, served, served_folder, shoot

__all__ = ["browser", "open_page", "served", "served_folder", "shoot"]
