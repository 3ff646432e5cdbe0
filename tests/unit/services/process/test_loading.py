"""Modules are imported without the garbage collector, which is as it was afterwards."""

from __future__ import annotations

import gc

import pytest

from services.process.loading import loading


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
