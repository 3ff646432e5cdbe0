from __future__ import annotations

import pytest

from services.process.listening import CannotListen, listen


def test_an_address_is_shared_by_those_who_all_say_so() -> None:
    with listen("127.0.0.1:0", shared=True) as first:
        address = f"127.0.0.1:{first.getsockname()[1]}"
        with listen(address, shared=True) as second:
            assert second.getsockname() == first.getsockname()
        with pytest.raises(OSError, match="in use"):
            listen(address)


@pytest.mark.parametrize("host", ["127.0.0.1", ""])
def test_an_address_that_is_taken_is_named(host: str) -> None:
    with listen(f"{host}:0") as first:
        address = f"{host}:{first.getsockname()[1]}"
        with pytest.raises(CannotListen) as caught:
            listen(address)
    assert str(caught.value) == f"cannot listen on {address}: Address already in use"


def test_a_host_that_is_none_is_named() -> None:
    with pytest.raises(CannotListen, match=r"cannot listen on nowhere\.invalid:80: "):
        listen("nowhere.invalid:80")
