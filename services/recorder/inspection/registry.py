"""What can be looked at: by the kind of its events the job that does it."""

from __future__ import annotations

from collections.abc import Mapping

from services.recorder.inspection.backtest import BacktestJob
from services.recorder.inspection.job import MakeJob
from services.recorder.inspection.trace import TraceJob

JOBS: Mapping[str, MakeJob] = {"trace": TraceJob, "backtest": BacktestJob}
