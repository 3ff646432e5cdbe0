"""How many points have come, by what they are of."""

from __future__ import annotations

from dataclasses import dataclass

from services.engine.ingress import Ingress
from services.engine.intake import Intake
from services.engine.series import SeriesTable


@dataclass(frozen=True)
class Message:
    seq: int
    data: bytes
    time_ns: int = 0
    headers: dict[str, str] | None = None


def count(ingress: Ingress, intake: Intake, rp: str, *messages: tuple[int, str]) -> None:
    piece, refused = intake.decode("db", rp, [Message(seq, text.encode()) for seq, text in messages])
    assert piece is not None and not refused
    ingress.count(piece)


def test_points_count_once_however_often_the_log_is_read() -> None:
    intake = Intake(SeriesTable())
    ingress = Ingress(intake)
    assert ingress.shown() == []
    count(ingress, intake, "rp", (1, "cpu v=1\nmem v=1"), (2, "cpu,host=a v=2"))
    count(ingress, intake, "other", (3, "cpu v=1"))
    count(ingress, intake, "rp", (2, "cpu,host=a v=2"), (4, "disk v=1\ncpu v=2"))
    count(ingress, intake, "rp", (1, "cpu v=1\nmem v=1"))
    assert sorted(ingress.shown()) == [
        ("db", "other", "cpu", 1),
        ("db", "rp", "cpu", 3),
        ("db", "rp", "disk", 1),
        ("db", "rp", "mem", 1),
    ]
