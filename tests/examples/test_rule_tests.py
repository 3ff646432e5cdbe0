"""The tests that stand beside examples, run as `tickbus test` runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.testing.running.result import PASSED
from tests.support.rule_tests import results_of, told

FILES = sorted(Path(__file__).parent.glob("*/test.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.parent.name)
def test_it_passes(file: Path) -> None:
    results = results_of(file)
    assert results and {result.status for result in results} == {PASSED}, told(file)
