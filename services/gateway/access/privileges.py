"""Who may do what: privileges on resources, which are paths; what holds for /a holds for /a/b, unless that has its own.

`/api/…` stands for the paths of the HTTP API, `/database/…` for what is written: one name a database, `x_clean` for the
database x, `a_b_dirty` for a/b, so that every database is one step of a path.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Flag, auto

from grammar.golang.quoting import quote
from services.gateway.operations.paths import BASE, PREVIEW, V2_WRITE, V3_WRITE

_NOT_BY_API = ("/api/write", "/api/config", "/api/storage/backup", "/api/alerts/states")


class Privilege(Flag):
    """What a user needs to be allowed something, or is allowed on a resource."""

    NONE = auto()
    READ = auto()
    WRITE = auto()
    DELETE = auto()
    ALL = auto()


class Denied(Exception):
    """A request is answered with an error because of who sent it. status: 401 or 403. str() is the error's text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class User:
    """Somebody whose credentials were right. privileges: by resource."""

    name: str
    admin: bool
    privileges: Mapping[str, Privilege]

    def may(self, resource: str, privilege: Privilege) -> bool:
        """Whether the user has a privilege on a resource: the nearest resource above it that is named decides."""
        if self.admin or privilege is Privilege.NONE:
            return True
        at = posixpath.normpath(resource)
        while at not in self.privileges:
            if at in ("/", ""):
                return False
            at = posixpath.dirname(at)
        return bool(self.privileges[at] & (privilege | Privilege.ALL))


def check_request(user: User, method: str, path: str) -> None:
    """Raises Denied, 403, for a request that this user may not make."""
    privilege = _NEEDED.get(method, Privilege.NONE)
    if not user.may(api_resource(path), privilege):
        needed = str(privilege.name).lower()
        raise Denied(403, f'user {user.name} does not have "{needed}" privilege for API endpoint {quote(path)}')


def api_resource(path: str) -> str:
    """The resource that a path of the HTTP API is; one of the preview API is that of the API, writes are all one."""
    if path in (V2_WRITE, V3_WRITE):
        path = "/write"
    for base in (PREVIEW, BASE):
        if path.startswith(f"{base}/"):
            path = path[len(base) :]
            break
    return posixpath.normpath(f"/api/{path}")


def database_resource(database: str) -> str:
    """The resource that a database is."""
    name = database.replace("/", "_")
    return f"/database/{name}_{'clean' if name == database else 'dirty'}"


def privileges_of(permissions: Iterable[str], databases: Iterable[str] = ()) -> dict[str, Privilege]:
    """What permissions mean. databases: those that a subscription's token may write to.

    As Kapacitor 1.8.3 has it, apart from three things. write_points there grants /write but no database, so that nobody
    but an admin can write. And api there is enough to make oneself an admin, by changing users, or to learn the hashes
    of all passwords, from a backup; or to have alerts count as told that nobody was told of.
    """
    given = set(permissions)
    everything = "all" in given or given >= {"api", "config_api", "write_points"}
    found: dict[str, Privilege] = {}
    if "api" in given:
        found["/api"] = Privilege.ALL
        found |= dict.fromkeys(_NOT_BY_API, Privilege.NONE)
        found["/api/users"] = Privilege.READ
    if "config_api" in given:
        found |= dict.fromkeys(("/api/ping", "/api/config"), Privilege.ALL)
    if "write_points" in given:
        found |= dict.fromkeys(("/api/ping", "/api/write", "/database"), Privilege.ALL)
    for database in databases:
        found |= {"/api/ping": Privilege.ALL, "/api/write": Privilege.WRITE}
        found[database_resource(database)] = Privilege.WRITE
    return dict.fromkeys(("/api", "/database"), Privilege.ALL) if everything else found


def minimal_permissions(permissions: Iterable[str]) -> list[str]:
    """The fewest permissions that mean the same, in the order in which Kapacitor shows them."""
    given = set(permissions) - {"none"}
    if "all" in given or given == {"api", "config_api", "write_points"}:
        return ["all"]
    return [one for one in ("api", "config_api", "write_points") if one in given]


_NEEDED = {
    "GET": Privilege.READ,
    "POST": Privilege.WRITE,
    "PATCH": Privilege.WRITE,
    "PUT": Privilege.WRITE,
    "DELETE": Privilege.DELETE,
}
"""By the method of a request. Others need none: but for HEAD, which shows nothing, they lead nowhere."""
