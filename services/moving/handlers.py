"""Handlers of topics."""

from __future__ import annotations

from functools import partial
from typing import Any

from services.moving.job import Job
from services.moving.report import Outcome
from services.moving.servers import Refused, in_path
from services.moving.topics import topics, why_not_told

KIND = "handlers"


def move(job: Job) -> None:
    """Copy those of all topics."""
    for topic, base in topics(job.old):
        try:
            there = job.old.get(f"/alerts/topics/{in_path(topic)}/handlers", base)["handlers"]
        except Refused as error:
            job.report.not_taken(KIND, topic, why_not_told(topic, error))
            continue
        if there:
            _move(job, topic, there)


def _move(job: Job, topic: str, there: list[dict[str, Any]]) -> None:
    path = f"/alerts/topics/{in_path(topic)}/handlers"
    found = job.new.find(path)
    here = {one["id"]: _definition(one) for one in (found or {}).get("handlers") or ()}
    for handler in there:
        wanted = _definition(handler)
        body = {"id": handler["id"], **wanted}
        outcome = job.settle(
            KIND,
            f"{topic}/{handler['id']}",
            here.get(handler["id"]),
            wanted,
            partial(job.new.change, "POST", path, body),
            partial(job.new.change, "PUT", f"{path}/{in_path(handler['id'])}", body),
        )
        changed = outcome in (Outcome.IMPORTED, Outcome.OVERWRITTEN)
        if job.dry_run and changed and (why := job.handlers(wanted)):
            job.report.tell(KIND, f"{topic}/{handler['id']}", f"would be refused: {why}")


def _definition(handler: dict[str, Any]) -> dict[str, Any]:
    return {"kind": handler["kind"], "options": handler.get("options") or {}, "match": handler.get("match") or ""}
