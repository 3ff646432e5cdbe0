"""Which commands there are, where each stands, and what each does in a line."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Entry:
    """A command. module: below services.cli.commands, has `command`. about: as it stands in the list of commands."""

    module: str
    about: str


SECTIONS = MappingProxyType(
    {
        "Tasks": {
            "define": Entry("tasks.define", "create or update a task"),
            "define-template": Entry("tasks.define_template", "create or update a template"),
            "enable": Entry("tasks.enable", "have tasks run"),
            "disable": Entry("tasks.disable", "have tasks not run"),
            "reload": Entry("tasks.reload", "disable and enable tasks"),
            "explain": Entry("tasks.explain", "show by what a task is split over workers, or what is in the way"),
            "show": Entry("tasks.show", "show all about a task"),
            "show-template": Entry("tasks.show_template", "show all about a template"),
            "push": Entry("tasks.push", "define tasks of this server on another one"),
            "watch": Entry("tasks.watch", "follow the log of a task"),
            "tap": Entry("tasks.tap", "follow what leaves the nodes of a task"),
        },
        "Rules": {
            "test": Entry("rules.test", "run tests of scripts, without a server"),
            "lint": Entry("rules.lint", "look for mistakes in scripts, without a server, and format them"),
            "lsp": Entry("rules.lsp", "answer an editor that scripts are written in (LSP)"),
        },
        "Alerts": {
            "define-topic-handler": Entry("alerts.define_topic_handler", "create or update a handler of a topic"),
            "show-topic": Entry("alerts.show_topic", "show a topic with its events"),
            "show-topic-handler": Entry("alerts.show_topic_handler", "show a handler of a topic"),
            "alerts": Entry("alerts.alerts", "show what has become of alerts, in reports too; comment on them"),
            "silence": Entry("alerts.silence", "keep alerts from handlers for a while, list and end that"),
            "mute": Entry("alerts.mute", "keep alerts from handlers in windows that come again"),
            "service-tests": Entry("alerts.service_tests", "try out services that alerts are sent to"),
        },
        "The past": {
            "why": Entry("past.why", "show why an alert was raised, from the point that caused it node by node"),
            "why-not": Entry("past.why_not", "show how far points got in a task, and where they ended"),
            "trace": Entry("past.trace", "show what a task did with a part of the log, node by node"),
            "backtest": Entry("past.backtest", "show every alert that a script would have raised"),
            "history": Entry("past.history", "show how far back writes, alerts and the states of tasks are kept"),
        },
        "Recordings": {
            "record": Entry("recordings.record", "record a stream, a batch task's queries, or a query"),
            "replay": Entry("recordings.replay", "replay a recording to a task"),
            "replay-live": Entry("recordings.replay_live", "replay queries to a task without a recording"),
            "replay-effects": Entry(
                "recordings.replay_effects", "print what a replay without side effects would have done"
            ),
        },
        "Everything that is kept": {
            "list": Entry("operations.list_", "list tasks, recordings, traces, topics, handlers and the like"),
            "delete": Entry("operations.delete", "delete tasks, recordings, traces, topics, handlers and the like"),
        },
        "Services": {
            "serve": Entry("services.serve", "start NATS and every service on this machine"),
            "demo": Entry("services.demo", "serve this host's own figures to a sample task and show its alerts"),
            "gateway": Entry("services.gateway", "start the HTTP API against a given NATS"),
            "engine": Entry("services.engine", "start one engine worker against a given NATS"),
            "alerting": Entry("services.alerting", "start the alerting service against a given NATS"),
            "recorder": Entry("services.recorder", "start one recorder against a given NATS"),
        },
        "Operations": {
            "backup": Entry("operations.backup", "save a backup of everything to a file"),
            "restore": Entry(
                "operations.restore", "begin with a backup, in an empty data directory or a NATS without streams"
            ),
            "import": Entry(
                "operations.import_",
                "copy tasks, templates, handlers and how alerts stand from a running Kapacitor",
            ),
            "user": Entry("operations.user", "make, change, delete and list the users of the HTTP API"),
            "logs": Entry("operations.logs", "follow the log of all services"),
            "level": Entry("operations.level", "set the level of the log"),
            "stats": Entry("operations.stats", "show figures of a server, or what it is written"),
            "top": Entry("operations.top", "show the tasks by points, time, errors, lag and groups, live"),
            "vars": Entry("operations.vars", "print all figures of a server as JSON"),
            "dead-letters": Entry(
                "operations.dead_letters",
                "list, show and drop messages that were set aside because they could not be used",
            ),
            "streams": Entry(
                "operations.streams", "list what lies on NATS: how much it is, how it is kept, what to set"
            ),
            "config": Entry(
                "operations.config", "print the effective configuration, each setting with its documentation"
            ),
        },
        "Reference": {
            "nodes": Entry("reference.nodes", "list the nodes that scripts may use, or print all about one"),
            "handlers": Entry("reference.handlers", "list what alerts may be sent with, or print all about one"),
            "help": Entry("reference.help", "print the help of a command"),
            "version": Entry("reference.version", "print the version"),
            "completion": Entry("reference.completion", "print what a shell needs to complete commands"),
        },
    }
)
"""By section of the help and name."""

COMMANDS = MappingProxyType({name: entry for section in SECTIONS.values() for name, entry in section.items()})
"""By name."""


def sentence(text: str) -> str:
    """A line of help as a sentence."""
    return text[0].upper() + text[1:] + "."
