"""What is freed is kept while a process works, and given back when it pauses; so is code that is not needed again."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is about glibc")

_HELD = """
import asyncio, contextlib, psutil
from services.cli.freed_memory import give_back, give_back_in_pauses, keep_freed_memory

def resident():
    return psutil.Process().memory_info().rss >> 20

keep_freed_memory()
blocks = [bytearray(1 << 20) for _ in range(100)]
before, last = resident(), bytearray(1 << 20)
del blocks
freed = resident()
"""

_AT_ONCE = """
give_back()
print(before, freed, resident())
"""

_IN_A_PAUSE = """
async def main():
    giving = asyncio.create_task(give_back_in_pauses())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            while resident() > freed - 90:
                await asyncio.sleep(0.05)
    giving.cancel()

asyncio.run(main())
print(before, freed, resident())
"""


@pytest.mark.parametrize("given_back", [_AT_ONCE, _IN_A_PAUSE])
def test_what_is_freed_stays_until_it_is_given_back(given_back: str) -> None:
    told = subprocess.run([sys.executable, "-c", _HELD + given_back], check=True, capture_output=True, text=True)
    before, freed, after = map(int, told.stdout.split())
    assert freed >= before - 2
    assert after <= before - 90


_LIBRARIES = """
import numpy, psutil
from services.cli.freed_memory import give_back_code

def of_files():
    return psutil.Process().memory_info().shared >> 10

before = of_files()
give_back_code()
after = of_files()
assert numpy.linalg.norm(numpy.ones((9, 9)) @ numpy.ones((9, 9))) == 81.0
print(before, after)
"""


def test_code_that_is_not_needed_is_given_back() -> None:
    told = subprocess.run([sys.executable, "-c", _LIBRARIES], check=True, capture_output=True, text=True)
    before, after = map(int, told.stdout.split())
    assert after < before / 2
