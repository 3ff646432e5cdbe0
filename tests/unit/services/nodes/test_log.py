"""log: the lines that it writes, with the keys that Kapacitor 1.5.7 gives them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.process import log
from tests.support.graph import ScriptRun


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """The lines that this process logs, from `msg=` on."""
    lines: list[str] = []
    log.listen(lambda line: lines.append(line[line.index("lvl=") :]))
    yield lines
    log.listen(None)


def test_points(heard: list[str]) -> None:
    script = "stream|from().groupBy('host')|log().prefix('seen it').level('error')"
    ScriptRun(script).write('m,host=a,rack=1 b=true,f=1,g=0.25,i=7i,s="1",t="two words" 1', "m v=1e300 2")
    head = 'lvl=error msg=point service=kapacitor task=t node=log2 prefix="seen it" name=m db=db rp=rp'
    fields = 'field_b=true field_f=1 field_g=0.25 field_i=7 field_s="1" field_t="two words"'
    assert heard == [
        f'{head} group="host=a" dimension_0=host tag_host=a tag_rack=1 {fields} time=1970-01-01T00:00:00.000000001Z',
        f'{head} group="host=" dimension_0=host field_v=1{"0" * 300} time=1970-01-01T00:00:00.000000002Z',
    ]


def test_what_a_key_cannot_hold_is_escaped(heard: list[str]) -> None:
    ScriptRun("stream|from()|log()").write(r"m,a\ b=c\=d d\=e\f=1i 1")
    assert 'tag_a\\u0020b="c=d" field_d\\u003de\\u005cf=1 time=' in heard[0]


def test_batches(heard: list[str]) -> None:
    script = "stream|from().groupBy('host')|window().periodCount(2).everyCount(2)|log()"
    ScriptRun(script).write("m,host=a,rack=x v=1 1", "m,host=a,rack=y w=2i 2")
    line = 'service=kapacitor task=t node=log3 prefix="" name=m group="host=a"'
    whole = "tag_host=a time=1970-01-01T00:00:00.000000002Z"
    assert heard == [
        f'lvl=info msg="begin batch" {line} {whole}',
        f'lvl=info msg="batch point" {line} tag_host=a tag_rack=x field_v=1 time=1970-01-01T00:00:00.000000001Z',
        f'lvl=info msg="batch point" {line} tag_host=a tag_rack=y field_w=2 time=1970-01-01T00:00:00.000000002Z',
        f'lvl=info msg="end batch" {line} {whole}',
    ]
