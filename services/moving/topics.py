"""Topics of alerts, as the old server tells them."""

from __future__ import annotations

from services.moving.servers import BASE, PREVIEW, Refused, Server


def topics(server: Server) -> list[tuple[str, str]]:
    """All of them, with the beginning of the paths below which they are told: before 1.4 another than all else."""
    base = BASE
    try:
        found = server.get("/alerts/topics", base)
    except Refused as error:
        if error.status != 404:
            raise
        base = PREVIEW
        found = server.get("/alerts/topics", base)
    return [(topic["id"], base) for topic in found["topics"] or ()]


def why_not_told(topic: str, error: Refused) -> str:
    """Why the old server does not tell of a topic that it has listed."""
    return f"{error} (its API finds no topic that has / in its name)" if "/" in topic else str(error)
