"""Whether an account of NATS has room for what is to be made in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.bus.account.kept import Wishes, kept
from services.bus.errors import ApiError, NoRoom
from services.bus.transport.link import Link
from services.bus.transport.names import Names

_NO_JETSTREAM = 10039
_LEAST_CONSUMERS = (
    16  # of one stream: EVENTS has eight where each service runs once, and as many while they are replaced
)


async def account_of(link: Link) -> dict[str, Any]:
    """What the account's JetStream tells of itself. NoRoom where it has none, BusError."""
    try:
        return await link.api("INFO")
    except ApiError as error:
        if error.err_code == _NO_JETSTREAM:
            raise NoRoom(
                "the account on this NATS has no JetStream: enable it there, or log in to another account"
            ) from error
        raise


def check_room(account: Mapping[str, Any], names: Names, wishes: Wishes, missing: tuple[str, ...]) -> None:
    """Raises NoRoom where the account may not have all that is missing, or too few may read a stream.

    account: as `account_of` gives it. missing: the names on the NATS of what is not there yet.
    """
    # an account has limits for each number of replicas, or some for all
    tier: Mapping[str, Any] = (account.get("tiers") or {}).get(f"R{wishes.replicas}") or account
    granted = tier.get("limits") or {}
    wanted = [shape for shape in kept(wishes) if names.stream(shape["name"]) in missing]
    if wanted and granted.get("max_bytes_required"):
        raise NoRoom(
            "the account on this NATS wants a limit for each stream (`max_bytes`), and buckets of tickbus have none"
        )
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
    consumers = granted.get("max_consumers", -1)
    if 0 < consumers < _LEAST_CONSUMERS:
        raise NoRoom(
            f"the account on this NATS may have {consumers} consumers of a stream (`max_consumers`), tickbus needs "
            f"{_LEAST_CONSUMERS} at least; `tickbus streams` says how many for so many workers"
        )
