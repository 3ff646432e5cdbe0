"""The configuration as it counts now: the file's, with what is overridden by events in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from marshmallow import Schema

from schemas.config import Config
from schemas.config.load import own_lists
from schemas.config.overriding import Overridable
from services.process import log
from services.process.permissions import Guard
from services.store.folds.overrides import OVERRIDES, overrides_of
from services.store.folds.state import Change
from services.store.projection import Projection

_OWN = tuple(own_lists())

_log = log.get("config")


class LiveConfig:
    """Until it follows a fold it is the file's; then it changes with the fold. One event loop uses it.

    guard: what the file allows to be done on this machine.
    """

    def __init__(
        self,
        base: Config,
        extra: Mapping[str, Schema] = MappingProxyType({}),
        defaults: Mapping[str, Sequence[Any]] = MappingProxyType({}),
    ) -> None:
        """base: the file's. extra: the schemas of the sections that handlers bring. defaults: see Overridable."""
        self.guard = Guard.of(base)
        self.overridable = Overridable(base, extra, defaults, self.guard.readable)
        self.config = base
        self.sections: Mapping[str, Any] = _Sections(self)
        self._listeners: list[Callable[[], None]] = []

    def follow(self, projection: Projection[Any]) -> None:
        """Be what a fold says that has started and has the buckets of services.store.folds.overrides."""
        base = self.overridable.base
        if base.skip_config_overrides or not base.config_override.enabled:
            return

        def changed(changes: list[Change]) -> None:
            if any(change.bucket == OVERRIDES for change in changes):
                self._update(projection)

        projection.on_change(changed)
        if projection.state.bucket(OVERRIDES):
            self._update(projection)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call after each change."""
        self._listeners.append(listener)

    def _update(self, projection: Projection[Any]) -> None:
        self.config, problems = self.overridable.effective(overrides_of(projection.state))
        for problem in problems:
            _log.warn("an override does not fit the configuration file and does not count", err=problem)
        for listener in self._listeners:
            listener()


class _Sections(Mapping[str, Any]):
    """The sections that may be overridden, as they are whenever they are looked at."""

    def __init__(self, effective: LiveConfig) -> None:
        self._effective = effective

    def __getitem__(self, name: str) -> Any:
        config = self._effective.config
        return getattr(config, name) if name in _OWN else config.sections[name]

    def __iter__(self) -> Iterator[str]:
        yield from (*_OWN, *self._effective.config.sections)

    def __len__(self) -> int:
        return len(_OWN) + len(self._effective.config.sections)
