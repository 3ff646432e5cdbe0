"""Why an attempt to send an event did not succeed: what follows from it."""

from __future__ import annotations


class Unsent(Exception):
    """The sink did not answer, or said that it cannot now: to try again may help.

    wait: for how many seconds the sink asked not to be tried again.
    """

    def __init__(self, problem: str, wait: float = 0.0) -> None:
        super().__init__(problem)
        self.wait = wait


class PartlySent(Unsent):
    """As Unsent, but it was sent to some of those who are to have it: other events need not wait for the rest."""


class Rejected(Exception):
    """The sink has answered that it does not take the event, or it cannot be sent at all: it is given up on."""
