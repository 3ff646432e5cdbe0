"""The fold of the configuration's overrides, and the configuration that follows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from schemas.config import Config, ConfigOverride
from schemas.config.overriding import Override
from services.store.folds.overrides import LAST, fold, overrides_of
from services.store.folds.state import State
from services.store.folds.with_overrides import with_overrides
from services.store.live_config import LiveConfig
from services.store.projection import Projection
from services.store.store import Store


@dataclass
class Fact:
    kind: str
    id: str
    what: str
    data: dict[str, Any]
    seq: int
    time_ns: int = 7


def overridden(id: str, seq: int, create: bool = False, /, **options: Any) -> Fact:
    return Fact("config", id, "overridden", {"create": create, "options": options}, seq)


def test_an_override_is_what_the_last_event_says() -> None:
    state = State()
    fold(state, overridden("smtp", 1, port=1, host="h"))
    fold(state, overridden("slack/w", 2, True, workspace="w"))
    fold(state, overridden("smtp", 3, port=2))
    assert overrides_of(state) == [
        Override("slack", "w", True, {"workspace": "w"}),
        Override("smtp", "", False, {"port": 2}),
    ]
    fold(state, Fact("config", "smtp", "reset", {}, 4))
    assert [o.section for o in overrides_of(state)] == ["slack"]
    assert state.get(LAST, "smtp") == 4


@pytest.mark.parametrize(
    ("kind", "what", "data"),
    [("config", "odd", {}), ("config", "overridden", {"create": True}), ("x", "reset", {})],
)
def test_what_is_no_such_event_changes_nothing(kind: str, what: str, data: dict[str, Any]) -> None:
    state = State()
    with pytest.raises(ValueError):
        fold(state, Fact(kind, "smtp", what, data, 1))
    assert state.get(LAST, "smtp") is None


def other(state: State, fact: Any) -> None:
    state.put("other", fact.id, fact.seq)


def test_the_configuration_follows_a_fold_of_which_overrides_are_a_part(tmp_path: Path) -> None:
    seen: list[float] = []
    with Store.open(tmp_path / "x.lmdb", "test", 1) as store:
        projection: Projection[Any] = Projection(store, with_overrides(other), "EVENTS")
        projection.load("log", 0)
        effective = LiveConfig(Config())
        effective.follow(projection)
        effective.on_change(lambda: seen.append(effective.config.influxdb[0].timeout))
        projection.apply([(1, overridden("influxdb/default", 1, timeout="5s")), (2, Fact("x", "a", "b", {}, 2))])
        projection.apply([(3, Fact("x", "a", "b", {}, 3))])
        projection.apply([(4, overridden("influxdb/default", 4, timeout="6s"))])
        assert seen == [5.0, 6.0]
        assert projection.state.get("other", "a") == 3
        projection.save()

        again: Projection[Any] = Projection(store, with_overrides(other), "EVENTS")
        again.load("log", 4)
        later = LiveConfig(Config())
        later.follow(again)
        assert later.config == effective.config
        for off in (Config(skip_config_overrides=True), Config(config_override=ConfigOverride(enabled=False))):
            without = LiveConfig(off)
            without.follow(again)
            assert without.config.influxdb == Config().influxdb
