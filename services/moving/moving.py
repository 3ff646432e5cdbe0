"""What is copied, and in which order: what a thing needs comes before it, and tasks start when all else is here."""

from __future__ import annotations

from services.moving import config, handlers, recordings, states, tasks, templates
from services.moving.job import Job
from services.moving.servers import CannotGoOn, Refused

KINDS = (config.KIND, templates.KIND, tasks.KIND, handlers.KIND, recordings.KIND, states.KIND)
"""What can be asked for, in this order."""


def move(job: Job, kinds: frozenset[str]) -> None:
    """Copy these kinds of things. Raises CannotGoOn; what is done by then is done, and doing it again goes on."""
    to_enable: list[str] = []
    for kind in KINDS:
        if kind not in kinds:
            continue
        job.report.begin(kind)
        try:
            if kind == tasks.KIND:
                to_enable = tasks.move(job)
            else:
                _MOVES[kind](job)
        except Refused as error:
            raise CannotGoOn(f"{kind} cannot be copied: {error}") from error
    tasks.enable(job, to_enable)


_MOVES = {
    config.KIND: config.move,
    templates.KIND: templates.move,
    handlers.KIND: handlers.move,
    recordings.KIND: recordings.move,
    states.KIND: states.move,
}
