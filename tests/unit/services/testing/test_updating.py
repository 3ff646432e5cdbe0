"""`--update`: what came stands in the file afterwards, and nothing else is changed."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from services.testing.running.result import PASSED
from services.testing.updating import updated
from tests.support.rule_tests import results_of

HEAD = """\
# what all tests have
dbrps: db.rp
script: |
  stream|from().measurement('cpu').groupBy('host')
      |alert().crit(lambda: "idle" < 10).stateChangesOnly().id('{{ index .Tags "host" }}').message('m {{ .Level }}')
      |httpOut('top')
input: |
  cpu,host=a idle=5i
  cpu,host=b idle=5i 10s
  cpu,host=a idle=50i 20s
"""


def changes(tmp_path: Path, rest: str, line_end: str = "\n") -> list[str]:
    """What --update changes in a file, as the lines of a diff; what it has written passes, and is not changed again."""
    path = tmp_path / "a_test.yaml"
    text = (HEAD + rest).replace("\n", line_end)
    path.write_bytes(text.encode())
    new = updated(text, results_of(path))
    path.write_bytes(new.encode())
    again = results_of(path)
    assert [result.status for result in again] == [PASSED], new
    assert updated(new, again) == new
    lines = difflib.ndiff(text.splitlines(), new.splitlines())
    return [line for line in lines if line[0] in "+-"]


def test_one_value_is_changed_where_it_stands(tmp_path: Path) -> None:
    found = changes(
        tmp_path,
        """expect:
  alerts:
    - {id: a, level: CRITICAL}   # the first
    # and then
    - id: "b"
      level:  WARNING   # surely
      time: 1m
    - {id: /a/, message: m OK, fields: {idle: ~ 50}}
""",
    )
    assert found == [
        "-       level:  WARNING   # surely",
        "+       level:  CRITICAL   # surely",
        "-       time: 1m",
        "+       time: 10s",
    ]


def test_what_is_missing_is_added_and_what_is_too_much_is_taken_away(tmp_path: Path) -> None:
    found = changes(
        tmp_path,
        """expect:
  alerts:
    - {id: a, time: 0s}
    # c is not there
    - {id: a, time: 20s}
    - {id: c}
  # behind
""",
    )
    assert found == ["+     - {id: b, level: CRITICAL, message: m CRITICAL, time: 10s}", "-     - {id: c}"]


@pytest.mark.parametrize(
    "rest",
    [
        "expect: nothing\n",
        "expect: nothing",
        "expect: {alerts: none}\n",
        "expect: {alerts: [{id: x}]}\n",
        "expect:\n  alerts: none   # yet\n",
        "expect:\n  alerts: []\n  counts: {crit: 7, ok: 0}\n",
        "expect:\n  alerts:\n    - {id: x}\n    - {id: y}\n    - {id: z}\n    - {id: q}",
        "expect:\n  alerts:\n    count: 5\n",
        "expect:\n  alerts:\n    some:\n      - {id: x}\n    count: 1\n",
        "expect:\n  alerts:\n    exactly:\n      - {id: a}\n",
        "expect:\n  alerts:\n    any-order: [{id: b}, {id: a, level: INFO}]\n",
        "expect:\n  httpOut:\n    top:\n      series:\n        - name: mem\n",
        "expect:\n  nodes: {alert2: none}\n  errors: {from1: 3}\n",
        "expect:\n  nodes:\n    from1: [{fields: {idle: 6}}]\n",
        "expect:\n  alerts:\n    - id: |\n        x\n      level: OK\n    - id: >-\n        b\n    - {id: a}\n",
        "expect:\n  alerts:\n  - {id: x}\n  - {id: y}\n  posts:\n  - {}\n",
        "expect:\n  posts:\n  - {}\n  - {url: x}   # c\n",
        "expect:\n  alerts:\n    some:\n    - {id: x}\n    - {id: y}\n",
        "expect:\n  alerts:\n    - {id: a}\n    - {id: b}\n    - {id: a}\n    - {id: q}\n    - {id: r}",
        "expect:\n  httpOut:\n    top:\n      series:\n      - name: mem\n",
        "expect: &e nothing   # c\n",
        "expect: &e\n  alerts: &a [{id: &i x}]\n  counts: &c {crit: &n 7}\n",
        "",
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_whatever_was_expected_passes_afterwards(tmp_path: Path, rest: str, line_end: str) -> None:
    assert changes(tmp_path, rest, line_end)


def test_of_things_that_are_alike_each_is_added(tmp_path: Path) -> None:
    path = tmp_path / "a_test.yaml"
    path.write_text(
        """dbrps: db.rp
script: "stream|from()|alert().crit(lambda: TRUE).id('a')"
input: [{lines: [m x=1, m x=1, m x=1]}]
expect:
  alerts:
    - {time: 0s}
"""
    )
    new = updated(path.read_text(), results_of(path))
    assert new.splitlines()[-3:-1] == [
        "    - {time: 0s}",
        "    - {id: a, level: CRITICAL, message: a is CRITICAL, time: 0s}",
    ]
    path.write_text(new)
    assert [result.status for result in results_of(path)] == [PASSED]


def test_nothing_becomes_what_came_since(tmp_path: Path) -> None:
    head = HEAD.partition("input:")[0]
    path = tmp_path / "a_test.yaml"
    path.write_text(
        f"""{head}
tests:
  - name: a
    input:
      - expect: nothing
      - lines: cpu,host=a idle=5i
      - expect: nothing   # here
      - at: 5m
"""
    )
    new = updated(path.read_text(), results_of(path))
    assert (
        """      - expect: nothing
      - lines: cpu,host=a idle=5i
      - expect:
          alerts:
            - {id: a, level: CRITICAL, message: m CRITICAL, time: 0s}   # here
      - at: 5m
"""
        in new
    )


def test_what_cannot_be_run_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a_test.yaml"
    path.write_text(HEAD + "start: never\nexpect: nothing\n")
    assert updated(path.read_text(), results_of(path)) == path.read_text()
