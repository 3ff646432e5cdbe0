"""``tickbus stats``: figures of a server, or what it is written."""

from __future__ import annotations

from typing import Any

import click

from services.cli.go_flags import Command
from services.cli.output.printing import as_json, on_terminal, print_field, print_json
from services.cli.output.tables import Column, print_table
from services.cli.server.connecting import asks_server
from tickbus.client import Client

_GENERAL = {
    "ClusterID": "cluster_id",
    "ServerID": "server_id",
    "Host": "host",
    "Tasks": "num_tasks",
    "Enabled Tasks": "num_enabled_tasks",
    "Subscriptions": "num_subscriptions",
    "Platform": "platform",
    "Version": "version",
}
_PLACES = 30
_INGRESS = (
    Column("Database", 8, fits=True),
    Column("Retention Policy", 16, fits=True),
    Column("Measurement", 11, fits=True),
    Column("Points Received", 15, right=True),
)


@click.command(cls=Command)
@click.argument("what", type=click.Choice(["general", "ingress"]), metavar="(general|ingress)")
@as_json
@asks_server
def command(client: Client, what: str, json: bool) -> None:
    """Show figures of a server (general), or how many points of each measurement it was written (ingress)."""
    figures = client.request("GET", "/debug/vars")
    if what == "ingress":
        found = sorted(map(_ingress, filter(_is_ingress, figures["kapacitor"].values())), key=_order)
        if json:
            print_json(found)
            return
        print_table(_INGRESS, [tuple(str(value) for value in one.values()) for one in found])
        return
    general = {key: figures[key] for key in _GENERAL.values()}
    if json:
        print_json(general)
        return
    for name, key in _GENERAL.items():
        if on_terminal():
            print_field(name, str(general[key]))
        else:
            print(f"{name + ':':{_PLACES}}{general[key]:<{_PLACES}}")


def _is_ingress(stat: dict[str, Any]) -> bool:
    return bool(stat["name"] == "ingress" and stat["tags"].get("task_master") == "main")


def _ingress(stat: dict[str, Any]) -> dict[str, Any]:
    tags = stat["tags"]
    return {
        "database": tags["database"],
        "retention_policy": tags["retention_policy"],
        "measurement": tags["measurement"],
        "points_received": int(stat["values"].get("points_received") or 0),
    }


def _order(one: dict[str, Any]) -> tuple[str, str, str]:
    return one["database"], one["retention_policy"], one["measurement"]
