"""The text format of Prometheus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

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

    def histogram(
        self,
        name: str,
        help: str,
        labels: Mapping[str, str],
        bounds: Sequence[float],
        counts: Sequence[int],
        total: float,
    ) -> None:
        """How values are spread. counts: of those up to each bound, and of those above all; total: their sum."""
        every = list(accumulate(counts))
        for bound, count in zip([*map(str, bounds), "+Inf"], every, strict=True):
            self._add("histogram", name, help, {**labels, "le": bound}, count, "_bucket")
        self._add("histogram", name, help, labels, total, "_sum")
        self._add("histogram", name, help, labels, every[-1], "_count")

    def text(self) -> str:
        """All of it."""
        return "".join(self._heads[name] + "".join(samples) for name, samples in self._samples.items())

    def _add(self, kind: str, name: str, help: str, labels: Mapping[str, str], value: float, suffix: str = "") -> None:
        if name not in self._heads:
            self._heads[name] = f"# HELP {name} {help}\n# TYPE {name} {kind}\n"
            self._samples[name] = []
        label_text = ",".join(f'{key}="{text.translate(_ESCAPES)}"' for key, text in labels.items())
        sample = f"{name}{suffix}"
        self._samples[name].append(f"{sample}{{{label_text}}} {value}\n" if label_text else f"{sample} {value}\n")
