"""How long attempts of handlers take, counted."""

from __future__ import annotations

from services.process.metrics.latencies import BOUNDS, OTHERS, Latencies


def test_an_attempt_counts_in_the_bucket_that_it_fits_in() -> None:
    latencies = Latencies()
    for seconds in (0.001, BOUNDS[0], BOUNDS[0] + 0.001, BOUNDS[-1] + 1):
        latencies.observe("post", "t", seconds)
    (row,) = latencies.rows()
    assert (row["kind"], row["topic"]) == ("post", "t")
    assert row["counts"] == [2, 1, *[0] * (len(BOUNDS) - 2), 1]
    assert round(row["seconds"], 3) == round(2 * BOUNDS[0] + 0.002 + BOUNDS[-1] + 1, 3)


def test_topics_beyond_the_most_are_counted_together_by_kind() -> None:
    latencies = Latencies(most=2)
    for number in range(10):
        latencies.observe("post", f"t{number}", 0.1)
        latencies.observe("log", f"t{number}", 0.1)
    latencies.observe("post", "t0", 0.1)
    counted = {(row["kind"], row["topic"]): sum(row["counts"]) for row in latencies.rows()}
    assert counted == {("post", "t0"): 2, ("log", "t0"): 1, ("post", OTHERS): 9, ("log", OTHERS): 9}
