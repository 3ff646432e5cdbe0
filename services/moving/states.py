"""How alerts stand: the last event of each id of each topic, so that what is critical does not alert anew."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson

from services.moving.job import Job
from services.moving.report import Outcome
from services.moving.servers import Refused, in_path
from services.moving.topics import topics, why_not_told

KIND = "states"

_MOST_BYTES = 1 << 20  # of events in a request

Events = list[dict[str, Any]]


def move(job: Job) -> None:
    """Copy those of all topics."""
    tasks = {task["id"] for task in job.new.all("/tasks", fields=["id"])}
    if job.dry_run:
        tasks |= {task["id"] for task in job.old.all("/tasks", fields=["id"])}
    for topic, base in topics(job.old):
        try:
            there = job.old.get(f"/alerts/topics/{in_path(topic)}/events", base)["events"]
        except Refused as error:
            job.report.not_taken(KIND, topic, why_not_told(topic, error))
            continue
        events = [{"id": one["id"], "state": one["state"]} for one in there or ()]
        if (of := task_of(topic)) and events and of not in tasks:
            job.report.not_taken(KIND, topic, f"the task {of} is not here", len(events))
        else:
            _move(job, topic, events)


def pieces(events: Events) -> list[Events]:
    """Events, in their order, in parts that a request holds; one that is too large is a part by itself."""
    found: list[Events] = []
    size = _MOST_BYTES
    for event in events:
        more = len(orjson.dumps(event))
        if size + more > _MOST_BYTES:
            found.append([])
            size = 0
        found[-1].append(event)
        size += more
    return found


def task_of(topic: str) -> str:
    """The task whose node's own topic it is by its name, "" for none."""
    names = topic.split(":")
    return names[1] if len(names) == 3 and names[0] == "main" else ""


def _move(job: Job, topic: str, events: Events) -> None:
    counts: Counter[str] = Counter()
    for some in pieces(events):
        counts += _take_over(job, topic, some)
    report = job.report
    report.count(KIND, Outcome.IMPORTED, counts["taken"])
    report.count(KIND, Outcome.SAME, counts["same"])
    report.count(KIND, Outcome.LATER, counts["later"])
    report.count(KIND, Outcome.DIFFERS, counts["differ"])
    if counts["differ"]:
        report.tell(
            KIND, topic, f"{counts['differ']} stand otherwise here; --overwrite has them stand as they do there"
        )
    if counts["later"]:
        report.tell(KIND, topic, f"{counts['later']} are left as they stand here, where something came later")


def _take_over(job: Job, topic: str, events: Events) -> Counter[str]:
    """Have a topic take events over; what came of them. Of those that are refused the others are taken alone."""
    body = {"topic": topic, "events": events, "overwrite": job.overwrite, "dry-run": job.dry_run}
    try:
        return Counter(job.new.change("POST", "/alerts/states", body))
    except Refused as error:
        if error.status not in (400, 413):
            job.report.not_taken(KIND, topic, error, len(events))
            return Counter()
        if len(events) == 1:
            job.report.not_taken(KIND, f"{topic} {events[0]['id']}", error)
            return Counter()
    middle = len(events) // 2
    return _take_over(job, topic, events[:middle]) + _take_over(job, topic, events[middle:])
