import json
import logging
import re
import shutil
from pathlib import Path

import pytest

from services.process import log
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


def test_a_log_file_is_its_owners_alone_and_made_anew_where_it_was_moved(tmp_path: Path) -> None:
    file = tmp_path / "log"
    log.setup(str(file))
    engine = log.get("engine")
    engine.info("one")
    file.rename(tmp_path / "log.1")
    engine.often("two", "a=b")
    log.flush()
    assert "msg=one" in (tmp_path / "log.1").read_text()
    assert "msg=two" in file.read_text()
    assert [path.stat().st_mode & 0o777 for path in (file, tmp_path / "log.1")] == [0o600, 0o600]


def test_what_is_hidden_is_starred_out_wherever_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "log"
    log.setup(str(file))
    log.hide("test", ["/webhook/s.cret", "tiny"])
    log.get("alerting").warn("no answer from http://u:pass@h/webhook/s.cret", err=ValueError("tiny /webhook/s.cret"))
    log.get("alerting").exception("failed", ValueError("nats://tickbus:pass@127.0.0.1"))
    log.hide("test", [])
    text = file.read_text()
    assert "s.cret" not in text and "pass@" not in text
    assert "http://u:********@h********" in text and 'err="tiny ********"' in text
    assert log.hidden("/webhook/s.cret") == "/webhook/s.cret"


def test_the_audit_log_has_a_file_of_its_own_whatever_the_level(tmp_path: Path) -> None:
    file, audit = tmp_path / "log", tmp_path / "audit"
    log.setup(str(file), "ERROR", str(audit))
    log.get("audit").info("task create", user="ann")
    assert not file.read_text()
    assert audit.read_text().endswith('msg="task create" service=audit user=ann\n')
    assert audit.stat().st_mode & 0o777 == 0o600
    log.setup(str(file), "INFO")
    log.get("audit").info("task delete")
    assert "task delete" in file.read_text() and "task delete" not in audit.read_text()


def test_lines_may_be_json(tmp_path: Path) -> None:
    file, audit = tmp_path / "log", tmp_path / "audit"
    log.setup(str(file), "INFO", str(audit), "json")
    log.hide("test", ["/webhook/s.cret"])
    log.get("engine").bind(task='a "b"').info("said\nhi", points=3, rate=0.5, late=True, path=tmp_path, none=None)
    log.get("engine").warn("no number", lag=float("nan"), url="http://h/webhook/s.cret")
    log.get("http").often("http request", log.logfmt(status=204, uri="/a b", duration="12µs"))
    log.get("audit").info("task create", user="ann")
    log.flush()
    log.hide("test", [])
    first, second, third = map(json.loads, file.read_text().splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("ts"))
    assert first == {
        "lvl": "info",
        "msg": "said\nhi",
        "service": "engine",
        "task": 'a "b"',
        "points": 3,
        "rate": 0.5,
        "late": True,
        "path": str(tmp_path),
        "none": None,
    }
    assert (second["lvl"], second["lag"], second["url"]) == ("warn", "nan", "http://h********")
    assert (third["msg"], third["status"], third["uri"], third["duration"]) == ("http request", 204, "/a b", "12µs")
    assert json.loads(audit.read_text())["user"] == "ann"


def test_who_listens_gets_logfmt_whatever_is_written(tmp_path: Path) -> None:
    heard: list[str] = []
    log.setup(str(tmp_path / "log"), form="json")
    log.listen(heard.append)
    log.get("engine").info("one", n=1)
    log.listen(None)
    assert heard[0].endswith("lvl=info msg=one service=engine n=1")


def test_the_directory_of_a_log_file_is_made_also_when_it_has_gone(tmp_path: Path) -> None:
    file = tmp_path / "var" / "log" / "tickbus.log"
    log.setup(str(file))
    log.get("engine").info("one")
    shutil.rmtree(tmp_path / "var")
    log.get("engine").info("two")
    assert "msg=two" in file.read_text() and "msg=one" not in file.read_text()


def test_files_that_were_moved_away_are_there_again_once_they_are_opened_anew(tmp_path: Path) -> None:
    file, audit = tmp_path / "log", tmp_path / "audit"
    log.setup(str(file), "INFO", str(audit))
    log.get("engine").info("one")
    file.rename(tmp_path / "log.1")
    audit.rename(tmp_path / "audit.1")
    log.reopen()
    assert file.read_text() == audit.read_text() == ""
    log.reopen()
    log.get("engine").info("two")
    assert "msg=two" in file.read_text() and "msg=two" not in (tmp_path / "log.1").read_text()
