"""Lines of some tags, out of packed messages as out of text."""

from __future__ import annotations

import pytest

from services.bus.follow import StoredMessage
from services.dryrun.sifting import Sift
from tests.support.packing import pack

LINES = [f"m,cpu={i % 2},host={host} v={i}i,w={i}.5 {17 + i}" for i in range(4) for host in ("h1", "h10", "h")] + [
    "m v=1i,w=0.5 17",
    "n,host=h1,x=1 a=1 18",
]
BODY = "\n".join(LINES).encode()


@pytest.mark.parametrize("tags", [{"host": "h1"}, {"host": "h1", "cpu": "0"}, {"host": "h3"}])
def test_packed_messages_are_sifted_as_text_is(tags: dict[str, str]) -> None:
    text = StoredMessage(1, "s", BODY, {"received": "5"}, 9)
    body = pack(BODY)
    assert body is not None

    sifted, rows = Sift(tags).of(text._replace(data=body, headers={"received": "5", "packed": str(len(BODY))}))
    expected, expected_rows = Sift(tags).of(text)

    assert rows is not None and expected_rows is not None
    assert sifted == expected and rows.tolist() == expected_rows.tolist()


def test_what_is_not_packed_is_given_as_it_is() -> None:
    message = StoredMessage(1, "s", BODY, {"received": "5", "packed": "90"}, 9)
    assert Sift({"host": "h1"}).of(message) == (message, None)
