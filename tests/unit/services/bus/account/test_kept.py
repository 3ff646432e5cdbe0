"""What is kept on a NATS is listed in one place, which permissions go by."""

from __future__ import annotations

import pytest

from services.bus.account.kept import kept_bucket, kept_objects


def test_what_no_user_would_be_permitted_is_not_opened() -> None:
    with pytest.raises(ValueError, match="not a bucket that tickbus keeps: 'states'"):
        kept_bucket("states", 1)
    with pytest.raises(ValueError, match="not an object store that tickbus keeps: 'workers'"):
        kept_objects("workers", 1)
