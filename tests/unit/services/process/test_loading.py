"""Modules are imported without the garbage collector, which is as it was afterwards; a start can be called off."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys

import pytest

from services.process.loading import ending_when_asked, loading

_HELD = """
import asyncio, signal, time
from services.process.loading import ending_when_asked

async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print, "heard by the loop")
    with ending_when_asked("gateway"):
        print("holding", flush=True)
        time.sleep(60)

asyncio.run(main())
"""


def test_nothing_is_collected_meanwhile() -> None:
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.unfreeze()


def test_what_was_loaded_is_not_gone_through_again() -> None:
    before = gc.get_freeze_count()
    with loading():
        pass
    assert gc.get_freeze_count() > before
    gc.unfreeze()


def test_the_collector_is_back_after_a_failure() -> None:
    with pytest.raises(ImportError), loading():
        raise ImportError
    assert gc.isenabled()
    gc.unfreeze()


def test_who_has_it_off_keeps_it_off() -> None:
    gc.disable()
    try:
        with loading(), loading():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()


def test_who_is_asked_to_stop_while_it_loads_does_so_at_once() -> None:
    with subprocess.Popen([sys.executable, "-c", _HELD], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        process.terminate()
        assert process.communicate(timeout=30)[0] == ""
    assert process.returncode == 0


def test_whoever_heard_of_signals_before_does_so_again() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with ending_when_asked("gateway"):
        assert signal.getsignal(signal.SIGTERM) is not before[0]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
