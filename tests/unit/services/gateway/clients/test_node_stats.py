"""Which counts the API shows."""

from services.gateway.clients.node_stats import public_stats


def test_counts_that_kapacitor_does_not_have_are_left_out() -> None:
    counts = {"collected": 3, "emitted": 2, "late_points": 1}
    stats = {"task-stats": {"throughput": 0}, "node-stats": {"window2": counts, "from1": {"collected": 3}}}
    assert public_stats(stats) == {
        "task-stats": {"throughput": 0},
        "node-stats": {"window2": {"collected": 3, "emitted": 2}, "from1": {"collected": 3}},
    }
    assert counts["late_points"] == 1
    assert public_stats({}) == {}
