"""What things are called on a NATS, and back."""

from __future__ import annotations

import pytest

from services.bus.transport.names import Names

ACME = Names.of("acme.eu", "a_")
SUBJECTS = (
    "tickbus.write.db.rp",
    "tickbus.event.>",
    "$KV.workers.tickbus.x",
    "$O.states.M.abc",
    "_INBOX.x.y",
    "orders.1",
)
STREAMS = ("WRITES", "KV_workers", "OBJ_tickbus-recordings", "KV_a_workers")


@pytest.mark.parametrize("names", [Names(), ACME, Names.of("tickbus", "", domain="hub")])
def test_a_name_is_turned_back_to_what_it_was(names: Names) -> None:
    assert [names.subject_in(names.stored(subject)) for subject in SUBJECTS] == [*SUBJECTS]
    assert [names.stream_in(names.stream(stream)) for stream in STREAMS] == [*STREAMS]


def test_with_no_prefix_both_are_the_same() -> None:
    assert [Names().subject(subject) for subject in SUBJECTS] == [*SUBJECTS]
    assert Names().plain and not ACME.plain and not Names.of(domain="hub").plain


def test_what_has_not_the_prefix_is_nobody_of_ours() -> None:
    assert ACME.stream_in("WRITES") is None and ACME.stream_in("KV_workers") is None


@pytest.mark.parametrize(
    ("logical", "physical"),
    [
        ("STREAM.LIST", "STREAM.LIST"),
        ("STREAM.CREATE.WRITES", "STREAM.CREATE.a_WRITES"),
        ("STREAM.MSG.DELETE.DEAD", "STREAM.MSG.DELETE.a_DEAD"),
        ("CONSUMER.CREATE.KV_workers.c", "CONSUMER.CREATE.KV_a_workers.c"),
        ("CONSUMER.MSG.NEXT.OBJ_states.c", "CONSUMER.MSG.NEXT.OBJ_a_states.c"),
        ("DIRECT.GET.EVENTS", "DIRECT.GET.a_EVENTS"),
        ("DIRECT.GET.EVENTS.tickbus.event.task.t.*", "DIRECT.GET.a_EVENTS.acme.eu.event.task.t.*"),
        ("DIRECT.GET.KV_workers.$KV.workers.x", "DIRECT.GET.KV_a_workers.$KV.a_workers.x"),
    ],
)
def test_requests_to_jetstream_name_streams_and_subjects(logical: str, physical: str) -> None:
    assert ACME.subject(f"$JS.API.{logical}") == f"$JS.API.{physical}"
    elsewhere = Names.of("acme.eu", "a_", api_prefix="from.hub.API")
    assert elsewhere.subject(f"$JS.API.{logical}") == f"from.hub.API.{physical}"


def test_a_bucket_elsewhere_is_written_to_through_the_api_and_read_by_its_subject() -> None:
    names = Names.of(stream_prefix="a_", domain="hub")
    assert names.subject("$KV.workers.x") == "$JS.hub.API.$KV.a_workers.x"
    assert names.stored("$KV.workers.x") == "$KV.a_workers.x"
