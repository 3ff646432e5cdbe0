"""Who may do what."""

from __future__ import annotations

import pytest

from services.gateway.access.privileges import (
    Denied,
    Privilege,
    User,
    api_resource,
    check_request,
    database_resource,
    minimal_permissions,
    privileges_of,
)


def user(*permissions: str, databases: tuple[str, ...] = ()) -> User:
    return User("bob", False, privileges_of(permissions, databases))


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/kapacitor/v1/write", "/api/write"),
        ("/kapacitor/v1preview/write", "/api/write"),
        ("/write", "/api/write"),
        ("/kapacitor/v1/config/slack/", "/api/config/slack"),
        ("/kapacitor/v1/tasks/../config", "/api/config"),
        ("/kapacitor/v1//config", "/api/config"),
        ("/kapacitor/v1/:routes", "/api/:routes"),
        ("/metrics", "/api/metrics"),
        ("/kapacitor/v1", "/api/kapacitor/v1"),
        ("/kapacitor/v1preview/logs", "/api/logs"),
        ("", "/api"),
    ],
)
def test_the_resource_of_a_path(path: str, resource: str) -> None:
    assert api_resource(path) == resource


def test_the_resource_of_a_database() -> None:
    assert database_resource("x") == "/database/x_clean"
    assert database_resource("a/b") == "/database/a_b_dirty"
    assert database_resource("..") == "/database/.._clean"


def test_the_nearest_named_resource_decides() -> None:
    bob = User("bob", False, {"/a": Privilege.READ | Privilege.WRITE, "/a/b": Privilege.DELETE, "/a/c": Privilege.NONE})
    assert bob.may("/a", Privilege.READ) and bob.may("/a/x/y", Privilege.WRITE)
    assert bob.may("/a/b/z", Privilege.DELETE) and not bob.may("/a/b/z", Privilege.READ)
    assert not bob.may("/a/c", Privilege.READ) and bob.may("/a/c", Privilege.NONE)
    assert not bob.may("/ab", Privilege.READ) and not bob.may("/", Privilege.READ)
    assert not bob.may("/a/b/../c", Privilege.READ) and bob.may("/a/c/../x", Privilege.READ)
    assert not bob.may("relative", Privilege.READ)
    assert not user().may("/api", Privilege.READ)
    assert User("root", True, {}).may("/anything", Privilege.ALL)


API, CONFIG, USERS = "/kapacitor/v1/tasks/x", "/kapacitor/v1/config/slack", "/kapacitor/v1/users/eve"
BACKUP, WRITE, PING = "/kapacitor/v1/storage/backup", "/write", "/kapacitor/v1/ping"


STATES = "/kapacitor/v1/alerts/states"

EVERYTHING = {
    API: "GET POST PATCH DELETE",
    CONFIG: "GET POST",
    USERS: "GET POST PATCH DELETE",
    BACKUP: "GET",
    STATES: "POST",
}
WRITING = {WRITE: "POST", PING: "GET"}


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [
        ([], {}),
        (["none"], {}),
        (["api"], {API: "GET POST PATCH DELETE", USERS: "GET", PING: "GET"}),
        (["config_api"], {CONFIG: "GET POST", PING: "GET"}),
        (["write_points"], WRITING),
        (["write_points", "api"], {API: "GET POST PATCH DELETE", USERS: "GET", **WRITING}),
        (["all"], EVERYTHING | WRITING),
        (["write_points", "config_api", "api"], EVERYTHING | WRITING),
    ],
)
def test_what_permissions_allow(permissions: list[str], allowed: dict[str, str]) -> None:
    bob = user(*permissions)
    for path, methods in (EVERYTHING | WRITING).items():
        for method in methods.split():
            if method in allowed.get(path, ""):
                check_request(bob, method, path)
            else:
                with pytest.raises(Denied):
                    check_request(bob, method, path)
    assert bob.may(database_resource("any"), Privilege.WRITE) == bool({"write_points", "all"} & set(permissions))


def test_a_denial_names_what_is_missing() -> None:
    with pytest.raises(Denied) as denied:
        check_request(user("write_points"), "DELETE", "/kapacitor/v1/users/root")
    text = 'user bob does not have "delete" privilege for API endpoint "/kapacitor/v1/users/root"'
    assert (denied.value.status, str(denied.value)) == (403, text)


def test_a_token_may_write_to_its_databases_alone() -> None:
    token = user(databases=("a", "b/c"))
    check_request(token, "POST", "/kapacitor/v1/write")
    assert token.may(database_resource("a"), Privilege.WRITE) and token.may(database_resource("b/c"), Privilege.WRITE)
    assert not token.may(database_resource("b_c"), Privilege.WRITE)
    assert not token.may(database_resource("a"), Privilege.READ)
    with pytest.raises(Denied):
        check_request(token, "GET", API)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ([], []),
        (["none"], []),
        (["write_points", "api", "api"], ["api", "write_points"]),
        (["config_api", "write_points", "api"], ["all"]),
        (["all", "none", "api"], ["all"]),
    ],
)
def test_how_permissions_are_shown(given: list[str], shown: list[str]) -> None:
    assert minimal_permissions(given) == shown
