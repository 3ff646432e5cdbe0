"""A cluster whose resources can be scaled, and what keeps one that does not answer from being asked all the time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

TIMEOUT = 5.0  # seconds that a request may take
_PAUSE = 10.0  # seconds after one that took that long, in which no other is made


@dataclass(frozen=True, slots=True)
class ScaledResource:
    """What is scaled. `key`: what tells it from others. `tags`: what it adds to the points of its events."""

    key: str
    kind: str
    namespace: str
    tags: Mapping[str, str]

    @property
    def title(self) -> str:
        """Its name in error texts."""
        return f"{self.namespace}/{self.kind}/{self.key}" if self.namespace else self.key


class ScaleError(Exception):
    """The cluster did not do it, and why."""


class Scaler(Protocol):
    """Asked and told in a thread of its own, one call at a time. All raise ScaleError, or what the library raises."""

    def replicas(self, resource: ScaledResource) -> int:
        """How many there are to be at present."""

    def scale(self, resource: ScaledResource, replicas: int) -> None:
        """Have so many."""

    def reach(self) -> None:
        """See that the cluster answers, and to these credentials."""


class Guarded:
    """A scaler that fails at once for a while after a call that took too long: nobody waits for each in turn."""

    def __init__(self, scaler: Scaler) -> None:
        self._scaler = scaler
        self._silent_until = 0.0

    def replicas(self, resource: ScaledResource) -> int:
        """See Scaler."""
        count: int = self._call(self._scaler.replicas, resource)
        return count

    def scale(self, resource: ScaledResource, replicas: int) -> None:
        """See Scaler."""
        self._call(self._scaler.scale, resource, replicas)

    def _call(self, call: Any, *arguments: Any) -> Any:
        begun = time.monotonic()
        if begun < self._silent_until:
            raise ScaleError("the cluster does not answer")
        try:
            return call(*arguments)
        except ScaleError:
            raise
        except Exception as error:
            # The libraries have many exceptions, some of them for answers that make no sense.
            raise ScaleError(" ".join(str(error).split()) or type(error).__name__) from error
        finally:
            if time.monotonic() - begun > TIMEOUT * 0.9:
                self._silent_until = time.monotonic() + _PAUSE
