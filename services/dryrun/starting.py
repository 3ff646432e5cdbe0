"""Tasks put under way to look at what they did, or would have done: with nothing done outside."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from grammar.tickscript.ast import TickscriptError
from services.bus.positions import WritesSeq
from services.columns.groups.portable_names import Names, Resolver
from services.columns.groups.series import SeriesTable
from services.columns.snapshot import State
from services.dryrun.joining import brought_together
from services.dryrun.kept_state import KeptPart, KeptState
from services.dryrun.log_reader import ReadLog
from services.dryrun.log_run import LogRun
from services.pipeline.compiler.compile import api_error
from services.pipeline.graph import Graph
from services.process.log import Log
from services.runtime.building.factory import TaskFactory
from services.runtime.environment import TaskEnvironment
from services.runtime.errors import TaskFailed
from services.runtime.input.line_protocol_decoder import LineProtocolDecoder
from services.runtime.input.share import Share
from services.runtime.task import TaskRun
from services.store.folds.definition import TaskDefinition


class CannotRun(Exception):
    """The task cannot be run; str() says why."""


@dataclass(frozen=True, slots=True)
class DryTasks:
    """Puts tasks under way. environment: as live tasks have it, of which what is done outside is taken away.

    read: reads the log, to bring the parts of a task together. note: what the process is at meanwhile, as of DryRun.
    """

    factory: TaskFactory
    environment: TaskEnvironment
    read: ReadLog
    levels: Mapping[str, Any] = field(default_factory=dict)
    note: bytes | None = None

    def telling(self, log: Log) -> DryTasks:
        """The same, with another log for what the tasks say."""
        return replace(self, factory=self.factory.telling(log))

    async def from_kept(self, kept: KeptState) -> LogRun:
        """A task as it was, which goes on where the state was kept: as a whole, be it that it ran in parts.

        Raises CannotRun, BusError.
        """
        decoder = LineProtocolDecoder(SeriesTable())
        state = await self._joined(kept, decoder) if kept.parts else kept.state
        # what each part is held to, the whole is as often as there were parts
        limits = self.environment.limits.times(max(len(kept.parts), 1))
        tasks = replace(self, environment=replace(self.environment, limits=limits))
        return await tasks._restored(kept, decoder, kept.position, state, kept.names)

    async def from_nothing(
        self,
        task: str,
        definition: TaskDefinition,
        position: WritesSeq = WritesSeq(0),  # noqa: B008
        began: int | None = None,
    ) -> LogRun:
        """A task that begins behind a place in the log and knows nothing of what was before. Raises CannotRun.

        began: when it was enabled, ns; None: with the first of what comes.
        """
        return await self._begin(task, definition, LineProtocolDecoder(SeriesTable()), position, began, self.levels)

    async def _joined(self, kept: KeptState, decoder: LineProtocolDecoder) -> State:
        with contextlib.ExitStack() as stack:
            parts = [stack.enter_context(await self._of_part(kept, part, decoder)) for part in kept.parts]
            try:
                return await brought_together(parts, decoder.table, kept.position, self.read)
            except (TaskFailed, ValueError, TypeError, LookupError) as error:
                raise CannotRun(f"the states that were kept of its parts do not go together: {error}") from error

    async def _of_part(self, kept: KeptState, part: KeptPart, decoder: LineProtocolDecoder) -> LogRun:
        run = await self._restored(kept, decoder, part.position, part.state, part.names, part.share)
        run.note = self.note
        return run

    async def _restored(
        self,
        kept: KeptState,
        decoder: LineProtocolDecoder,
        position: WritesSeq,
        state: State,
        names: Sequence[Names],
        share: Share | None = None,
    ) -> LogRun:
        run = await self._begin(kept.task, kept.definition, decoder, position, kept.began, kept.levels, share)
        try:
            await Resolver(decoder.table).resolve(names)
            run.run.restore(state)
        except (ValueError, TypeError, LookupError) as error:
            run.run.close()
            raise CannotRun(f"the state that was kept of it cannot be used: {error}") from error
        return run

    async def _begin(
        self,
        task: str,
        definition: TaskDefinition,
        decoder: LineProtocolDecoder,
        position: WritesSeq,
        began: int | None,
        levels: Mapping[str, Any],
        share: Share | None = None,
    ) -> LogRun:
        environment = replace(self.environment, levels=levels, dry=True)
        run = await put_under_way(self.factory, task, definition, environment, began, decoder.table, share)
        return LogRun(run, position, decoder)

    async def graph(self, definition: TaskDefinition) -> Graph:
        """The graph of a task. Raises CannotRun."""
        with _told():
            return await self.factory.graph(definition)


async def put_under_way(
    factory: TaskFactory,
    task: str,
    definition: TaskDefinition,
    environment: TaskEnvironment,
    began: int | None = None,
    table: SeriesTable | None = None,
    share: Share | None = None,
) -> TaskRun:
    """An instance of a task as it was defined. Raises CannotRun.

    began, share: as of TaskRun. table: None: it has series of its own.
    """
    with _told():
        graph, table = await factory.graph(definition), SeriesTable() if table is None else table
        return await factory.run(task, definition, graph, table, environment, began, share=share)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Have it said why a task cannot be run."""
    try:
        yield
    except TickscriptError as error:
        raise CannotRun(str(api_error(error))) from error
    except (TaskFailed, ValueError) as error:
        raise CannotRun(str(error)) from error
