"""[security], and the secrets that the configuration keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas.config import Config, ConfigError, InfluxDB, load_config
from schemas.config.kept import HIDDEN
from schemas.config.overriding import Overridable, Override, OverrideError
from services.cli.handler_settings import check_handlers, handler_sections


@pytest.mark.parametrize(
    ("variable", "text", "error"),
    [
        ("COMMANDS_0", "bin/sh", '"bin/sh" must be an absolute path'),
        ("READ_DIRECTORIES_0", "etc", "must be an absolute path"),
        ("BLACKLIST_CIDRS", '["10.0.0.0/33"]', '"10.0.0.0/33" must be an address'),
        ("ADDRESSES", '["sink:70000"]', '"sink:70000" must be "HOST:PORT"'),
        ("ADDRESSES", '["tcp://sink:7000"]', '"tcp://sink:7000" must be "HOST:PORT"'),
        ("ADDRESSES", '["sink:"]', '"sink:" must be "HOST:PORT"'),
    ],
)
def test_what_is_no_list_of_that_kind(variable: str, text: str, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(environment={f"KAPACITOR_SECURITY_{variable}": text})
    assert error in str(caught.value)


def test_addresses_of_every_kind() -> None:
    given = ("*", "sink", "sink:7000", "10.0.0.1", "10.0.0.1:7000", "::1", "[::1]", "[::1]:7000")
    loaded = load_config(environment={f"KAPACITOR_SECURITY_ADDRESSES_{n}": one for n, one in enumerate(given)})
    assert loaded.security.addresses == given


def test_a_handler_that_is_misspelt_is_not_taken_for_disabled() -> None:
    check_handlers(["exec", "log"])
    with pytest.raises(ConfigError, match="no handler is exce, there are"):
        check_handlers(["exce"])


def overridable(signs: bool = False, **sections: dict[str, Any]) -> Overridable:
    extra = handler_sections()
    loaded: dict[str, Any] = {}
    for name, schema in extra.items():
        given = sections.get(name)
        one = schema.load(given or {}, many=False)
        loaded[name] = ((one,) if given else ()) if schema.many else one
    influxdb = (InfluxDB(name="main", urls=("http://db",), username="u", password="kept", http_shared_secret=signs),)
    return Overridable(Config(influxdb=influxdb, sections=loaded), extra)


def kept(
    config: Overridable,
    section: str,
    before: dict[str, Any],
    after: dict[str, Any],
    given: dict[str, Any],
    name: str = "",
) -> None:
    """Change an element's override from one to another by giving some of its settings."""
    config.check_kept(
        section, [Override(section, name, False, before)], [Override(section, name, False, after)], given, name
    )


@pytest.mark.parametrize(
    ("before", "after", "given"),
    [
        ({}, {"urls": ["http://evil"]}, {"urls": ["http://evil"]}),
        ({}, {"urls": ["http://db", "http://evil"]}, {"urls": ["http://db", "http://evil"]}),
        ({"password": "later"}, {"password": "later", "urls": ["http://evil"]}, {"urls": ["http://evil"]}),
        # the file's comes back where another one was given for another host
        ({"urls": ["http://evil"], "password": "x"}, {"urls": ["http://evil"]}, {}),
        # what was given for another host would come back to the file's
        ({"urls": ["http://new"], "password": "x"}, {"password": "x"}, {}),
    ],
)
def test_a_kept_password_goes_to_no_other_host(
    before: dict[str, Any], after: dict[str, Any], given: dict[str, Any]
) -> None:
    with pytest.raises(OverrideError, match="password is kept, but for another host"):
        kept(overridable(), "influxdb", before, after, given, "main")


@pytest.mark.parametrize(
    ("before", "after", "given"),
    [
        ({}, {"urls": ["http://new"], "password": "p"}, {"urls": ["http://new"], "password": "p"}),
        ({}, {"urls": ["http://new"], "password": ""}, {"urls": ["http://new"], "password": ""}),
        ({}, {"username": "v"}, {"username": "v"}),
        ({}, {"urls": ["http://db"]}, {"urls": ["http://db"]}),
        ({"urls": ["http://new"], "password": "x"}, {}, {}),
        ({"urls": ["http://new"], "password": "x"}, {"urls": ["http://new"], "password": "x", "timeout": "1s"}, {}),
    ],
)
def test_who_knows_the_password_may_point_it_elsewhere(
    before: dict[str, Any], after: dict[str, Any], given: dict[str, Any]
) -> None:
    kept(overridable(), "influxdb", before, after, given, "main")


@pytest.mark.parametrize(
    ("flag", "after"),
    [
        (False, {"http-shared-secret": True}),
        (False, {"http-shared-secret": True, "urls": ["http://evil"], "username": "v", "password": ""}),
        (True, {"urls": ["http://evil"], "password": ""}),
        (True, {"urls": ["http://evil"], "password": "", "http-shared-secret": True}),
        (True, {"username": "v"}),
    ],
)
def test_a_token_is_signed_for_nobody_but_whom_the_file_names(flag: bool, after: dict[str, Any]) -> None:
    with pytest.raises(OverrideError, match="http-shared-secret is for the file to switch on"):
        kept(overridable(signs=flag), "influxdb", {}, after, after, "main")


@pytest.mark.parametrize("after", [{"http-shared-secret": False}, {"timeout": "1s"}])
def test_what_sends_no_token_elsewhere_may_be_changed(after: dict[str, Any]) -> None:
    kept(overridable(signs=True), "influxdb", {}, after, after, "main")


def test_what_an_older_kapacitor_does_not_have_is_shown_where_it_is_set() -> None:
    ((_, shown, secrets),) = overridable(slack={"url": "http://x"}).shown("slack", [])
    assert "token" not in shown and "token" not in secrets
    ((_, shown, secrets),) = overridable(slack={"url": "http://x", "token": "t"}).shown("slack", [])
    assert shown["token"] is True and "token" in secrets


def test_headers_that_log_in_are_kept_for_their_host_too() -> None:
    config = overridable(httppost={"endpoint": "e", "url": "http://here", "headers": {"Authorization": "Bearer token"}})
    with pytest.raises(OverrideError, match="headers is kept, but for another host"):
        kept(config, "httppost", {}, {"url": "http://evil"}, {"url": "http://evil"}, "e")
    config = overridable(httppost={"endpoint": "e", "url": "http://here", "headers": {"Accept": "text/plain"}})
    kept(config, "httppost", {}, {"url": "http://new"}, {"url": "http://new"}, "e")


def test_what_is_the_same_for_all_is_no_secret() -> None:
    kept(overridable(), "snmptrap", {}, {"addr": "other:162"}, {"addr": "other:162"})


def test_every_section_with_a_secret_has_a_place_that_it_is_sent_to() -> None:
    """But for those whose secret is the place, and EC2, whose place is AWS."""
    from schemas.config.kept import _TARGETS
    from schemas.config.load import own_lists
    from schemas.config.section import keys_of

    for name, schema in {**own_lists(), **handler_sections()}.items():
        known = keys_of(schema)
        secrets = {key for key, declared in known.items() if declared.metadata.get("secret")}
        assert not secrets or secrets == {"url"} or name == "ec2" or _TARGETS & known.keys(), name


def shown(config: Overridable, section: str) -> dict[str, Any]:
    return config.shown(section, [])[0][1]


def test_what_is_shown_hides_webhooks_headers_and_passwords_in_urls() -> None:
    config = overridable(
        discord={
            "workspace": "w",
            "default": True,
            "url": "https://discord.com/api/webhooks/123456789012345678/a-b_secret?wait=1",
        },
        teams={
            "channel-url": "https://x.webhook.office.com/webhookb2/0f0f-1234@5678/IncomingWebhook/0123456789abcdef/0f"
        },
        alerta={"url": "http://u:secret@alerta/api", "token": "t"},
        httppost={
            "endpoint": "e",
            "url": "http://h/?api_key=secret&b=c",
            "headers": {"X-Api-Key": "secret", "Authorization": "Basic secret", "Accept": "text/plain"},
        },
    )
    every = [shown(config, section) for section in ("discord", "teams", "alerta", "httppost")]
    assert not any(word in str(every) for word in ("secret", "0123456789", "0f0f-1234"))
    assert every[0]["url"] == f"https://discord.com/api/webhooks/{HIDDEN}/{HIDDEN}?wait=1"
    assert every[2]["url"] == f"http://u:{HIDDEN}@alerta/api"
    assert every[3]["url"] == f"http://h/?api_key={HIDDEN}&b=c"
    assert every[3]["headers"] == {"X-Api-Key": HIDDEN, "Authorization": HIDDEN, "Accept": "text/plain"}
    assert config.secrets(config.base) >= {"kept", "123456789012345678", "a-b_secret", "Basic secret"}
    with pytest.raises(OverrideError, match="stands for what is not shown"):
        kept(config, "alerta", {}, {"url": every[2]["url"]}, {"url": every[2]["url"]})


def test_files_that_an_override_names_must_be_such_as_may_be_read() -> None:
    def readable(path: str) -> None:
        if path != "/allowed/template":
            raise ValueError(f"{path} is not allowed")

    base = overridable().base
    trusted = replace(base, influxdb=(replace(base.influxdb[0], ssl_ca="/of/the/file"),))
    config = Overridable(trusted, handler_sections(), readable=readable)
    for section, name, option in (
        ("httppost", "example", "alert-template-file"),
        ("influxdb", "main", "ssl-ca"),
        ("mqtt", "default", "ssl-ca"),
    ):
        override = Override(section, name, False, {option: "/etc/shadow"})
        with pytest.raises(OverrideError, match=f"cannot set option {option}: /etc/shadow is not allowed"):
            config.check(section, [override], override)
        effective, problems = config.effective([override])
        assert len(problems) == 1 and "/etc/shadow" not in str(effective)
    for section, name, option, path in (
        ("httppost", "example", "alert-template-file", "/allowed/template"),
        ("influxdb", "main", "ssl-ca", "/of/the/file"),
        ("influxdb", "main", "ssl-ca", ""),
    ):
        override = Override(section, name, False, {option: path})
        config.check(section, [override], override)
