"""The latest answer of each of those that are asked again and again: one that is slow once is shown as it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from services.gateway.clients.answers import ServiceAnswer


class LatestAnswers:
    """Answers by the name that each bears."""

    def __init__(self, name: str) -> None:
        """name: the key of an answer under which its sender's name stands."""
        self._name = name
        self._latest: dict[str, tuple[ServiceAnswer, float]] = {}

    def update(self, answers: Iterable[ServiceAnswer], there: Callable[[str], bool]) -> None:
        """Take in answers. there: whether one that has not answered is there still; if not it is forgotten."""
        fresh = {answer[self._name]: (answer, time.monotonic()) for answer in answers}
        self._latest = {name: latest for name, latest in self._latest.items() if there(name)} | fresh

    def __iter__(self) -> Iterator[tuple[ServiceAnswer, float]]:
        """All of them by name, each with how many seconds ago it was told."""
        now = time.monotonic()
        return iter([(answer, now - at) for _, (answer, at) in sorted(self._latest.items())])
