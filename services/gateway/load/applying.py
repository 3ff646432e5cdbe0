"""Making things what a load directory declares, by the same decisions as the API's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from grammar.tickscript.ast import TickscriptError
from services.gateway.commands.templates import TemplateCommands
from services.gateway.load.declarations import Complaint, DeclaredResource, DirectoryContents
from services.gateway.load.pausing import Pausing
from services.gateway.load.read_model import LoadReadModel
from services.gateway.operations.operation_error import OperationError
from services.process import log as logs

T = TypeVar("T")

_AT_ONCE = 16
_log = logs.get("load")


class Commands(Protocol):
    """What is decided about one kind. Raises OperationError."""

    async def check(self, body: Any) -> Any:
        """Nothing, unless this cannot be."""

    async def declare(self, body: Any) -> int:
        """Have it be so; gives the event by which it is, 0 where it was so before."""

    async def delete(self, name: str) -> None:
        """Have it be no more; no error where it is not there."""


@dataclass(slots=True)
class LoadOutcome:
    """What a load has done. changed: by key, the event by which a declaration is so that was not so before.

    interrupted: why it could not go on to the end, empty where it did.
    """

    changed: dict[tuple[str, str], int] = field(default_factory=dict)
    unchanged: int = 0
    removed: int = 0
    complaints: list[Complaint] = field(default_factory=list)
    interrupted: str = ""


class Applying:
    """One load."""

    def __init__(
        self,
        commands: Mapping[str, Commands],
        templates: TemplateCommands,
        read_model: LoadReadModel,
        pausing: Pausing,
        reading: DirectoryContents,
        held: Callable[[], bool],
    ) -> None:
        """commands: by kind, those of templates among them. held: whether this gateway is still the one that loads."""
        self._commands, self._templates = commands, templates
        self._read_model, self._pausing = read_model, pausing
        self._reading, self._held = reading, held
        self._outcome = LoadOutcome(complaints=list(reading.complaints))

    async def apply(self) -> LoadOutcome:
        """Declare templates before tasks, which need them, and handlers before tasks, whose alerts they handle; what is
        declared no more goes after what is new of its kind, handlers last."""
        await self._declare("template")
        await self._remove("template")
        await self._declare("handler")
        await self._declare("task")
        await self._remove("task")
        await self._remove("handler")
        await self._pausing.resume()
        return self._outcome

    async def _declare(self, kind: str) -> None:
        await _each((one for one in self._reading.declarations if one.kind == kind), self._declare_one)

    async def _declare_one(self, declaration: DeclaredResource) -> None:
        async def declare() -> None:
            commands = self._commands[declaration.kind]
            await commands.check(declaration.body)
            await self._read_model.remember(declaration)
            event = await self._declared(declaration)
            if event:
                self._outcome.changed[declaration.key] = event
            else:
                self._outcome.unchanged += 1

        await self._guarded(declaration.file, declare)

    async def _declared(self, declaration: DeclaredResource) -> int:
        if declaration.kind != "template":
            return await self._commands[declaration.kind].declare(declaration.body)
        leaving = self._pausing.leaving(declaration, self._reading)
        if await self._pausing.changes_type(declaration):
            await self._pausing.make_way(declaration, self._reading)
        try:
            return await self._templates.declare(declaration.body, leaving)
        except OperationError as refusal:
            if refusal.status != 500 or not await self._pausing.make_way(declaration, self._reading):
                raise
        return await self._templates.declare(declaration.body, leaving)

    async def _remove(self, kind: str) -> None:
        gone = self._reading.gone(self._read_model.declared(kind))
        # A file that declares something else now and is wrong keeps what it declared before.
        refused = {complaint.file for complaint in self._outcome.complaints if complaint.effect == "refused"}
        await _each((record for record in gone if record["file"] not in refused), self._remove_one)

    async def _remove_one(self, record: Mapping[str, Any]) -> None:
        async def remove() -> None:
            await self._commands[record["kind"]].delete(record["name"])
            await self._read_model.forget(record["kind"], record["name"])
            self._outcome.removed += 1

        await self._guarded(record["file"], remove)

    async def _guarded(self, file: str, do: Callable[[], Awaitable[None]]) -> None:
        """Do what a file asks for; whatever is wrong with it stops no other file. Where the bus fails, all stops."""
        if not self._held():
            self._outcome.interrupted = self._outcome.interrupted or "another gateway may be loading by now"
        if self._outcome.interrupted:
            return
        try:
            await do()
        except OperationError as refusal:
            if refusal.status == 503:
                self._outcome.interrupted = str(refusal)
            else:
                self._outcome.complaints.append(Complaint(file, str(refusal), *_place(file, refusal)))
        except Exception as error:
            _log.exception("a file of the load directory cannot be taken", error, file=file)
            self._outcome.complaints.append(Complaint(file, f"internal error, see the log: {error!r}"))


def _place(file: str, refusal: OperationError) -> tuple[int, int]:
    """Line and character of what is wrong with a script, 0 where that is not said, or said of a template's script."""
    error = refusal.__cause__
    if not file.endswith(".tick") or not isinstance(error, TickscriptError):
        return 0, 0
    return error.position.line, error.position.char


async def _each(things: Iterable[T], do: Callable[[T], Awaitable[None]]) -> None:
    """Do it for all, so many at once: much of it is waiting for the bus."""
    left = iter(things)

    async def work() -> None:
        for thing in left:
            await do(thing)

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
