"""Structured logs: one logfmt line each, on stderr unless the configuration names a file.

    log = services.log.get("engine")
    log.info("task started", task="cpu_alert", shard=7)

prints ``ts=2026-01-02T03:04:05.678Z lvl=info msg="task started" service=engine task=cpu_alert shard=7``. Standard
logging is underneath, so what libraries log comes out in the same form, from level WARN up.
"""

import atexit
import contextlib
import logging
import re
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any

_ROOT = "tickbus"
_LEVELS = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARN": logging.WARNING, "ERROR": logging.ERROR}
_SHORT = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warn", logging.ERROR: "error"}
_BARE = re.compile(r"[^\s\"=\\\x00-\x1f\x7f]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_TO_ESCAPE = re.compile(r'["\\\x00-\x1f\x7f]')


_PAUSE_SECONDS = 10.0
_MOST_KEYS = 10_000
_last_written: dict[tuple[str, str], float] = {}

_HELD_SECONDS = 0.1
_MOST_HELD = 10_000
_handler: "logging.StreamHandler[Any] | None" = None
_held: deque[str] = deque()
_level = logging.INFO
_listener: "_Listener | None" = None
_second = (0, "")


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
        """The log, or one that writes nothing if it was asked for under this key less than ``pause`` seconds ago."""
        whole, now = (self._logger.name, key), time.monotonic()
        if now - _last_written.get(whole, -pause) < pause:
            return _SILENT
        if len(_last_written) >= _MOST_KEYS:
            _last_written.clear()
        _last_written[whole] = now
        return self

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
        _held.append(f"ts={_time(time.time())} lvl=info msg={_value(msg)} {self._text} {pairs}\n")
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


def setup(file: str = "STDERR", level: str = "INFO") -> None:
    """Send this process's logs to ``file`` (STDERR, STDOUT or a path, appended to) from ``level`` up.

    Raises OSError where the file cannot be opened. May be called again.
    """
    global _handler
    flush()
    stream = {"STDERR": sys.stderr, "STDOUT": sys.stdout}.get(file)
    handler = logging.StreamHandler(stream) if stream else logging.FileHandler(file, encoding="utf-8")
    _handler = handler
    handler.setFormatter(_Logfmt())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    set_level(level)


def set_level(level: str) -> None:
    """Change the level while running: DEBUG, INFO, WARN or ERROR in any case, else ValueError."""
    global _level
    number = _LEVELS.get(level.upper())
    if number is None:
        raise ValueError("invalid log level")
    flush()
    _level = number
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
                handler.stream.write("".join(lines))
                handler.flush()
    if listener is not None and listener.level <= logging.INFO:
        for line in lines:
            listener.heard(line[:-1])


def logfmt(**keys: Any) -> str:
    """``key=value`` for each, with a space between, values quoted where they must be."""
    return " ".join(f"{key}={_value(value)}" for key, value in keys.items())


class _Listener(logging.Handler):
    def __init__(self, heard: Callable[[str], None], level: int) -> None:
        super().__init__(level)
        self.heard = heard
        self.setFormatter(_Logfmt())

    def emit(self, record: logging.LogRecord) -> None:
        self.heard(self.format(record))


class _Logfmt(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        pairs: dict[str, Any] = {
            "ts": _time(record.created),
            "lvl": _SHORT.get(record.levelno, record.levelname.lower()),
            "msg": record.getMessage(),
        }
        pairs |= getattr(record, "tickbus_keys", {"service": record.name})
        if record.exc_info and record.exc_info[1]:
            pairs |= {"err": repr(record.exc_info[1]), "stack": self.formatException(record.exc_info)}
        return logfmt(**pairs)


def _time(now: float) -> str:
    global _second
    whole = int(now)
    second, text = _second
    if second != whole:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
        _second = (whole, text)
    return f"{text}.{int((now - whole) * 1000):03d}Z"


def _value(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = str(value)
    return text if _BARE.fullmatch(text) else '"' + _TO_ESCAPE.sub(_escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0]) or f"\\u{ord(match[0]):04x}"


_SILENT = _Silent("")
