"""One LMDB file: named buckets of keys and values, and the log position that they stand for.

What an event did and the position it brought are written in one transaction, so that a crash leaves both or neither.
Everything here can be rebuilt from the log, therefore a file that is damaged, of another program or of another
version is set aside and an empty one begun.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import lmdb
from lmdb.verify import VerifyError, verify

from services.process import log
from services.process.child_environment import keep_open_files
from services.store import keys
from services.store.errors import StoreError, StoreInUse

_log = log.get("store")

_FIRST_MAP = 64 << 20
_MAX_BUCKETS = 256
_READERS = 8192  # bytes, for the 126 readers that LMDB provides for
_META = b"tickbus"
_SCHEMA = b"schema"
_POSITION = b"position:"


class Store:
    """An open store. Threads may share it; only one process at a time has it open."""

    def __init__(self, path: Path, mark: bytes, lock: int, durable: bool) -> None:
        self._path = path
        self._mark = mark
        self._lock_fd = lock
        self._durable = durable
        self._mutex = threading.RLock()
        self._reading = 0
        self._closed = False
        self._buckets: dict[bytes, lmdb._Database] = {}
        self.set_aside: Path | None = None
        self._connect()

    @classmethod
    def open(cls, path: str | Path, schema: str, version: int = 1, durable: bool = True) -> Store:
        """Open the store in this file, or begin one.

        schema, version: what the buckets mean. A file that is damaged, no store, or of another schema or version is
        renamed to `<path>.damaged-<time>` with a log line, and an empty store opened (`set_aside` then names it).
        durable: a commit waits until the disk has it. Without it a commit survives the death of the process, but not
        that of the machine; what a power cut damages is found at the next open and rebuilt from the log.

        Raises StoreInUse where another process has it open, StoreError where the file cannot be read or written.
        """
        path = Path(path).absolute()
        mark = f"{schema}\n{version}".encode()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = _lock(path)
        except OSError as error:
            raise StoreError(f"cannot open the store {path}: {error}") from error
        try:
            reason = _reason_to_set_aside(path, mark)
            aside = _set_aside(path, reason) if reason else None
            store = cls(path, mark, lock, durable)
            store.set_aside = aside
        except (OSError, lmdb.Error) as error:
            os.close(lock)
            raise StoreError(f"cannot open the store {path}: {error}") from error
        return store

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._path.stat().st_size

    def read(self) -> Reading:
        """A consistent view: `with store.read() as tx`. Nothing can be written until it ends."""
        return Reading(self)

    def write(self) -> Writing:
        """One transaction: `with store.write() as tx`. Left by an exception, it has done nothing.

        Leaving the block may raise StoreError (no room on the disk); nothing is then written.
        """
        return Writing(self)

    def get(self, bucket: str, key: str | bytes) -> bytes | None:
        """One value, None where there is none."""
        with self.read() as tx:
            return tx.get(bucket, key)

    def items(self, bucket: str, prefix: str | bytes = b"") -> list[tuple[bytes, bytes]]:
        """Keys and values of a bucket in the order of the keys' bytes."""
        with self.read() as tx:
            return tx.items(bucket, prefix)

    def buckets(self) -> list[str]:
        """Names of all buckets that were ever written to and not dropped."""
        with self._mutex:
            return sorted(name.decode() for name in self._buckets if name != _META)

    def position(self, of: str = "") -> int:
        """The log position that the store stands for, 0 for none. of: a name, where it folds several logs."""
        with self.read() as tx:
            return tx.position_of(of)[0]

    def copy(self, path: str | Path) -> None:
        """Write a consistent, compact copy to a new file, for backups."""
        with self._mutex:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                self._env.copyfd(fd, compact=True)
                os.fsync(fd)
            except lmdb.Error as error:
                raise StoreError(f"cannot copy the store to {path}: {error}") from error
            finally:
                os.close(fd)

    def sync(self) -> None:
        """Wait until the disk has everything that was committed."""
        with self._mutex:
            self._env.sync(True)

    def close(self) -> None:
        """Close it; a store is closed once all transactions have ended."""
        with self._mutex:
            if not self._closed:
                self._closed = True
                with contextlib.suppress(lmdb.Error):
                    self._env.sync(True)
                self._env.close()
                os.close(self._lock_fd)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _connect(self) -> None:
        size = self._path.stat().st_size if self._path.exists() else 0
        self._env = _environment(self._path, max(_FIRST_MAP, 2 * size), self._durable)
        with self._env.begin(write=True) as txn:
            meta = self._env.open_db(_META, txn=txn)
            # one that is as it should be is opened without writing: a full disk does not keep it closed
            if txn.get(_SCHEMA, db=meta) != self._mark:
                txn.put(_SCHEMA, self._mark, db=meta)
            names = [name for name, _ in txn.cursor()]
            opened = {name: self._env.open_db(name, txn=txn) for name in names}
        self._buckets = opened

    def _apply(self, changes: _Changes) -> None:
        """Write everything in one transaction, with a larger map where the present one is full."""
        with self._mutex:
            if self._reading:
                raise RuntimeError("a store is written while this thread reads it")
            if self._closed:  # not to be opened anew for it: the file may be another store's by now
                raise StoreError(f"cannot write to the store {self._path}: it is closed")
            while True:
                try:
                    self._apply_once(changes)
                    return
                except lmdb.MapFullError:
                    self._grow(changes.size)
                except lmdb.Error as error:
                    self._recover()
                    raise StoreError(f"cannot write to the store {self._path}: {error}") from error

    def _recover(self) -> None:
        """After a failed write. Where that was LMDB's first page it refuses everything until it is opened anew."""
        with contextlib.suppress(lmdb.Error):
            self._env.begin().abort()
            return
        self._env.close()
        try:
            self._connect()
        except (OSError, lmdb.Error) as error:
            _log.error("a store cannot be opened again", file=self._path, err=error)

    def _apply_once(self, changes: _Changes) -> None:
        opened: dict[bytes, lmdb._Database] = {}
        with self._env.begin(write=True) as txn:
            for name in changes.dropped:
                if name in self._buckets:
                    txn.drop(self._buckets[name], delete=False)
            for name, entries in changes.entries.items():
                bucket = self._buckets.get(name)
                if bucket is None:
                    bucket = opened[name] = self._env.open_db(name, txn=txn)
                for key, value in entries.items():
                    if value is None:
                        txn.delete(keys.stored_key(key), db=bucket)
                    else:
                        txn.put(*keys.stored_pair(key, value), db=bucket)
            for key, value in changes.positions.items():
                txn.put(key, value, db=self._buckets[_META])
        self._buckets |= opened

    def _grow(self, needed: int) -> None:
        before = self._env.info()["map_size"]
        self._env.set_mapsize(max(2 * before, before + 2 * needed))


class Reading:
    """A consistent view of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __enter__(self) -> Reading:
        self._store._mutex.acquire()
        try:
            self._txn = self._store._env.begin()
        except lmdb.Error as error:
            self._store._mutex.release()
            raise StoreError(f"cannot read the store {self._store.path}: {error}") from error
        self._store._reading += 1
        return self

    def __exit__(self, *exc: object) -> None:
        self._txn.abort()
        self._store._reading -= 1
        self._store._mutex.release()

    def get(self, bucket: str, key: str | bytes) -> bytes | None:
        """One value, None where there is none."""
        db = self._store._buckets.get(bucket.encode())
        if db is None:
            return None
        raw = keys.to_bytes(key)
        stored = self._txn.get(keys.stored_key(raw), db=db)
        return None if stored is None else keys.value_of(raw, stored)

    def items(self, bucket: str, prefix: str | bytes = b"") -> list[tuple[bytes, bytes]]:
        """Keys and values in the order of the keys' bytes."""
        return sorted(self._scan(bucket, keys.to_bytes(prefix), True))

    def keys(self, bucket: str, prefix: str | bytes = b"") -> list[bytes]:
        """Keys in the order of their bytes."""
        return sorted(key for key, _ in self._scan(bucket, keys.to_bytes(prefix), False))

    def page(self, bucket: str, most: int, prefix: bytes = b"", after: bytes = b"") -> list[tuple[bytes, bytes]]:
        """The first keys with a prefix and behind a key, so many at most, with values; none of the keys may be long."""
        db = self._store._buckets.get(bucket.encode())
        found: list[tuple[bytes, bytes]] = []
        cursor = self._txn.cursor(db) if db is not None else None
        if cursor is None or not cursor.set_range(keys.stored_key(max(prefix, after + b"\0" if after else b""))):
            return found
        for stored_key, stored in cursor.iternext():
            if len(found) == most or not stored_key.startswith(keys.SHORT + prefix):
                break
            found.append(keys.item_of(stored_key, stored))
        return found

    def last_key(self, bucket: str) -> bytes | None:
        """The last key of a bucket, of whose keys none may be long; None where it holds nothing."""
        db = self._store._buckets.get(bucket.encode())
        cursor = self._txn.cursor(db) if db is not None else None
        return keys.item_of(*cursor.item())[0] if cursor is not None and cursor.last() else None

    def position_of(self, of: str = "") -> tuple[int, str]:
        """A log position, and which log it belongs to: (0, "") where none was set."""
        stored = self._txn.get(_POSITION + of.encode(), db=self._store._buckets[_META])
        return (int.from_bytes(stored[:8], "big"), stored[8:].decode()) if stored else (0, "")

    def _scan(self, bucket: str, prefix: bytes, values: bool) -> Iterator[tuple[bytes, bytes]]:
        db = self._store._buckets.get(bucket.encode())
        if db is None:
            return
        cursor = self._txn.cursor(db)
        for start in keys.scan_starts(prefix):
            if not cursor.set_range(start):
                continue
            long = start[:1] == keys.LONG
            for stored_key, stored in cursor.iternext(values=True) if values or long else _bare(cursor):
                if not stored_key.startswith(start):
                    break
                key, value = keys.item_of(stored_key, stored)
                if key.startswith(prefix):
                    yield key, value


class _Changes:
    """What a transaction is going to do."""

    def __init__(self) -> None:
        self.dropped: set[bytes] = set()
        self.entries: dict[bytes, dict[bytes, bytes | None]] = {}
        self.positions: dict[bytes, bytes] = {}
        self.size = 0


class Writing:
    """A transaction: what is put is kept here and written as one when the block is left."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changes = _Changes()

    def __enter__(self) -> Writing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        changes = self._changes
        if kind is None and (changes.dropped or changes.entries or changes.positions):
            self._store._apply(changes)

    def put(self, bucket: str, key: str | bytes, value: bytes) -> None:
        """Set a key."""
        self._entries(bucket)[keys.to_bytes(key)] = value
        self._changes.size += len(key) + len(value)

    def delete(self, bucket: str, key: str | bytes) -> None:
        """Delete a key; one that is not there is no error."""
        self._entries(bucket)[keys.to_bytes(key)] = None

    def drop(self, bucket: str) -> None:
        """Empty a bucket."""
        self._changes.entries.pop(bucket.encode(), None)
        self._changes.dropped.add(bucket.encode())

    def get(self, bucket: str, key: str | bytes) -> bytes | None:
        """One value as this transaction leaves it, None where there is none."""
        name, raw = bucket.encode(), keys.to_bytes(key)
        entries = self._changes.entries.get(name, {})
        if raw in entries:
            return entries[raw]
        return None if name in self._changes.dropped else self._store.get(bucket, raw)

    @property
    def position(self) -> int:
        """The log position that the store stands for after this transaction."""
        own = self._changes.positions.get(_POSITION)
        return self._store.position() if own is None else int.from_bytes(own[:8], "big")

    @position.setter
    def position(self, seq: int) -> None:
        self.set_position(seq)

    def set_position(self, seq: int, of: str = "", log: str = "") -> None:
        """Set a log position. of: its name, where the store folds several logs. log: which log it belongs to."""
        self._changes.positions[_POSITION + of.encode()] = seq.to_bytes(8, "big") + log.encode()

    def _entries(self, bucket: str) -> dict[bytes, bytes | None]:
        name = bucket.encode()
        if name == _META or not name:
            raise ValueError(f"not a bucket's name: {bucket!r}")
        return self._changes.entries.setdefault(name, {})


def _bare(cursor: lmdb.Cursor[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for key in cursor.iternext(values=False):
        yield key, b""


def _lock(path: Path) -> int:
    """Hold the store against other processes; the kernel lets go when this one ends, however it ends."""
    fd = os.open(path.with_name(path.name + "-open"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise StoreInUse(f"the store {path} is open in another process") from error
    try:
        _give_room(path.with_name(path.name + "-lock"))
    except OSError:
        os.close(fd)
        raise
    return fd


def _give_room(table: Path) -> None:
    """Write the table of readers that LMDB maps: where the disk had no room for it, its first use would be fatal."""
    if not table.exists() or table.stat().st_size < _READERS:
        table.touch(0o600)
        table.write_bytes(bytes(_READERS))


def _environment(path: Path, map_size: int, durable: bool) -> lmdb.Environment:
    environment = lmdb.open(
        str(path),
        map_size=map_size,
        subdir=False,
        max_dbs=_MAX_BUCKETS,
        sync=durable,
        metasync=durable,
        mode=0o600,
        readahead=False,
    )
    keep_open_files()  # LMDB lets programs inherit its own, and so does uvloop
    return environment


def _reason_to_set_aside(path: Path, mark: bytes) -> str:
    """Why the file cannot be used as it is, "" where it can.

    LMDB trusts what it maps, and a damaged file would end the process; so the file's structure is checked first.
    """
    if not path.exists() or path.stat().st_size == 0:
        return ""
    try:
        problems: list[str] = verify(str(path), subdir=False)  # type: ignore[no-untyped-call]
    except VerifyError as error:
        return f"no LMDB file: {error}"
    except (ValueError, IndexError, ArithmeticError) as error:
        return f"damaged: {error!r}"
    if problems:
        return f"damaged: {problems[0]}"
    try:
        env = _environment(path, max(_FIRST_MAP, 2 * path.stat().st_size), False)
        try:
            with env.begin() as txn:
                found = txn.get(_SCHEMA, db=env.open_db(_META, txn=txn, create=False))
            if found != mark:
                return f"of another version: {_readable(found)}, not {_readable(mark)}"
            return _damaged_value(env)
        finally:
            env.close()
    except lmdb.NotFoundError:
        return "of another program"
    except (lmdb.CorruptedError, lmdb.InvalidError, lmdb.VersionMismatchError, lmdb.PageNotFoundError) as error:
        return f"damaged: {error}"


def _damaged_value(env: lmdb.Environment) -> str:
    with env.begin(write=True, buffers=True) as txn:
        for name in [bytes(name) for name, _ in txn.cursor()]:
            if name == _META:
                continue
            for key, stored in txn.cursor(env.open_db(name, txn=txn, create=False)):
                if not keys.is_whole(key, stored):
                    return f"damaged: a value in {name.decode('utf-8', 'replace')} is not what was written"
    return ""


def _readable(mark: bytes | None) -> str:
    return (mark or b"unknown").decode("utf-8", "replace").replace("\n", " ")


def _set_aside(path: Path, reason: str) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    path.rename(aside)
    with contextlib.suppress(FileNotFoundError):
        path.with_name(path.name + "-lock").unlink()
    _log.warn("a store file was set aside and is rebuilt from the log", file=path, reason=reason, now=aside)
    return aside
