from __future__ import annotations

import pytest

from services.process.listening import listen


def test_an_address_is_shared_by_those_who_all_say_so() -> None:
    with listen("127.0.0.1:0", shared=True) as first:
        address = f"127.0.0.1:{first.getsockname()[1]}"
        with listen(address, shared=True) as second:
            assert second.getsockname() == first.getsockname()
        with pytest.raises(OSError, match="in use"):
            listen(address)
