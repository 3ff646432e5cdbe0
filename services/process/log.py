"""Structured logs: one line each, in logfmt or as JSON, on stderr unless the configuration names a file.

    log = services.process.log.get("engine")
    log.info("task started", task="cpu_alert", shard=7)

prints ``ts=2026-01-02T03:04:05.678Z lvl=info msg="task started" service=engine task=cpu_alert shard=7``. Standard
logging is underneath, so what libraries log comes out in the same form, from level WARN up. Passwords in URLs, and the
texts that `hide` is told, are starred out.
"""

import atexit
import contextlib
import functools
import logging
import logging.handlers
import os
import re
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from services.process.log_lines import json_line, json_of

_ROOT = "tickbus"
_LEVELS = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARN": logging.WARNING, "ERROR": logging.ERROR}
_SHORT = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warn", logging.ERROR: "error"}
_BARE = re.compile(r"[^\s\"=\\\x00-\x1f\x7f]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_TO_ESCAPE = re.compile(r'["\\\x00-\x1f\x7f]')
_NO_KEY = re.compile(r"[\s\"=\\\x00-\x1f\x7f]")
_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):[^/@\s]*@")
_STARS = "********"
_SHORTEST_SECRET = 5  # characters; a shorter one would star out words


_PAUSE_SECONDS = 10.0
_MOST_KEYS = 10_000
_last_written: dict[tuple[str, str], tuple[float, int]] = {}  # when, and how many lines were asked for since

_HELD_SECONDS = 0.1
_MOST_HELD = 10_000
_handler: "logging.StreamHandler[Any] | None" = None
_json = False
_held: deque[str] = deque()
_level = logging.INFO
_listener: "_Listener | None" = None
_second = (0, "")
_secrets: "re.Pattern[str] | None" = None
_secrets_of: dict[str, frozenset[str]] = {}


class Text(str):
    """A value that is quoted in any case: whoever reads the line can tell it from a number or a truth value."""

    __slots__ = ()


class Log:
    """A service's log; ``bind`` gives one whose lines carry further keys."""

    __slots__ = ("_keys", "_logger", "_text")

    def __init__(self, service: str, keys: dict[str, Any] | None = None) -> None:
        self._logger = logging.getLogger(f"{_ROOT}.{service}")
        self._keys = keys or {"service": service}
        self._text = logfmt(**self._keys)

    def bind(self, **keys: Any) -> "Log":
        bound = Log.__new__(Log)
        bound._logger, bound._keys = self._logger, {**self._keys, **keys}
        bound._text = logfmt(**bound._keys)
        return bound

    def limited(self, key: str, pause: float = _PAUSE_SECONDS) -> "Log":
        """The log, or one that writes nothing if it was asked for under this key less than ``pause`` seconds ago.

        The next line that is written says how many were not, as ``unwritten``.
        """
        whole, now = (self._logger.name, key), time.monotonic()
        last, unwritten = _last_written.get(whole, (-pause, 0))
        if now - last < pause:
            _last_written[whole] = last, unwritten + 1
            return _SILENT
        if len(_last_written) >= _MOST_KEYS:
            _last_written.clear()
        _last_written[whole] = now, 0
        return self.bind(unwritten=unwritten) if unwritten else self

    def enabled(self, level: str) -> bool:
        """Whether lines of this level (DEBUG, INFO, WARN, ERROR) are written at present."""
        return self._logger.isEnabledFor(_LEVELS[level])

    def debug(self, msg: str, **keys: Any) -> None:
        self._write(logging.DEBUG, msg, keys)

    def info(self, msg: str, **keys: Any) -> None:
        self._write(logging.INFO, msg, keys)

    def warn(self, msg: str, **keys: Any) -> None:
        self._write(logging.WARNING, msg, keys)

    def error(self, msg: str, **keys: Any) -> None:
        self._write(logging.ERROR, msg, keys)

    def often(self, msg: str, pairs: str) -> None:
        """A line of level INFO, for lines that come by the thousand: a twentieth of the work of ``info``.

        pairs: the further keys, as ``logfmt`` gives them. The line carries the moment of the call, and is written
        with others, at most a tenth of a second later.
        """
        if not self._logger.isEnabledFor(logging.INFO):
            return
        _held.append(f"ts={_time(time.time())} lvl=info msg={_message(msg)} {self._text} {pairs}\n")
        if len(_held) == 1:
            timer = threading.Timer(_HELD_SECONDS, flush)
            timer.daemon = True
            timer.start()
        elif len(_held) >= _MOST_HELD:
            flush()

    def exception(self, msg: str, error: BaseException, **keys: Any) -> None:
        """An error with the exception behind it, its stack included."""
        stack = "".join(traceback.format_exception(error))
        self._write(logging.ERROR, msg, {**keys, "err": repr(error), "stack": stack})

    def _write(self, level: int, msg: str, keys: dict[str, Any]) -> None:
        if self._logger.isEnabledFor(level):
            if _held:
                flush()
            self._logger.log(level, "%s", msg, extra={"tickbus_keys": {**self._keys, **keys}})


class _Silent(Log):
    def _write(self, level: int, msg: str, keys: dict[str, Any]) -> None:
        """Nothing."""


def get(service: str) -> Log:
    """The log of a service."""
    return Log(service)


def setup(file: str = "STDERR", level: str = "INFO", audit_file: str = "", form: str = "logfmt") -> None:
    """Send this process's logs to ``file`` (STDERR, STDOUT or a path, appended to) from ``level`` up.

    audit_file: where the service ``audit`` logs to instead, whatever the level. form: logfmt or json. Raises OSError
    where a file cannot be opened. May be called again.
    """
    global _handler, _json
    flush()
    _json = form == "json"
    stream = {"STDERR": sys.stderr, "STDOUT": sys.stdout}.get(file)
    handler = logging.StreamHandler(stream) if stream else _OwnFile(file, encoding="utf-8")
    _handler = handler
    handler.setFormatter(_formatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    _send_audit_to(audit_file)
    set_level(level)


def _send_audit_to(file: str) -> None:
    logger = logging.getLogger(f"{_ROOT}.audit")
    for old in logger.handlers[:]:
        logger.removeHandler(old)
        old.close()
    logger.propagate = not file
    logger.setLevel(logging.INFO if file else logging.NOTSET)
    if file:
        handler = _OwnFile(file, encoding="utf-8")
        handler.setFormatter(_formatter())
        logger.addHandler(handler)


def reopen() -> None:
    """Open log files anew where they were moved away, now and not with the next line."""
    for handler in (*logging.getLogger().handlers, *logging.getLogger(f"{_ROOT}.audit").handlers):
        if isinstance(handler, _OwnFile):
            with handler.lock or contextlib.nullcontext(), contextlib.suppress(OSError):
                handler.reopenIfNeeded()


def set_level(level: str) -> None:
    """Change the level while running: DEBUG, INFO, WARN or ERROR in any case, else ValueError."""
    global _level
    number = _LEVELS.get(level.upper())
    if number is None:
        raise ValueError("invalid log level")
    flush()
    _level = number
    _apply_levels()


@contextlib.contextmanager
def muted() -> Iterator[None]:
    """Write nothing meanwhile: for a command that says by itself what goes wrong."""
    global _level
    flush()
    before, _level = _level, logging.CRITICAL + 1
    _apply_levels()
    try:
        yield
    finally:
        _level = before
        _apply_levels()


def listen(heard: Callable[[str], None] | None, level: str = "DEBUG") -> None:
    """Give every line from ``level`` up, without its line end, to ``heard`` as well; None ends that.

    It does not change what is written. ``heard`` is called in whichever thread logs, must not raise or log, and takes
    the place of the one before it.
    """
    global _listener
    logger = logging.getLogger(_ROOT)
    flush()
    if _listener is not None:
        logger.removeHandler(_listener)
    _listener = _Listener(heard, _LEVELS[level]) if heard is not None else None
    if _listener is not None:
        logger.addHandler(_listener)
    _apply_levels()


def hide(whose: str, texts: Iterable[str]) -> None:
    """Star these texts out from now on, in the place of those told before under the same name."""
    global _secrets
    _secrets_of[whose] = frozenset(text for text in texts if len(text) >= _SHORTEST_SECRET)
    longest_first = sorted(frozenset().union(*_secrets_of.values()), key=len, reverse=True)
    _secrets = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def hidden(text: str) -> str:
    """A text without passwords in URLs and without what is hidden: for whoever shows it elsewhere."""
    if "://" in text:
        text = _PASSWORD.sub(rf"\1:{_STARS}@", text)
    return text if _secrets is None else _secrets.sub(_STARS, text)


def _apply_levels() -> None:
    """What is heard must get as far as the handlers, what is not to be written no farther."""
    logging.getLogger(_ROOT).setLevel(_level if _listener is None else min(_level, _listener.level))
    if _handler is not None:
        _handler.setLevel(_level)


@atexit.register
def flush() -> None:
    """Write the lines of ``often`` that wait to be written."""
    handler, listener = _handler, _listener
    lines: list[str] = []
    with handler.lock if handler is not None and handler.lock is not None else contextlib.nullcontext():
        while _held:
            lines.append(_held.popleft())
        # As for every other line: a log that cannot be written stops nobody.
        with contextlib.suppress(OSError, ValueError):
            if lines and handler is not None and _level <= logging.INFO:
                if isinstance(handler, _OwnFile):
                    handler.reopenIfNeeded()
                handler.stream.write("".join(lines) if not _json else "".join(f"{json_of(line)}\n" for line in lines))
                handler.flush()
    if listener is not None and listener.level <= logging.INFO:
        for line in lines:
            listener.heard(line[:-1])


def logfmt(**keys: Any) -> str:
    """``key=value`` for each, with a space between, values quoted where they must be."""
    return " ".join(f"{key}={_value(value)}" for key, value in keys.items())


def key(name: str) -> str:
    """A name, whatever is in it, as a key of logfmt: what a key cannot hold is written as JSON escapes it."""
    return name if _BARE.fullmatch(name) else _NO_KEY.sub(lambda match: f"\\u{ord(match[0]):04x}", name)


class _OwnFile(logging.handlers.WatchedFileHandler):
    """Readable by nobody but its owner where it is made here, and made anew where it was moved away, its directory
    too."""

    def _open(self) -> Any:
        with contextlib.suppress(OSError):  # opening the file says better what is wrong
            os.makedirs(os.path.dirname(self.baseFilename), exist_ok=True)
        return open(self.baseFilename, self.mode, encoding=self.encoding, opener=_private)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


class _Listener(logging.Handler):
    def __init__(self, heard: Callable[[str], None], level: int) -> None:
        super().__init__(level)
        self.heard = heard
        self.setFormatter(_Logfmt())

    def emit(self, record: logging.LogRecord) -> None:
        self.heard(self.format(record))


class _Logfmt(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return logfmt(**self.pairs(record))

    def pairs(self, record: logging.LogRecord) -> dict[str, Any]:
        """What a line says."""
        pairs: dict[str, Any] = {
            "ts": _time(record.created),
            "lvl": _SHORT.get(record.levelno, record.levelname.lower()),
            "msg": record.getMessage(),
        }
        pairs |= getattr(record, "tickbus_keys", {"service": record.name})
        if record.exc_info and record.exc_info[1]:
            pairs |= {"err": repr(record.exc_info[1]), "stack": self.formatException(record.exc_info)}
        return pairs


class _Json(_Logfmt):
    def format(self, record: logging.LogRecord) -> str:
        return json_line(self.pairs(record), hidden)


def _formatter() -> _Logfmt:
    return _Json() if _json else _Logfmt()


def _time(now: float) -> str:
    global _second
    whole = int(now)
    second, text = _second
    if second != whole:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
        _second = (whole, text)
    return f"{text}.{int((now - whole) * 1000):03d}Z"


@functools.lru_cache(maxsize=64)
def _message(msg: str) -> str:
    """A message that comes again and again, as `_value` has it."""
    return _value(msg)


def _value(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = hidden(str(value))
    bare = _BARE.fullmatch(text) and not isinstance(value, Text)
    return text if bare else '"' + _TO_ESCAPE.sub(_escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0]) or f"\\u{ord(match[0]):04x}"


_SILENT = _Silent("")
