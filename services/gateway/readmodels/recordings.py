"""The read model of recordings, replays, traces and backtests."""

from __future__ import annotations

from services.bus.connection import Bus
from services.gateway.readmodels.read_model import ReadModel
from services.store.folds import recordings as job_fold
from services.store.folds.inspections import InspectionRecord
from services.store.folds.recordings import JobRecord, RecordingRecord, ReplayRecord
from services.store.store import Store


class RecordingReadModel(ReadModel):
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store) -> None:
        """store: where the read model is kept; it has to be open for as long."""
        super().__init__(bus, store, job_fold.fold, job_fold.SUBJECTS, "recordings", job_fold.forget, job_fold.RECORDS)

    def get(self, kind: str, id: str) -> JobRecord | None:
        """A `recording`'s, `replay`'s, `trace`'s or `backtest`'s record, None: not there."""
        return job_fold.record_of(self._state, kind, id)

    def recording(self, id: str) -> RecordingRecord | None:
        """A recording's record, None where there is no such recording."""
        return job_fold.recording_of(self._state, id)

    def replay(self, id: str) -> ReplayRecord | None:
        """A replay's record, None where there is no such replay."""
        return job_fold.replay_of(self._state, id)

    def inspection(self, kind: str, id: str) -> InspectionRecord | None:
        """The record of a `trace` or `backtest`, None where there is none."""
        return job_fold.inspection_of(self._state, kind, id)

    def ids(self, kind: str) -> list[str]:
        """All ids of a kind, the newest first."""
        records = self._state.bucket(job_fold.BUCKETS[kind]).values()
        return [r.id for r in sorted(records, key=lambda r: r.sequence, reverse=True)]

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events of a kind under this id, 0 where there never was one."""
        return self._state.get(job_fold.LAST, f"{kind}/{id}") or 0
