"""The text format of Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


class Metrics:
    """Metrics as they are collected; samples of one metric stand together, in the order in which they came."""

    def __init__(self) -> None:
        self._heads: dict[str, str] = {}
        self._samples: dict[str, list[str]] = {}

    def gauge(self, name: str, help: str, labels: Mapping[str, str], value: float) -> None:
        """A value that goes up and down."""
        self._add("gauge", name, help, labels, value)

    def counter(self, name: str, help: str, labels: Mapping[str, str], value: float) -> None:
        """A value that only grows; its name gets `_total`."""
        self._add("counter", f"{name}_total", help, labels, value)

    def text(self) -> str:
        """All of it."""
        return "".join(self._heads[name] + "".join(samples) for name, samples in self._samples.items())

    def _add(self, kind: str, name: str, help: str, labels: Mapping[str, str], value: float) -> None:
        if name not in self._heads:
            self._heads[name] = f"# HELP {name} {help}\n# TYPE {name} {kind}\n"
            self._samples[name] = []
        shown = ",".join(f'{key}="{text.translate(_ESCAPES)}"' for key, text in labels.items())
        self._samples[name].append(f"{name}{{{shown}}} {value}\n" if shown else f"{name} {value}\n")
