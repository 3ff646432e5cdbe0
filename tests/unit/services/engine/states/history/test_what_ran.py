"""What ran is read back with how alerts stood, and what is damaged is refused."""

from __future__ import annotations

import pytest

from services.engine.states.history import what_ran
from services.runtime.progress.topic_levels import StoodById
from services.store.folds.definition import TaskDefinition

DEFINITION = TaskDefinition(
    "stream", "stream|from()", (("db", "rp"), ("other", "")), {"x": {"type": "int", "value": 3}}
)


def test_with_and_without_alerts() -> None:
    levels = {"t": StoodById(["a", "b"], [(3, 5, 7), (1, 2, 0)]), "none": StoodById([], [])}
    definition, found = what_ran.unpack(what_ran.pack(DEFINITION, levels))
    assert definition == DEFINITION
    assert {topic: dict(stood) for topic, stood in found.items()} == {"t": {"a": (3, 5, 7), "b": (1, 2, 0)}, "none": {}}
    assert what_ran.unpack(what_ran.pack(DEFINITION, {})) == (DEFINITION, {})


def test_what_is_damaged() -> None:
    whole = what_ran.pack(DEFINITION, {"t": StoodById(["a"], [(3, 5, 7)])})
    for data in (b"", whole[:-3], whole[:40] + b"x" + whole[41:-1]):
        with pytest.raises(ValueError):
            what_ran.unpack(data)
