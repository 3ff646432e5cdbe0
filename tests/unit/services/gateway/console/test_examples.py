"""The examples of the first visit: they compile, and the linter finds nothing."""

from __future__ import annotations

import json

from services.gateway.console.files import STATIC, names
from tests.support.linting import findings

FOLDER = STATIC / "examples"
EXAMPLES = json.loads((FOLDER / "examples.json").read_text("utf-8"))


def test_every_example_is_listed_and_nothing_is_wrong_with_it() -> None:
    assert len(EXAMPLES) == 3
    scripts = {name.removeprefix("examples/") for name in names() if name.endswith(".tick")}
    assert scripts == {f"{one['id']}.tick" for one in EXAMPLES}
    for one in EXAMPLES:
        assert findings((FOLDER / f"{one['id']}.tick").read_text("utf-8")) == []
        assert one["title"] and one["about"] and one["dbrps"]
