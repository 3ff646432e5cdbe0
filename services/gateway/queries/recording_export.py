"""A recording as Kapacitor's own file."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Sequence

from services.gateway.clients.recorder import RecorderClient
from services.gateway.operations.operation_error import OperationError
from services.gateway.queries.zip_stream import ZipStream
from services.gateway.readmodels.recordings import RecordingReadModel
from services.process.pools import Pool

_threads = Pool("exports", 2)


class RecordingExport:
    """Puts files together from what the recorders give, part by part."""

    def __init__(self, state: RecordingReadModel, recorder: RecorderClient) -> None:
        self._state = state
        self._recorder = recorder

    async def of(self, id: str) -> tuple[str, AsyncIterator[bytes]]:
        """A recording as Kapacitor's own file: its type, and the file (.srpl or .brpl), part by part.

        Raises OperationError before the first part.
        """
        record = self._state.recording(id)
        if record is None:
            raise OperationError(404, "error finding recording: no recording exists")
        if record.status == "running":
            raise OperationError(409, "the recording is still being made")
        sequence = record.sequence
        if record.type == "stream":
            return "stream", self._srpl(
                sequence, await self._recorder.exported(sequence, 0) or gzip.compress(b"", mtime=0)
            )
        streams, chunks = await self._recorder.chunks(sequence)
        return "batch", self._brpl(sequence, streams, chunks)

    async def _srpl(self, sequence: int, first: bytes) -> AsyncIterator[bytes]:
        part, number = first, 0
        while part:
            yield part
            number += 1
            part = await self._recorder.exported(sequence, number)

    async def _brpl(self, sequence: int, streams: int, chunks: Sequence[int]) -> AsyncIterator[bytes]:
        zipped = ZipStream()
        for place, stream in enumerate(reversed(range(streams))):
            zipped.begin(str(place))
            for number, of in enumerate(chunks):
                if of == stream:
                    await _threads.run(zipped.add, await self._recorder.exported(sequence, number))
                    yield zipped.taken()
        zipped.end()
        yield zipped.taken()
