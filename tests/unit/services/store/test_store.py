"""The store on a real LMDB file."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.store.errors import StoreError, StoreInUse
from services.store.store import Store


def test_what_was_written_is_there_after_a_reopen(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "gateway.db"
    with Store.open(path, "gateway") as store, store.write() as tx:
        tx.put("tasks", "b", b"2")
        tx.put("tasks", "a", b"1")
        tx.put("tasks", b"", b"empty key")
        tx.put("other", "a", b"3")
        tx.position = 17
        tx.set_position(4, "ALERTS", "log 1")
        assert tx.get("tasks", "a") == b"1" and tx.position == 17
    with Store.open(path, "gateway") as store:
        assert store.set_aside is None
        assert store.items("tasks") == [(b"", b"empty key"), (b"a", b"1"), (b"b", b"2")]
        assert store.buckets() == ["other", "tasks"]
        assert (store.position(), store.position("ALERTS"), store.position("none")) == (17, 4, 0)
        with store.write() as tx:
            tx.delete("tasks", "a")
            tx.delete("tasks", "never")
            tx.drop("other")
            assert tx.get("other", "a") is None
        assert store.get("tasks", "a") is None and store.items("other") == []


def test_a_failing_block_writes_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s", "x") as store:
        with pytest.raises(KeyError), store.write() as tx:
            tx.put("a", "k", b"v")
            tx.position = 9
            raise KeyError
        assert store.get("a", "k") is None and store.position() == 0


def test_a_closed_store_is_not_opened_again_by_a_write_that_comes_late(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a.lmdb", "test") as store:
        late = store.write()
    with pytest.raises(StoreError, match="it is closed"), late as tx:
        tx.put("b", "k", b"v")
    with Store.open(tmp_path / "a.lmdb", "test") as again:
        assert again.get("b", "k") is None


def test_a_store_whose_first_page_could_not_be_written_goes_on(tmp_path: Path) -> None:
    """LMDB gives up then, for reading too; what was committed before is there, and what comes behind is taken."""
    path = tmp_path / "s"
    with Store.open(path, "x") as store:
        with store.write() as tx:
            tx.put("a", "k", b"before")
            tx.position = 1
        first_page = next(fd for fd in map(int, os.listdir("/proc/self/fd")) if _writes_through(fd, path))
        intact, unwritable = os.dup(first_page), os.open(path, os.O_RDONLY)
        os.dup2(unwritable, first_page)
        with pytest.raises(StoreError), store.write() as tx:
            tx.put("a", "k", b"lost")
            tx.position = 2
        assert (store.get("a", "k"), store.position()) == (b"before", 1)
        with store.write() as tx:
            tx.put("b", "k", b"after")
            tx.position = 3
        assert (store.get("a", "k"), store.get("b", "k"), store.position()) == (b"before", b"after", 3)
        os.close(intact)
        os.close(unwritable)
    with Store.open(path, "x") as store:
        assert (store.set_aside, store.position()) == (None, 3)


def _writes_through(fd: int, path: Path) -> bool:
    """Whether this is the descriptor of the file by which LMDB writes its first pages."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat()) and bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DSYNC)
    except OSError:
        return False


def test_long_keys_are_whole_and_in_order(tmp_path: Path) -> None:
    names = ["x" * size for size in (1, 500, 501, 511, 512, 5000)] + ["x" * 4999 + "y", "ü" * 600]
    with Store.open(tmp_path / "s", "x") as store:
        with store.write() as tx:
            for name in names:
                tx.put("b", name, name[-1:].encode() + b"%d" % len(name))
        assert [key.decode() for key, _ in store.items("b")] == sorted(names, key=str.encode)
        for name in names:
            assert store.get("b", name) == name[-1:].encode() + b"%d" % len(name)
        assert [key.decode() for key, _ in store.items("b", "x" * 4999)] == ["x" * 5000, "x" * 4999 + "y"]
        with store.read() as tx:
            assert len(tx.keys("b", "x")) == 7


def test_the_map_grows_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.store.store._FIRST_MAP", 1 << 20)
    with Store.open(tmp_path / "s", "x", durable=False) as store:
        blob = os.urandom(600_000)
        for number in range(4):
            with store.write() as tx:
                tx.put("b", str(number), blob)
                tx.put(f"new {number}", "k", b"v")
        with store.write() as tx:
            tx.put("b", "huge", bytes(20 << 20))
        assert store.get("b", "3") == blob and len(store.get("b", "huge") or b"") == 20 << 20
        assert len(store.buckets()) == 5


def _damage_start(path: Path) -> None:
    path.write_bytes(os.urandom(4096) + path.read_bytes()[4096:])


def _damage_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for at in range(2 * 4096, len(data), 4096):
        data[at : at + 24] = os.urandom(24)
    path.write_bytes(data)


def _damage_value(path: Path) -> None:
    data = path.read_bytes()
    assert data.count(b"task 7 is here") == 1
    path.write_bytes(data.replace(b"task 7 is here", b"task 8 is here"))


def _truncate(path: Path) -> None:
    os.truncate(path, 3 * 4096)


def _text(path: Path) -> None:
    path.write_text("not a store\n" * 1000)


@pytest.mark.parametrize("damage", [_damage_start, _damage_middle, _damage_value, _truncate, _text])
def test_a_damaged_file_is_set_aside(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "gateway.db"
    with Store.open(path, "gateway") as store, store.write() as tx:
        for number in range(1000):
            tx.put("tasks", f"task {number}", f"task {number} is here".encode() + bytes(500))
    damage(path)  # type: ignore[operator]
    with Store.open(path, "gateway") as store:
        assert store.set_aside is not None and store.set_aside.name.startswith("gateway.db.damaged-")
        assert store.set_aside.exists() and store.items("tasks") == []
        with store.write() as tx:
            tx.put("tasks", "a", b"1")
    with Store.open(path, "gateway") as store:
        assert store.set_aside is None and store.get("tasks", "a") == b"1"


def test_another_version_and_a_foreign_file_are_set_aside(tmp_path: Path) -> None:
    import lmdb

    path = tmp_path / "s"
    Store.open(path, "gateway", 1).close()
    with Store.open(path, "gateway", 2) as store:
        assert store.set_aside is not None
    with Store.open(path, "engine", 2) as store:
        assert store.set_aside is not None
    foreign = tmp_path / "foreign"
    with lmdb.open(str(foreign), subdir=False, max_dbs=4) as env, env.begin(write=True) as txn:
        txn.put(b"a", b"b")
    with Store.open(foreign, "gateway") as store:
        assert store.set_aside is not None and store.buckets() == []


def test_a_copy_is_a_store(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s", "x") as store:
        with store.write() as tx:
            tx.put("b", "k", b"v")
            tx.position = 3
        store.copy(tmp_path / "copy")
    with Store.open(tmp_path / "copy", "x") as copied:
        assert (copied.set_aside, copied.get("b", "k"), copied.position()) == (None, b"v", 3)


_WRITER = """
import sys
from services.store.store import Store
store = Store.open(sys.argv[1], "x", durable=sys.argv[2] == "durable")
number = store.position()
print("open", flush=True)
while True:
    number += 1
    with store.write() as tx:
        for part in range(20):
            tx.put("b", f"{number % 50}/{part}", b"%d" % number * 100)
        tx.position = number
    print(number, flush=True)
"""


@pytest.mark.parametrize("durable", ["durable", "fast"])
def test_kill_9_loses_no_commit_and_leaves_none_half(tmp_path: Path, durable: str) -> None:
    path = tmp_path / "s"
    for round in range(3):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path), durable], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"open\n"
        if round == 0:
            with pytest.raises(StoreInUse):
                Store.open(path, "x")
        seen = 0
        deadline = time.monotonic() + 0.15
        while time.monotonic() < deadline:
            seen = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        seen = int(([seen, *writer.stdout.read().split()])[-1])
        writer.wait()
        with Store.open(path, "x") as store:
            assert store.set_aside is None
            position = store.position()
            assert position >= seen > 0
            for part in range(20):
                assert store.get("b", f"{position % 50}/{part}") == b"%d" % position * 100


_FILLER = """
import resource, signal, sys
from services.store.errors import StoreError
from services.store.store import Store
store = Store.open(sys.argv[1], "x", durable=False)
with store.write() as tx:
    tx.put("b", "before", b"1")
limit = store.size + (1 << 20)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
try:
    with store.write() as tx:
        tx.put("b", "before", b"2")
        tx.put("b", "large", bytes(8 << 20))
        tx.position = 5
except StoreError as error:
    print(error)
assert store.get("b", "before") == b"1" and store.position() == 0
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
with store.write() as tx:
    tx.put("b", "after", b"3")
    tx.position = 6
"""


def test_without_room_nothing_is_written_and_later_it_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "s"
    run = subprocess.run([sys.executable, "-c", _FILLER, str(path)], capture_output=True, text=True, check=True)
    assert "cannot write to the store" in run.stdout
    with Store.open(path, "x") as store:
        assert store.set_aside is None
        assert store.items("b") == [(b"after", b"3"), (b"before", b"1")] and store.position() == 6
