from __future__ import annotations

import time

import pytest

from services.lineprotocol.validate import check

REFUSED = [
    (b"m", "missing fields"),
    (b"m 1700000000", "invalid field format"),
    (b"m v 1700000000", "invalid field format"),
    (b"m v= 1700000000", "missing field value"),
    (b"m =1 1700000000", "missing field key"),
    (b"m,host v=1 1700000000", "missing tag value"),
    (b"m,host= v=1 1700000000", "missing tag value"),
    (b"m, v=1 1700000000", "missing tag key"),
    (b"m,a=b=c v=1", "invalid tag format"),
    (b",host=a v=1 1700000000", "missing measurement"),
    (b'm v="open 1700000000', "unbalanced quotes"),
    (b"m v=abc 1700000000", "invalid boolean"),
    (b"m v=tRUE 1700000000", "invalid boolean"),
    (b"m v=1.5i 1700000000", "invalid number"),
    (b"m v=1e999 1700000000", "invalid float"),
    (b"m v=1e 1700000000", "invalid float"),
    (b"m v=NaN 1700000000", "invalid number"),
    (b"m v=1u 1700000000", "invalid number"),
    (b"m v=- 1", "invalid number"),
    (b"m v=1 17000x", "bad timestamp"),
    (b"m v=1 1\r", "bad timestamp"),
    (b"m v=1 1700000000 extra", "point is invalid"),
    (b"m,a=1,a=2 v=1 1700000000", "duplicate tags"),
    (b"m,a=1,b=2,a=3 v=1 1700000000", "duplicate tags"),
    (b"m v=1 -", 'strconv.ParseInt: parsing "-": invalid syntax'),
    (
        b"m v=9223372036854775808i",
        "unable to parse integer 9223372036854775808: strconv.ParseInt: "
        'parsing "9223372036854775808": value out of range',
    ),
    (b"m v=1 99999999999999", "time outside range -9223372036854775806 - 9223372036854775806"),
    (b"m," + b"k" * 65535 + b"=1 v=1", "max key length exceeded: 65539 > 65535"),
]

ACCEPTED = [
    b"m v=1",
    b"   m v=1   1700000000   ",
    b"m v=1,v=2 1700000000",
    b"m\tn v=1",
    b'm,a="x,b=y" v=1',
    b"m,t==x v=1",
    b'm v="a\nb, c=d \\" e" 1',
    b"m\\ n,a\\,b=c\\=d e\\ f=1i,g=t,h=-.5,i=5.,j=1e-999,k=False",
    b"m v=0000000000000000000000000000001i",
    b"# m v=x",
    b"",
    b"\n\n\t\n",
]


@pytest.mark.parametrize(("line", "why"), REFUSED)
def test_a_bad_line_is_refused_with_the_text_of_the_reference(line: bytes, why: str) -> None:
    assert check(line, "s") == f"unable to parse '{line.decode()}': {why}"


@pytest.mark.parametrize(("line", "why"), REFUSED)
def test_the_text_is_the_same_in_a_large_body(line: bytes, why: str) -> None:
    good = b"cpu,host=a,cpu=b user=1.5,idle=3i 5\n"
    # Quotes that do not close take the rest of the body along.
    tail = b"" if b"open" in line else b"\n" + good * 500
    assert check(good * 500 + line + tail, "s") == f"unable to parse '{line.decode()}': {why}"


@pytest.mark.parametrize("line", ACCEPTED)
def test_what_the_reference_takes_is_taken(line: bytes) -> None:
    good = b"cpu,host=a,cpu=b user=1.5,idle=3i 5\n"
    assert check(line, "n") is None
    assert check(good * 500 + line + b"\n" + good * 500, "n") is None


def test_all_bad_lines_are_named_in_order() -> None:
    body = b"m v=1 1\n m bad\nm v=2 2\nm\n"
    assert check(body, "s") == "unable to parse 'm bad': invalid field format\nunable to parse 'm': missing fields"


def test_the_range_of_times_depends_on_the_precision() -> None:
    assert check(b"m v=1 9223372036854775806", "n") is None
    assert check(b"m v=1 9223372036854775807", "n") is not None
    assert check(b"m v=1 9223372036", "s") is None
    assert check(b"m v=1 9223372037", "s") is not None
    assert check(b"m v=1 -9223372036854775806", "ns") is None


def test_what_is_long_and_no_number_takes_no_longer_than_to_read_it() -> None:
    began = time.process_time()
    assert (check(b"m v=" + b"1" * 20_000 + b"e 1", "n") or "").endswith("invalid float")
    assert time.process_time() - began < 1
