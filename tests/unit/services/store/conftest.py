"""Fixtures of the store's tests: a real server for projections."""

from __future__ import annotations

from tests.support.nats import nats_server

__all__ = ["nats_server"]
