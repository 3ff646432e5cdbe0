"""What can go wrong with a store."""

from __future__ import annotations


class StoreError(Exception):
    """The store cannot be opened or written: no room, no permission, a failing disk. Nothing was half done."""


class StoreInUse(StoreError):
    """Another process has this store open."""
