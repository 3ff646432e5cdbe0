"""Reading a UDP socket: others have their turn meanwhile, and what has come is handed over at the end."""

from __future__ import annotations

import asyncio
import socket
import time

from services.gateway.listeners.datagrams import receive_datagrams


def sender(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.connect((host, int(port)))
    return made


async def test_between_datagrams_that_take_long_others_have_their_turn() -> None:
    taken: list[bytes] = []

    def take(data: bytes) -> None:
        taken.append(data)
        time.sleep(0.005)

    datagrams = await receive_datagrams("127.0.0.1:0", 0, take)
    with sender(datagrams.address) as sending:
        for number in range(20):
            sending.send(b"%d" % number)
    seen = set()
    async with asyncio.timeout(20):
        while len(taken) < 20:
            await asyncio.sleep(0)
            seen.add(len(taken))
    assert len(seen) > 15
    datagrams.close()


async def test_what_has_come_is_handed_over_at_the_end() -> None:
    taken: list[bytes] = []
    datagrams = await receive_datagrams("127.0.0.1:0", 0, taken.append)
    with sender(datagrams.address) as sending:
        for number in range(20):
            sending.send(b"%d" % number)
        datagrams.close()
    assert taken == [b"%d" % number for number in range(20)]
