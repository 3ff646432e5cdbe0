"""What becomes of the tasks that a load has changed, as the workers say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from services.gateway.commands.tasks import RUN_SECONDS
from services.gateway.load.applying import LoadOutcome
from services.gateway.load.declarations import Complaint, DirectoryContents
from services.gateway.readmodels.tasks import TaskReadModel


async def started(state: TaskReadModel, reading: DirectoryContents, outcome: LoadOutcome) -> int:
    """Wait until all tasks have started or failed, ten seconds at most; how many have done neither by then.

    Adds to the outcome's complaints what failed. A change of a template that was taken back counts as refused.
    """
    files = {declaration.key: declaration.file for declaration in reading.declarations}
    tasks = [name for kind, name in outcome.changed if kind == "task"]
    templates = {name: event for (kind, name), event in outcome.changed.items() if kind == "template"}
    followers = {task for template in templates for task in state.tasks_of(template)}
    await asyncio.gather(*(_settled(state, task) for task in {*tasks, *followers}))
    for name, event in templates.items():
        undone = state.undone(event)
        if undone is not None:
            text = f"error reloading associated task {undone.task}: {undone.error}"
            outcome.complaints.append(Complaint(files["template", name], text))
            del outcome.changed["template", name]
    return sum(not _has_result(state, task, files, outcome) for task in tasks)


async def _settled(state: TaskReadModel, task: str) -> None:
    run = state.run(task)
    if run is not None:
        await state.ran(task, run.enabled, RUN_SECONDS)


def _has_result(state: TaskReadModel, task: str, files: Mapping[tuple[str, str], str], outcome: LoadOutcome) -> bool:
    """Whether a worker has said what became of a task, which is complained of where that is bad."""
    record = state.get(task)
    run = record.run if record is not None else None
    if record is None or run is None:
        return True
    if run.state == "failed":
        text = f"task {task} cannot run: {record.error}"
        outcome.complaints.append(Complaint(files["task", task], text, effect="failed"))
    return bool(run.state != "starting")
