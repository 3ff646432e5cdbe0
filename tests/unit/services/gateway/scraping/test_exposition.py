"""Prometheus's text format, held against what Kapacitor 1.5.7 makes of it."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

import pytest

from services.gateway.scraping.exposition import MOST_LINES, Sample, samples_of
from services.gateway.scraping.scraper import _lines
from tests.unit.services.gateway.listeners.points import in_order, shown

HERE = Path(__file__).parent


def test_points_are_those_of_kapacitor() -> None:
    scraped = _lines((HERE / "metrics.txt").read_bytes(), {"region": "us-east-1", "instance": ""}, 0)
    points = shown(b"\n".join(scraped.lines))
    found = [(*point[:3], "" if point[3].startswith("1970") else point[3]) for point in points]
    assert in_order(found) == in_order(json.loads((HERE / "points.json").read_text()))
    assert (scraped.samples, len(scraped.lines), scraped.unwritable) == (28, 26, 1)


def one(text: str) -> Sample:
    (found,) = samples_of(text)
    return found


def test_metrics_keep_their_names() -> None:
    text = "# HELP u what it's of\n# TYPE u counter\nu 1\n# TYPE total_total COUNTER\ntotal_total 2\n"
    assert [sample.name for sample in samples_of(text)] == ["u", "total_total"]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('a{b="c"} 1', {"b": "c"}),
        (' a {\tb = "c" , d="e", } 1\r\n', {"b": "c", "d": "e"}),
        ("a{ } 1", {}),
        ('a{b="}{, \\" \\\\ \\n #"}1', {"b": '}{, " \\ \n #'}),
    ],
)
def test_labels_are_read(text: str, labels: dict[str, str]) -> None:
    assert one(text) == Sample("a", labels, 1.0, None)


def test_parts_of_a_histogram_may_stand_anywhere() -> None:
    text = '# TYPE h histogram\nh_count 3\nother 1\nh_bucket{le="+Inf"} 3\nh_sum 9\n'
    assert [sample.name for sample in samples_of(text)] == ["h_count", "other", "h_bucket", "h_sum"]


def test_each_histogram_gets_what_is_left_out() -> None:
    text = '# TYPE h histogram\nh_bucket{a="1",le="1.0"} 2 5\nh_count{a="1"} 3 5\nh_bucket{a="2",le="+Inf"} 4\n'
    assert list(samples_of(text)) == [
        Sample("h_bucket", {"a": "1", "le": "1"}, 2.0, 5),
        Sample("h_count", {"a": "1"}, 3.0, 5),
        Sample("h_bucket", {"a": "2", "le": "+Inf"}, 4.0, None),
        Sample("h_sum", {"a": "1"}, 0.0, 5),
        Sample("h_bucket", {"a": "1", "le": "+Inf"}, 3.0, 5),
        Sample("h_sum", {"a": "2"}, 0.0, None),
        Sample("h_count", {"a": "2"}, 0.0, None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a b c d\n",
        "a{b} 1\n",
        'a{b="c} 1\n',
        'a{b="c" d="e"} 1\n',
        'a{b="c",b="c"} 1\n',
        'a{,b="c"} 1\n',
        'a{__name__="b"} 1\n',
        'a{b="\\t"} 1\n',
        "<html></html>\n",
        "a one\n",
        "a 1 2 3\n",
        "a 1 1.5\n",
        'a{b="c"} 1 # {trace_id="d"} 5\n',
        "a 1 99999999999999999999\n",
        '# TYPE h histogram\nh_bucket{le="x"} 1\n',
        "# TYPE a weird\n",
        "a 1\n# TYPE a counter\n",
        "a 1\n" * (MOST_LINES + 1),
    ],
    ids=lambda text: text[:30],
)
def test_what_is_no_metrics_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        list(samples_of(text))


@pytest.mark.parametrize(
    "text",
    [
        "a{" + ",".join(f'b{number}="c"' for number in range(100_000)) + "} 1",
        "# HELP " + " " * 1_000_000 + "x",
        'a{b="' + "\\" * 1_000_001 + '"} 1',
        "a{" + '"' * 1_000_001 + "} 1",
    ],
    ids=["labels", "help", "escapes", "quotes"],
)
def test_long_lines_take_time_by_their_length(text: str) -> None:
    began = time.process_time()
    with contextlib.suppress(ValueError):
        list(samples_of(text))
    assert time.process_time() - began < 5
