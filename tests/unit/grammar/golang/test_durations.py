import pytest

from grammar.golang.durations import format_go_duration, parse_go_duration


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("10s", 10_000_000_000),
        ("1h30m", 5_400_000_000_000),
        ("1.5s", 1_500_000_000),
        ("-2m", -120_000_000_000),
        ("+.5ms", 500_000),
        ("3µs", 3_000),
        ("9223372036854775807ns", 2**63 - 1),
    ],
)
def test_reads_what_go_reads(text: str, nanoseconds: int) -> None:
    assert parse_go_duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "-", "5", "1d", "1h 30m", "s", ".s", "1e3s", "٣s", "9223372036854775808ns"])
def test_refuses_what_go_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        parse_go_duration(text)


@pytest.mark.parametrize("text", ["9" * 5000 + "s", "0." + "9" * 5000 + "s"])
def test_a_long_text_is_no_duration_and_is_not_repeated_whole(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration") as refusal:
        parse_go_duration(text)
    assert len(str(refusal.value)) < 1100


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (999, "999ns"),
        (1_500, "1.5µs"),
        (1_000_001, "1.000001ms"),
        (90_000_000_000, "1m30s"),
        (3_600_000_000_000, "1h0m0s"),
        (-5_400_500_000_000, "-1h30m0.5s"),
    ],
)
def test_prints_as_go_prints(nanoseconds: int, text: str) -> None:
    assert format_go_duration(nanoseconds) == text
    assert parse_go_duration(text) == nanoseconds
