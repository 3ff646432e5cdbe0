"""Slow hashes, and what is remembered of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from services.gateway.access import passwords as module
from services.gateway.access.passwords import Passwords


class Counted:
    """Counts what is computed, and in which threads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.threads: list[threading.Thread] = []
        check = module._checked

        def counted(password: bytes, hash: str) -> bool:
            self.threads.append(threading.current_thread())
            return check(password, hash)

        monkeypatch.setattr(module, "_checked", counted)

    def since(self) -> int:
        number = len(self.threads)
        self.threads.clear()
        return number


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    with Passwords(4, 600.0) as passwords:
        yield passwords


async def test_a_right_password_is_checked_once_and_off_the_loop(passwords: Passwords, counted: Counted) -> None:
    hash = await passwords.hashed("gehêim")
    assert hash.startswith("$2b$04$") and hash != await passwords.hashed("gehêim")
    for _ in range(3):
        assert await passwords.right("bob", hash, "gehêim".encode())
    assert threading.main_thread() not in counted.threads
    assert counted.since() == 1
    for _ in range(2):
        assert not await passwords.right("bob", hash, b"wrong")
    assert counted.since() == 2
    assert await passwords.right("bob", hash, "gehêim".encode())
    assert counted.since() == 0


async def test_a_new_password_ends_the_old_one(passwords: Passwords, counted: Counted) -> None:
    old, new = await passwords.hashed("old"), await passwords.hashed("new")
    assert await passwords.right("bob", old, b"old")
    assert not await passwords.right("bob", new, b"old")
    assert await passwords.right("bob", new, b"new")
    assert not await passwords.right("bob", new, b"old")


async def test_what_is_forgotten_is_computed_again(passwords: Passwords, counted: Counted) -> None:
    hash = await passwords.hashed("pw")
    assert await passwords.right("bob", hash, b"pw")
    passwords.forget("bob")
    assert await passwords.right("bob", hash, b"pw")
    assert counted.since() == 2


async def test_memory_is_bounded_and_ends(monkeypatch: pytest.MonkeyPatch, counted: Counted) -> None:
    monkeypatch.setattr(module, "_MOST_KEPT", 2)
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    with Passwords(4, 60.0) as passwords:
        hash = await passwords.hashed("pw")
        for name in ("a", "b", "c"):
            assert await passwords.right(name, hash, b"pw")
        assert len(passwords._right) == 2
        counted.since()
        assert await passwords.right("c", hash, b"pw")
        assert counted.since() == 0
        now += 60.0
        assert await passwords.right("c", hash, b"pw")
        assert counted.since() == 1
    with Passwords(4, 0.0) as passwords:
        assert [await passwords.right("a", hash, b"pw") for _ in range(2)] == [True, True]
    assert counted.since() == 2


async def test_many_at_the_same_time_are_one_computation(passwords: Passwords, counted: Counted) -> None:
    hash = await passwords.hashed("pw")
    asked = [asyncio.create_task(passwords.right("bob", hash, b"pw")) for _ in range(20)]
    await asyncio.sleep(0)
    asked[0].cancel()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError) and found[1:] == [True] * 19
    assert counted.since() == 1


async def test_an_unknown_name_takes_as_long_and_is_never_right(passwords: Passwords, counted: Counted) -> None:
    assert not await passwords.right("nobody", "", b"pw")
    assert counted.since() == 1
    assert not await passwords.right("bob", "no hash", b"pw")


async def test_a_password_has_72_bytes(passwords: Passwords) -> None:
    hash = await passwords.hashed("ä" * 36)
    assert await passwords.right("bob", hash, "ä".encode() * 36)
    assert not await passwords.right("bob", hash, "ä".encode() * 36 + b"x")
    with pytest.raises(ValueError, match="a password has at most 72 bytes, this one has 74"):
        await passwords.hashed("ä" * 37)
