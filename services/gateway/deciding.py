"""What the API, the bus and the load directory all go through to change something."""

from __future__ import annotations

from dataclasses import dataclass

from services.gateway.commands.handlers import HandlerCommands
from services.gateway.commands.tasks import TaskCommands
from services.gateway.commands.templates import TemplateCommands


@dataclass(frozen=True, slots=True)
class Deciding:
    """The commands of each kind."""

    tasks: TaskCommands
    templates: TemplateCommands
    handlers: HandlerCommands
