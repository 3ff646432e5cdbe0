"""Whether an account of NATS has room for what is to be made in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.bus.account.kept import Wishes, kept
from services.bus.errors import NoRoom
from services.bus.transport.link import Link


async def check_room(link: Link, wishes: Wishes, missing: tuple[str, ...]) -> None:
    """Raises NoRoom where the account may not have all that is missing; BusError.

    missing: the names on the NATS of what is not there yet.
    """
    account = await link.api("INFO")
    # an account has limits for each number of replicas, or some for all
    tier: Mapping[str, Any] = (account.get("tiers") or {}).get(f"R{wishes.replicas}") or account
    granted = tier.get("limits") or {}
    wanted = [shape for shape in kept(wishes) if link.names.stream(shape["name"]) in missing]
    left = granted.get("max_streams", -1) - tier.get("streams", 0)
    if granted.get("max_streams", -1) > 0 and left < len(wanted):
        raise NoRoom(
            f"the account on this NATS may have {max(left, 0)} more streams (`max_streams`), "
            f"tickbus needs {len(wanted)}"
        )
    most = granted.get("max_storage", -1)
    used = max(tier.get("storage", 0), tier.get("reserved_storage", 0))
    # of an account with one set of limits every replica counts
    times = 1 if tier is not account else wishes.replicas
    needed = times * sum(max(0, shape["max_bytes"]) for shape in wanted)
    if most > 0 and used + needed > most:
        raise NoRoom(
            f"the account on this NATS has {max(most - used, 0)} bytes of storage left (`max_file`), tickbus reserves "
            f"{needed}: `write-max-bytes` and `alert-max-bytes` in [nats] say how much"
        )
