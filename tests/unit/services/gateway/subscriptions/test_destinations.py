"""What is wanted, and which subscriptions lead here as they should."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from schemas.config import InfluxDB
from services.gateway.subscriptions.catalogue import Place, Subscription
from services.gateway.subscriptions.destinations import destinations_of, host_of, wants
from services.gateway.subscriptions.tokens import Tokens
from services.process.listening import join_host_port

PLACE = ("d", "week")


def valid(token: str, place: Place) -> bool:
    return (token, place) == ("right", PLACE)


def problem(*urls: str, mode: str = "ANY", hosts: str = "h:1", tokens: bool = False, **settings: Any) -> str:
    wanted = destinations_of(InfluxDB(**settings), tuple(hosts.split()), "h:1", tokens)
    return wanted.problem(Subscription(PLACE, "kapacitor-x", mode, urls), valid)


@pytest.mark.parametrize(
    ("urls", "given", "why"),
    [
        (["http://h:1"], {}, ""),
        (["http://h:1"], {"mode": "ALL"}, ""),
        (["http://h:1", "http://g:2"], {"hosts": "g:2 h:1"}, ""),
        (["http://h:1", "http://g:2"], {"hosts": "g:2 h:1", "mode": "ALL"}, "every gateway would get what one should"),
        (["http://h:1"], {"hosts": "g:2 h:1"}, "it leads elsewhere"),
        (["http://h:2"], {}, "it leads elsewhere"),
        (["http://g:1"], {}, "it leads elsewhere"),
        (["https://h:1"], {}, "it is of another protocol"),
        (["https://h:1"], {"subscription_protocol": "https"}, ""),
        (["http://h:1/p"], {"subscription_path": "p"}, ""),
        (["http://h:1"], {"subscription_path": "/p"}, "it has another path"),
        (["http://~subscriber:right@h:1"], {}, "it has a token, and none is needed"),
        (["http://~subscriber:right@h:1"], {"tokens": True}, ""),
        (["http://~subscriber:wrong@h:1"], {"tokens": True}, "its token is not valid"),
        (["http://root:right@h:1"], {"tokens": True}, "its token is not valid"),
        (["http://h:1"], {"tokens": True}, "its token is not valid"),
        (["udp://h:5000"], {"subscription_protocol": "udp", "tokens": True}, ""),
        (["udp://g:5000"], {"subscription_protocol": "udp"}, "it leads elsewhere"),
        (["http://[h:1"], {}, "its destinations cannot be read"),
        ([], {}, "its destinations cannot be read"),
    ],
)
def test_what_is_wrong_with_one(urls: list[str], given: dict[str, Any], why: str) -> None:
    assert problem(*urls, **given) == why


def test_what_is_made_is_right() -> None:
    wanted = destinations_of(InfluxDB(subscription_path="p"), ("g:2", "h:1"), "h:1", True)
    made = Subscription(PLACE, "kapacitor-x", "ANY", wanted.urls("right"))
    assert wanted.problem(made, valid) == ""
    assert made.create_statement == (
        'CREATE SUBSCRIPTION "kapacitor-x" ON "d"."week" DESTINATIONS ANY '
        "'http://~subscriber:right@g:2/p', 'http://~subscriber:right@h:1/p'"
    )


def test_what_is_wanted() -> None:
    everything = InfluxDB()
    assert wants(everything, ("_internal", "monitor")) and not wants(everything, ("_kapacitor", "autogen"))
    some = InfluxDB(subscriptions={"d": ("week", "day")}, excluded_subscriptions={"d": ("day",)})
    assert [wants(some, place) for place in (PLACE, ("d", "day"), ("e", "week"))] == [True, False, False]
    assert wants(InfluxDB(subscriptions={"d": ()}), ("e", "week")), "none is chosen"


def test_names_that_a_statement_must_quote() -> None:
    one = Subscription(('d"', "r\\"), "n", "ANY", ("http://h'")).drop_statement
    assert one == 'DROP SUBSCRIPTION "n" ON "d\\""."r\\\\"'


def test_addresses() -> None:
    assert [host_of(join_host_port(host, 1)) for host in ("h", "10.0.0.1", "::1")] == ["h", "10.0.0.1", "::1"]


def test_a_token_tells_its_cluster() -> None:
    token = Tokens.new("c.1")
    assert base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).startswith(b"c.1;")
    assert token != Tokens.new("c.1")
