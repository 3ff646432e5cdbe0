"""Numbers in events: others may write to the bus as well, and what is no place in a log must not come to be one."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

_MOST = 2**63 - 1


def sequence(**how: Any) -> fields.Integer:
    """A place in a stream, 0 for before its first message."""
    return fields.Integer(strict=True, validate=validate.Range(min=0, max=_MOST), **how)


def time_ns(**how: Any) -> fields.Integer:
    """A time in ns since 1970, or before."""
    return fields.Integer(strict=True, validate=validate.Range(min=-_MOST - 1, max=_MOST), **how)
