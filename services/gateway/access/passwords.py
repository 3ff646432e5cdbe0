"""Passwords: slow hashes of them, and remembering for a while which were right.

The slow hash, bcrypt, is computed in threads of its own: 60 ms at the default cost. What was right is remembered by a
fast hash, keyed with a secret of this process and salted with the slow hash, so that another password ends it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import bcrypt

LONGEST = 72
"""The most bytes of a password that bcrypt takes."""

_USUAL_COST = 10
_THREADS = 2
_MOST_KEPT = 10_000


class Passwords:
    """Hashes passwords, and checks them. Use as a context manager, in one event loop."""

    def __init__(self, cost: int, expiration: float) -> None:
        """cost: 2^cost rounds for new hashes, 0 for the usual ones. expiration: for how many seconds a right password
        is remembered."""
        self._cost = cost or _USUAL_COST
        self._expiration = expiration
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._checks: dict[bytes, asyncio.Future[bool]] = {}
        self._threads = ThreadPoolExecutor(_THREADS, "passwords")
        self._nobody = ""

    def __enter__(self) -> Passwords:
        return self

    def __exit__(self, *error: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def hashed(self, password: str) -> str:
        """The slow hash of a new password. ValueError for one that is too long."""
        given = password.encode("utf-8", "surrogatepass")
        if len(given) > LONGEST:
            raise ValueError(f"a password has at most {LONGEST} bytes, this one has {len(given)}")
        return await asyncio.get_running_loop().run_in_executor(self._threads, _hashed, given, self._cost)

    async def right(self, name: str, hash: str, password: bytes) -> bool:
        """Whether this is the password of the user whose hash that is.

        hash: empty for nobody's. Then, too, it takes as long as for anybody.
        """
        if len(password) > LONGEST:
            return False
        if not hash:
            self._nobody = self._nobody or await self.hashed(secrets.token_urlsafe(24))
            await self._check(self._fast(self._nobody, password), self._nobody, password)
            return False
        fast = self._fast(hash, password)
        if self._remembered(name, fast):
            return True
        if not await self._check(fast, hash, password):
            return False
        self._keep(name, fast)
        return True

    def known(self, name: str, hash: str, password: bytes) -> bool:
        """Whether this was the user's password a short while ago: told at once."""
        return len(password) <= LONGEST and self._remembered(name, self._fast(hash, password))

    def forget(self, name: str) -> None:
        """Remember nothing of this user any more."""
        self._right.pop(name, None)

    def _remembered(self, name: str, fast: bytes) -> bool:
        kept = self._right.get(name)
        return kept is not None and hmac.compare_digest(kept[0], fast) and time.monotonic() < kept[1]

    def _fast(self, hash: str, password: bytes) -> bytes:
        return hashlib.blake2b(hash.encode() + b"\0" + password, key=self._key, digest_size=32).digest()

    async def _check(self, fast: bytes, hash: str, password: bytes) -> bool:
        """What many ask at the same time is computed once; whoever hangs up ends it for no other."""
        check = self._checks.get(fast)
        if check is None:
            loop = asyncio.get_running_loop()
            check = loop.run_in_executor(self._threads, _checked, password, hash)
            self._checks[fast] = check
            check.add_done_callback(lambda _: self._checks.pop(fast, None))
        return await asyncio.shield(check)

    def _keep(self, name: str, fast: bytes) -> None:
        if self._expiration <= 0:
            return
        self._right.pop(name, None)
        if len(self._right) >= _MOST_KEPT:
            self._right.popitem(last=False)
        self._right[name] = fast, time.monotonic() + self._expiration


def _hashed(password: bytes, cost: int) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(cost)).decode()


def _checked(password: bytes, hash: str) -> bool:
    try:
        return bcrypt.checkpw(password, hash.encode())
    except ValueError:
        # What stands there is no hash: nothing is right for it.
        return False
