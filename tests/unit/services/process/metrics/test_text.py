"""The text format of Prometheus."""

from __future__ import annotations

from services.process.metrics.text import Metrics


def test_samples_of_one_metric_stand_together_under_one_head() -> None:
    metrics = Metrics()
    metrics.gauge("a", "What a is.", {"x": 'q"\\\n'}, 1)
    metrics.counter("b", "What b is.", {}, 2.5)
    metrics.gauge("a", "What a is.", {"x": "2"}, 3)
    assert metrics.text() == (
        '# HELP a What a is.\n# TYPE a gauge\na{x="q\\"\\\\\\n"} 1\na{x="2"} 3\n'
        "# HELP b_total What b is.\n# TYPE b_total counter\nb_total 2.5\n"
    )


def test_a_histogram_has_cumulative_buckets_a_sum_and_a_count() -> None:
    metrics = Metrics()
    for kind in ("post", "log"):
        metrics.histogram("t", "Times.", {"kind": kind}, (0.1, 1.0), (2, 0, 3), 9.5)
    lines = metrics.text().splitlines()
    assert lines[:2] == ["# HELP t Times.", "# TYPE t histogram"] and len(lines) == 12
    assert lines[2:7] == [
        't_bucket{kind="post",le="0.1"} 2',
        't_bucket{kind="post",le="1.0"} 2',
        't_bucket{kind="post",le="+Inf"} 5',
        't_sum{kind="post"} 9.5',
        't_count{kind="post"} 5',
    ]
