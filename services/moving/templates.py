"""Templates."""

from __future__ import annotations

from typing import Any

from services.moving.job import Job
from services.moving.report import Outcome
from services.moving.servers import in_path

KIND = "templates"


def move(job: Job) -> None:
    """Copy all of them."""
    templates = list(job.old.all("/templates", fields=["type", "script"], script_format="raw"))
    job.report.expect(len(templates))
    for template in templates:
        _move(job, template)


def _move(job: Job, template: dict[str, Any]) -> None:
    id, path = template["id"], f"/templates/{in_path(template['id'])}"
    wanted = {"type": template["type"], "script": template["script"]}
    found = job.new.find(path, script_format="raw")
    here = found and {key: found[key] for key in wanted}
    outcome = job.settle(
        KIND,
        id,
        here,
        wanted,
        lambda: job.new.change("POST", "/templates", {"id": id, **wanted}),
        lambda: job.new.change("PATCH", path, wanted),
    )
    changed = outcome in (Outcome.IMPORTED, Outcome.OVERWRITTEN)
    if job.dry_run and changed and (why := job.scripts(template["script"], {}, True)):
        job.report.tell(KIND, id, f"would be refused: {why}")
