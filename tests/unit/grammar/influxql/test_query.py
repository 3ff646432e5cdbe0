"""The text that is asked."""

import pytest

from grammar.influxql.parser import parse_select
from grammar.influxql.query import Grouping, query_text

S = 10**9


@pytest.mark.parametrize(
    ("text", "grouping", "asked"),
    [
        ("SELECT v FROM m", Grouping(), "SELECT v FROM m WHERE time >= 3000000000 AND time < 13000000000"),
        (
            "SELECT v FROM m WHERE a = 'x' OR b > 2 GROUP BY c LIMIT 2",
            Grouping(["h o", 'q"'], star=True),
            "SELECT v FROM m WHERE (a = 'x' OR b > 2) AND time >= 3000000000 AND time < 13000000000 "
            'GROUP BY "h o", "q\\"", * LIMIT 2',
        ),
        (
            "SELECT sum(v) FROM m fill(7) ORDER BY time DESC",
            Grouping(interval=90 * S, offset=-4 * S),
            "SELECT sum(v) FROM m WHERE time >= 3000000000 AND time < 13000000000 "
            "GROUP BY time(90s, -4s) fill(7) ORDER BY time DESC",
        ),
        (
            "SELECT sum(v) FROM m fill(7)",
            Grouping(interval=2 * S, offset=5, align=True, fill="none"),
            "SELECT sum(v) FROM m WHERE time >= 3000000000 AND time < 13000000000 GROUP BY time(2s, 1s) fill(none)",
        ),
    ],
)
def test_the_span_and_the_groups_are_put_in(text: str, grouping: Grouping, asked: str) -> None:
    assert query_text(parse_select(text), grouping, 3 * S, 13 * S) == asked


def test_no_time_is_too_early() -> None:
    assert "time >= -9223372036854775806 AND" in query_text(parse_select("SELECT v FROM m"), Grouping(), -(2**70), 0)
