"""Tasks: first they are here, disabled; those that run there are enabled once everything else is here, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.moving.job import Job
from services.moving.report import Outcome
from services.moving.servers import Busy, Refused, in_path

KIND = "tasks"

_FIELDS = ["type", "dbrps", "script", "status", "vars"]
_TWICE = "implicitly and explicitly"  # part of what is said of dbrps that the script has already
_MOST_OF_FLUX = 500  # that Kapacitor lists at once
_NO_WORKER = "no engine worker"  # part of what is said of a task that is enabled, but not started in time

Definition = dict[str, Any]


def move(job: Job) -> list[str]:
    """Copy all of them; the ids of those that are to be enabled."""
    templates = {template["id"] for template in job.old.all("/templates", fields=["type"])}
    tasks = list(job.old.all("/tasks", fields=_FIELDS, script_format="raw"))
    job.report.expect(len(tasks))
    to_enable = [task["id"] for task in tasks if _move(job, task, templates)]
    for task in _of_flux(job):
        job.report.not_taken(KIND, f"{task['id']} {task['name']}", "it is written in Flux, which tickbus does not run")
    return to_enable


def enable(job: Job, ids: list[str]) -> None:
    """Enable these, as far as they are here."""
    for number, id in enumerate(ids):
        job.report.enabling(number, len(ids))
        try:
            if not job.dry_run:
                job.new.change("PATCH", _path(id), {"status": "enabled"})
        except Refused as error:
            job.report.not_taken(KIND, id, f"it is here, but does not start: {error}")
        except Busy as error:
            if _NO_WORKER not in str(error):
                raise
            job.report.not_taken(KIND, id, f"it is here and enabled, but does not run yet: {error}")
        else:
            job.report.count(KIND, Outcome.ENABLED)


def _move(job: Job, task: dict[str, Any], templates: set[str]) -> bool:
    """Copy one; whether it is to be enabled."""
    id, runs = task["id"], task["status"] == "enabled"
    wanted = _definition(task | {"template-id": _template(job, id, templates)})
    found = job.new.find(_path(id), script_format="raw")
    here = found and _definition(found)
    enabled_here = found is not None and found["status"] == "enabled"
    if here == wanted and enabled_here and not runs and not job.disabled:
        return _stop(job, id)
    outcome = job.settle(KIND, id, here, wanted, lambda: _create(job, id, wanted), lambda: _change(job, id, wanted))
    changed = outcome in (Outcome.IMPORTED, Outcome.OVERWRITTEN)
    if job.dry_run and changed and (why := job.scripts(task["script"], task["vars"], False)):
        job.report.tell(KIND, id, f"would be refused: {why}")
        return False
    return runs and not job.disabled and (changed or (outcome is Outcome.SAME and not enabled_here))


def _template(job: Job, id: str, templates: set[str]) -> str:
    """The template that a task is made of, "" for none: lists do not tell it."""
    try:
        template: str = job.old.get(_path(id), script_format="raw").get("template-id") or ""
    except Refused as error:
        # Kapacitor shows no task of its own whose script it cannot read any more, but in lists
        job.report.tell(KIND, id, f"taken without its template, if it has one: {error}")
        return ""
    if template and template not in templates:
        job.report.tell(KIND, id, f"its template {template} is no more, it is taken with the script that it has")
        return ""
    return template


def _of_flux(job: Job) -> list[dict[str, Any]]:
    """The tasks in Flux, which Kapacitor has from 1.6 on."""
    try:
        found: list[dict[str, Any]] = job.old.get("/api/v2/tasks", limit=_MOST_OF_FLUX)["tasks"]
    except (Refused, Busy):
        return []
    return found


def _stop(job: Job, id: str) -> bool:
    """Disable a task that runs here alone, if what is here is to be overwritten."""
    if not job.overwrite:
        job.report.differs(KIND, id, "status")
        return False
    if not job.dry_run:
        job.new.change("PATCH", _path(id), {"status": "disabled"})
    job.report.count(KIND, Outcome.OVERWRITTEN)
    return False


def _definition(task: Mapping[str, Any]) -> Definition:
    """What makes a task what it is. The script of one that is made of a template is the template's."""
    template = task.get("template-id") or ""
    return {
        "template": template,
        "type": task["type"],
        "dbrps": sorted((dbrp["db"], dbrp["rp"]) for dbrp in task["dbrps"] or ()),
        "script": "" if template else task["script"],
        "vars": {name: _var(var) for name, var in (task["vars"] or {}).items()},
    }


def _var(var: Mapping[str, Any]) -> dict[str, Any]:
    value = var.get("value")
    if var["type"] == "list":
        value = [_var(one) for one in value or ()]
    return {"type": var["type"], "value": value, "description": var.get("description") or ""}


def _create(job: Job, id: str, wanted: Definition) -> None:
    body = {"id": id, "status": "disabled", **_body(wanted)}
    try:
        job.new.change("POST", "/tasks", body)
    except Refused as error:
        if _TWICE not in str(error):
            raise
        job.new.change("POST", "/tasks", body | {"dbrps": []})


def _change(job: Job, id: str, wanted: Definition) -> None:
    """Disabled with it: a task that runs goes on as it was before until it is enabled anew."""
    body = {"status": "disabled", **_body(wanted)}
    try:
        after = job.new.change("PATCH", _path(id), body)
    except Refused as error:
        if _TWICE not in str(error):
            raise
        after = job.new.change("PATCH", _path(id), body | {"dbrps": []})
    if _definition(job.new.get(_path(id), script_format="raw")) != wanted:
        raise Refused(0, f"{after['id']} cannot be changed to what it is there: delete it here and import it again")


def _body(wanted: Definition) -> dict[str, Any]:
    return {
        "template-id": wanted["template"],
        "type": wanted["type"],
        "dbrps": [{"db": db, "rp": rp} for db, rp in wanted["dbrps"]],
        "script": wanted["script"],
        "vars": wanted["vars"],
    }


def _path(id: str) -> str:
    return f"/tasks/{in_path(id)}"
