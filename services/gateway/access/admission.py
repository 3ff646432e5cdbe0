"""Who was let in for the request that is being answered, for answers that go on for long."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass

from services.gateway.access.privileges import Privilege, User, api_resource


@dataclass(frozen=True, slots=True)
class Admission:
    """user: as they were when the request came. again: who they are now; raises Denied where they may not any more."""

    user: User
    again: Callable[[], Awaitable[User]]

    def may_read(self, path: str) -> bool:
        """Whether they may GET a path of the API."""
        return self.user.may(api_resource(path), Privilege.READ)


_admission: ContextVar[Admission | None] = ContextVar("admission", default=None)


@contextlib.contextmanager
def admitted(admission: Admission | None) -> Iterator[None]:
    """What is answered within is answered to them; None: everybody may do everything."""
    before = _admission.set(admission)
    try:
        yield
    finally:
        _admission.reset(before)


def admission() -> Admission | None:
    """Who was let in, None where everybody may do everything."""
    return _admission.get()
