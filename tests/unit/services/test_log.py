import logging
import re
from pathlib import Path

import pytest

from services import log
from tests.support.logs import restored_log

__all__ = ["restored_log"]

pytestmark = pytest.mark.usefixtures("restored_log")


def test_a_line_is_logfmt(tmp_path: Path) -> None:
    file = tmp_path / "log"
    log.setup(str(file), "INFO")
    log.get("engine").bind(task="a b").info('said "hi"\n', points=3, rate=0.5, late=True, path="/x", none=None)
    line = file.read_text()
    assert re.fullmatch(r"ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z lvl=info .*\n", line)
    assert line.endswith(
        'msg="said \\"hi\\"\\n" service=engine task="a b" points=3 rate=0.5 late=true path=/x none=null\n'
    )


def test_the_level_can_change_while_running(tmp_path: Path) -> None:
    file = tmp_path / "log"
    log.setup(str(file), "ERROR")
    engine = log.get("engine")
    engine.warn("one")
    log.set_level("debug")
    assert engine.enabled("DEBUG")
    engine.debug("two")
    assert "msg=one" not in file.read_text()
    assert "msg=two" in file.read_text()
    with pytest.raises(ValueError, match="invalid log level"):
        log.set_level("loud")


def test_libraries_are_heard_from_warn_up_in_the_same_form(tmp_path: Path) -> None:
    file = tmp_path / "log"
    log.setup(str(file), "DEBUG")
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("trouble %d", 7)
    (line,) = file.read_text().splitlines()
    assert line.endswith('lvl=warn msg="trouble 7" service=some.library')


def test_an_exception_stays_one_line(tmp_path: Path) -> None:
    file = tmp_path / "log"
    log.setup(str(file))
    try:
        raise KeyError("x")
    except KeyError as error:
        log.get("gateway").exception("failed", error, path="/write")
    (line,) = file.read_text().splitlines()
    assert "err=KeyError('x')" in line
    assert "test_log.py" in line


def test_lines_that_come_often_are_written_together_and_in_order(tmp_path: Path) -> None:
    file = tmp_path / "log"
    log.setup(str(file))
    http = log.get("http")
    for n in range(3):
        http.often("http request", log.logfmt(n=n, uri="/a b"))
    assert file.read_text() == ""
    http.info("then")
    lines = file.read_text().splitlines()
    assert [line.partition("msg=")[2] for line in lines] == [
        *(f'"http request" service=http n={n} uri="/a b"' for n in range(3)),
        "then service=http",
    ]
    assert re.match(r"ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z lvl=info msg=", lines[0])
    log.set_level("warn")
    http.often("http request", "n=3")
    log.flush()
    assert len(file.read_text().splitlines()) == 4
