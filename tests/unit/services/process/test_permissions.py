"""What may be done on this machine, and what never."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.config import Config, Http, Load, Nats, Security
from services.process.permissions import OPEN, Guard, NotPermitted


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A data directory, one that may be read, and a way from this one into that one."""
    for name in ("data", "allowed", "allowed-too", "store", "load", "bin"):
        (tmp_path / name).mkdir()
    (tmp_path / "data" / "state.json").write_text("{}")
    (tmp_path / "allowed" / "x.json").write_text("{}")
    (tmp_path / "allowed" / "link").symlink_to(tmp_path / "data")
    (tmp_path / "allowed" / "file.json").symlink_to(tmp_path / "data" / "state.json")
    for name in ("notify", "other"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "bin" / "alias").symlink_to(tmp_path / "bin" / "other")
    return tmp_path


def guard(room: Path, *, auth: bool = True, **security: object) -> Guard:
    return Guard.of(
        Config(
            data_dir=room / "data",
            http=Http(auth_enabled=auth),
            nats=Nats(store_dir=str(room / "store")),
            load=Load(enabled=True, dir=str(room / "load")),
            security=Security(**security),  # type: ignore[arg-type]
        )
    )


def refused(setting: str, ask: Callable[[], object]) -> None:
    with pytest.raises(NotPermitted) as caught:
        ask()
    assert setting in str(caught.value)


def test_without_authentication_all_is_allowed_but_the_data_directory(room: Path) -> None:
    open_ = guard(room, auth=False)
    open_.command("/bin/sh")
    open_.address("127.0.0.1:22")
    open_.keeps("http://elsewhere", "http://here")
    assert open_.readable("/etc/../etc/hosts") == str(Path("/etc/hosts").resolve())
    assert open_.writable(str(room / "new.log")) == str((room / "new.log").resolve())
    for path in (
        "data/state.json",
        "data",
        "allowed/../data/state.json",
        "allowed/link/state.json",
        "allowed/file.json",
    ):
        refused("in the data directory", lambda path=path: open_.readable(f"{room}/{path}"))  # type: ignore[misc]
        refused("in the data directory", lambda path=path: open_.writable(f"{room}/{path}"))  # type: ignore[misc]
    refused("in the data directory", lambda: open_.readable(f"{room}/store/streams"))
    refused("in the load directory", lambda: open_.writable(f"{room}/load/tasks/x.tick"))
    for path in ("/proc/self/environ", "/proc/1/environ", "/sys/kernel", "/dev/mem", "/dev/../proc/self/mem"):
        refused("nothing is read from", lambda path=path: open_.readable(path))  # type: ignore[misc]
    refused("nothing is written to", lambda: open_.writable("/proc/sys/kernel/core_pattern"))
    assert open_.writable("/dev/stderr") == "/dev/stderr"


def test_with_authentication_nothing_is_allowed_that_is_not_listed(room: Path) -> None:
    closed = guard(room)
    refused("commands of [security]", lambda: closed.command("/bin/true"))
    refused("read-directories of [security]", lambda: closed.readable("/etc/hosts"))
    refused("write-directories of [security]", lambda: closed.writable(f"{room}/new.log"))
    refused("addresses of [security]", lambda: closed.address("127.0.0.1:22"))
    refused("http://elsewhere:80", lambda: closed.keeps("http://elsewhere/x", "http://here/x"))
    closed.keeps("http://here:80/other", "http://here/x")
    closed.keeps("", "http://here/x")


@pytest.mark.parametrize("auth", [False, True])
def test_what_is_listed_counts_with_and_without_authentication(room: Path, auth: bool) -> None:
    listing = guard(
        room,
        auth=auth,
        commands=(f"{room}/bin/notify",),
        read_directories=(f"{room}/allowed",),
        write_directories=(f"{room}/allowed",),
        addresses=("sink.example.org:7000", "127.0.0.1"),
    )
    listing.command(f"{room}/bin/notify")
    listing.command(f"{room}/bin/../bin/notify")
    for program in (f"{room}/bin/other", "/bin/sh", f"{room}/bin/notify/../other", "sh"):
        refused("commands", lambda program=program: listing.command(program))  # type: ignore[misc]
    listing.readable(f"{room}/allowed/x.json")
    refused("read-directories", lambda: listing.readable(f"{room}/allowed-too/x.json"))
    refused("read-directories", lambda: listing.readable(f"{room}/allowed/../bin/notify"))
    refused("in the data directory", lambda: listing.readable(f"{room}/allowed/link/state.json"))
    refused("in the data directory", lambda: listing.writable(f"{room}/allowed/file.json"))
    listing.writable(f"{room}/allowed/new/er.log")
    for address in ("sink.example.org:7000", "SINK.example.org:7000", "127.0.0.1:1", "127.0.0.1:65535"):
        listing.address(address)
    for address in ("sink.example.org:7001", "127.0.0.2:1", "sink.example.org.evil:7000", ":7000"):
        refused("addresses", lambda address=address: listing.address(address))  # type: ignore[misc]


def test_a_listed_directory_allows_the_programs_in_it_by_the_names_that_they_have_there(room: Path) -> None:
    listing = guard(room, commands=(f"{room}/bin",))
    for program in ("notify", "alias"):
        listing.command(f"{room}/bin/{program}")
    refused("commands", lambda: listing.command("/bin/sh"))
    alias = guard(room, commands=(f"{room}/bin/alias",))
    alias.command(f"{room}/bin/alias")
    refused("commands", lambda: alias.command(f"{room}/bin/other"))


def test_a_program_without_a_path_is_looked_for_as_it_will_be(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(room / "bin"))
    listing = guard(room, commands=(f"{room}/bin/notify",))
    listing.command("notify")
    refused("commands", lambda: listing.command("other"))


def test_everything_may_be_listed_and_still_the_data_directory_is_not(room: Path) -> None:
    listing = guard(room, commands=("*",), read_directories=("*",), write_directories=("/",), addresses=("*",))
    listing.command("/bin/sh")
    listing.address("anywhere:1")
    listing.readable("/etc/hosts")
    listing.writable("/tmp/x")
    refused("in the data directory", lambda: listing.readable(f"{room}/data/state.json"))
    refused("nothing is read from", lambda: listing.readable("/proc/self/environ"))
    nothing = guard(room, auth=False, commands=(), read_directories=())
    refused("commands", lambda: nothing.command("/bin/sh"))
    refused("read-directories", lambda: nothing.readable("/etc/hosts"))


def test_networks_that_nobody_speaks_to() -> None:
    some = Guard(Security(blacklist_cidrs=("192.0.2.0/24", "private")))
    for address in ("192.0.2.7", "127.0.0.1", "::1", "::ffff:10.1.2.3", "169.254.169.254", "fe80::1%eth0", "0.0.0.0"):
        refused("blacklist-cidrs of [security]", lambda address=address: some.peer((address, 80)))  # type: ignore[misc]
    some.peer(("192.0.3.1", 80))
    some.peer("/run/a.socket")
    assert some.blocks and not OPEN.blocks
    OPEN.peer(("127.0.0.1", 80))


def test_handlers_that_nobody_may_use() -> None:
    some = Guard(Security(disable_handlers=("exec",)))
    refused("disable-handlers of [security]", lambda: some.handler("exec"))
    some.handler("tcp")


@pytest.mark.parametrize("path", ["/tmp/a\0b", "/tmp/\ud800", "a\0"])
def test_what_no_file_can_be_called_is_refused(room: Path, path: str) -> None:
    for some in (guard(room), guard(room, auth=False), guard(room, commands=("/bin/true",))):
        for ask in (some.readable, some.writable):
            with pytest.raises(NotPermitted):
                ask(path)
    with pytest.raises(NotPermitted):
        guard(room).command(path)
