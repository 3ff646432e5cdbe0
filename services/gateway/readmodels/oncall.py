"""The read model of mutes, and of when topics' alerts flap."""

from __future__ import annotations

from services.bus.connection import Bus
from services.bus.events import Event
from services.gateway.readmodels.read_model import ReadModel
from services.store.folds.oncall import flapping, mutes
from services.store.folds.oncall.flapping import FlappingRecord
from services.store.folds.oncall.mutes import MuteRecord
from services.store.folds.state import State
from services.store.store import Store

_SUBJECTS = (*mutes.SUBJECTS, *flapping.SUBJECTS)
_RECORDS = {**mutes.RECORDS, **flapping.RECORDS}
_LAST = {"mute": mutes.LAST, "flapping": flapping.LAST}


class OnCallReadModel(ReadModel):
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store) -> None:
        """store: where the read model is kept; it has to be open for as long."""
        super().__init__(bus, store, _fold, _SUBJECTS, "oncall", records=_RECORDS)

    def mute(self, id: str) -> MuteRecord | None:
        """A mute's record (see services.store.folds.oncall.mutes), None where there is no such mute."""
        return mutes.mute_of(self._state, id)

    def mutes(self) -> list[MuteRecord]:
        """All of them, by id."""
        return sorted(mutes.mutes(self._state), key=lambda one: one.id.encode())

    def flapping(self, topic: str) -> FlappingRecord | None:
        """When a topic's alerts flap, None where nothing is said of it."""
        return flapping.flapping_of(self._state, topic)

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events of a kind under this id, 0 where there never was one."""
        return self._state.get(_LAST[kind], id) or 0


def _fold(state: State, event: Event) -> None:
    (mutes if event.kind == "mute" else flapping).fold(state, event)
