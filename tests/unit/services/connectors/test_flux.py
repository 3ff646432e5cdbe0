"""Annotated CSV, as InfluxDB 2.x answers Flux with, becomes batches."""

from __future__ import annotations

import pytest

from services.columns.column import Time
from services.connectors.flux import batches
from services.connectors.influxdb import InfluxDBError

STOP = 1_700_000_000 * 10**9
T = "2023-11-14T22:13:"
"""The minute that STOP is in, at its second 20."""

TABLES = f"""
#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,string
#group,false,false,true,true,false,false,true,true,true
#default,_result,,,,,,,,
,result,table,_start,_stop,_time,_value,_field,_measurement,host
,,0,{T}00Z,{T}20Z,{T}05.25Z,1.5,usage,cpu,a
,,0,{T}00Z,{T}20Z,{T}15Z,,usage,cpu,a
,,0,{T}00Z,{T}20Z,{T}10Z,3,usage,cpu,a
,,1,{T}00Z,{T}20Z,{T}05Z,+Inf,usage,cpu,"b,""c"

#datatype,string,long,string,long,unsignedLong,boolean,string,dateTime:RFC3339
#group,false,false,true,false,false,false,false,false
#default,_result,,,7,,,,
,result,table,_measurement,n,u,ok,text,at
,,2,m,1,18446744073709551615,true,"two
lines",{T}20Z
,,2,m,,,false,,
"""


def rows(text: str) -> list[tuple[str, tuple[tuple[str, str], ...], int, list[tuple[int, dict[str, object]]]]]:
    """Of each batch name, tags, time, and each point's time, as seconds after STOP, and fields."""
    found = []
    for batch in batches(text.replace("\n", "\r\n"), STOP):
        fields = [
            {name: column.value(n) for name, column in batch.fields.items() if column.value(n) is not None}
            for n in range(len(batch))
        ]
        times = [(time - STOP) / 1e9 for time in batch.time.tolist()]
        found.append((batch.name, batch.tags, (batch.tmax - STOP) / 1e9, list(zip(times, fields, strict=True))))
    return found  # type: ignore[return-value]


def test_tables_become_batches() -> None:
    tags = (("_field", "usage"), ("host", "a"))
    first, second, third = rows(TABLES)
    assert first == ("cpu", tags, -10.0, [(-14.75, {"_value": 1.5}), (-10.0, {"_value": 3.0})])
    assert second == ("cpu", (("_field", "usage"), ("host", 'b,"c')), -15.0, [(-15.0, {"_value": float("inf")})])
    assert third == (
        "m",
        (),
        0.0,
        [
            (0.0, {"n": 1, "u": float(2**64 - 1), "ok": True, "text": "two\r\nlines", "at": Time(STOP)}),
            (0.0, {"n": 7, "ok": False, "text": ""}),
        ],
    )
    assert type(third[3][0][1]["n"]) is int


@pytest.mark.parametrize("text", ["", "\n", TABLES.partition("\n,,0")[0] + "\n"])
def test_without_rows_there_is_no_batch(text: str) -> None:
    assert rows(text) == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n,it is wrong,897", "it is wrong"),
        (TABLES.replace("1.5", "x"), "invalid response: could not convert"),
        (TABLES.replace("boolean", "duration"), "column ok has unknown data type duration"),
        ("#datatype,string,long,long\n#group,false,false,false\n,result,table,n\n,,0", "invalid response"),
        (TABLES.replace(f"{T}05.25Z", "yesterday"), "not an RFC 3339 time"),
        (TABLES.replace(f"{T}05.25Z", "9999-12-31T00:00:00Z"), "invalid response: .* too large"),
        (TABLES.replace(",m,1,", ",m,99999999999999999999,"), "invalid response: .* too large"),
    ],
)
def test_what_is_wrong_is_told(text: str, error: str) -> None:
    with pytest.raises(InfluxDBError, match=error):
        rows(text)
