"""The settings of tickbus: every section that the program itself knows.

Alert handlers bring sections of their own, which the loader is given. Keys and meanings are Kapacitor's where
Kapacitor has them; ``tickbus config`` prints all of them with their documentation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from marshmallow import ValidationError
from marshmallow.validate import OneOf, Range

from grammar.golang.durations import format_go_duration
from schemas.config.checks import AT_LEAST_1, NOT_NEGATIVE, POSITIVE
from schemas.config.clusters import Ec2, Kubernetes, Swarm
from schemas.config.fields import (
    AddressOrNone,
    CountMap,
    Directory,
    Duration,
    Flag,
    LogLevel,
    Number,
    Size,
    Text,
    TextMap,
    Texts,
    Whole,
)
from schemas.config.http import Auth, Http, Tls
from schemas.config.influxdb import InfluxDB
from schemas.config.inputs import Collectd, FileDiscovery, Graphite, OpenTsdb, Scraper, StaticDiscovery, Udp
from schemas.config.nats import Nats
from schemas.config.section import setting, table_of
from schemas.config.security import Security
from schemas.events.task import LEFT_ALERTS

LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")
FORMATS = ("logfmt", "json")


@dataclass(frozen=True, kw_only=True)
class Logging:
    """[logging]: structured logs, a line each."""

    file: str = setting(
        "STDERR",
        Text,
        "Where logs go: STDERR, STDOUT or a file that is appended to. Its directory is made where it is missing; "
        "SIGHUP has it opened again.",
    )
    level: str = setting(
        "INFO",
        LogLevel,
        "The least level that is logged: DEBUG, INFO, WARN or ERROR, in any case.",
        check=OneOf(LEVELS, error="must be one of DEBUG, INFO, WARN, ERROR"),
    )
    format: str = setting(
        "logfmt",
        Text,
        "How a line is written: logfmt, or json for an object a line, with the same keys (ts, lvl, msg, service …).",
        check=OneOf(FORMATS, error="must be logfmt or json"),
    )
    audit_file: str = setting(
        "",
        Text,
        "A file that who changed what is appended to, whatever the level; empty: it goes where logs go, at level INFO. "
        "Log files are made readable by their owner alone, and made anew where they were moved away.",
    )


@dataclass(frozen=True, kw_only=True)
class Storage:
    """[storage]: the folds and snapshots that each service keeps under data_dir."""

    boltdb: str = setting(
        "", Text, "Kapacitor's database file. Accepted and not used: tickbus keeps its state in data_dir."
    )
    map_size: int = setting(
        16 << 30,
        Size,
        "The most that one service's LMDB file may grow to. Disk is used as data is written, not up front.",
        check=Range(min=1 << 20, error="must be at least 1m"),
    )
    keep_free: int = setting(
        256 << 20,
        Size,
        "How many bytes of the disk serve keeps free, at most a tenth of it: with less, writes are answered 503.",
        check=NOT_NEGATIVE,
    )
    max_import: int = setting(
        1 << 30,
        Size,
        "How many bytes the file of a recording that is imported may unpack to; above it the answer is 413.",
        check=POSITIVE,
    )


@dataclass(frozen=True, kw_only=True)
class Service:
    """[service]: how those who watch over a process reach it."""

    health_address: str = setting(
        "",
        AddressOrNone,
        'Where each service tells whether it lives (/healthz) and is ready (/readyz), and its metrics, "HOST:PORT"; '
        "without credentials. Empty: nowhere, and the gateway says the former two on its own port all the same. "
        "`tickbus serve` counts the port up: the gateway has this one, alerting the next, then the recorder and the "
        "workers; with port 0 each takes a free one and logs it.",
    )


@dataclass(frozen=True, kw_only=True)
class Engine:
    """[engine]: the workers that run tasks."""

    id: str = setting(
        "",
        Text,
        "The worker's name; it names its directory and its leases. Empty: from host and process; serve names its own.",
    )
    workers: int = setting(
        0,
        Whole,
        "How many workers serve starts. 0: one for every two processors, 4 at most.",
        check=Range(min=0, max=256, error="must be 0 to 256"),
    )
    shards: int = setting(
        64,
        Whole,
        "Over how many shards tasks are spread. The same on every worker.",
        check=Range(min=1, max=4096, error="must be 1 to 4096"),
    )
    lease_ttl: float = setting(
        5.0, Duration, "How long a worker holds a shard after its last sign of life.", check=POSITIVE
    )
    heartbeat: float = setting(1.0, Duration, "How often a worker renews its leases.", check=POSITIVE)
    snapshot_interval: float = setting(
        10.0,
        Duration,
        "How often a worker saves the state of its tasks: the oftener, the less is replayed after a crash. Sooner when "
        "it takes up tasks and when it has caught up with the log; less often where saving would take more than a "
        "fifth of the time.",
        check=POSITIVE,
    )
    history_every: float = setting(
        600.0,
        Duration,
        "How often, beside the newest state of a task, one of the past is kept, for as long as the log of writes "
        "reaches back to it: what looks into the past reads that much of the log at most. A state that has not changed "
        "is not kept again. 0s: none is kept.",
        check=NOT_NEGATIVE,
    )
    history_bytes: int = setting(
        1 << 30,
        Size,
        "How many bytes on NATS the states of the past of all tasks may take, about: over it they are thinned out, the "
        "older the more; the newest one of each task stays. The same on every worker. 0: no limit.",
        check=NOT_NEGATIVE,
    )
    max_batch_messages: int = setting(
        5000, Whole, "How many messages at most are decoded as one frame.", check=AT_LEAST_1
    )
    max_batch_bytes: int = setting(
        2 << 20,
        Size,
        "How many bytes at most are decoded as one frame.",
        check=Range(min=1, max=1 << 30, error="must be from 1 to 1g"),
    )
    step_limit: float = setting(
        10.0,
        Duration,
        "How long a task may take for what the worker gives it at once: a frame, or what a moment sets off. Over it "
        "the task ends with an error. A step that does not end by itself costs the worker a restart first. 0s: for "
        "ever.",
        check=NOT_NEGATIVE,
    )
    drain_limit: float = setting(
        10.0,
        Duration,
        "How long a task that is disabled goes on with what was written before. One that is deleted only ends in "
        "order where it has caught up.",
        check=NOT_NEGATIVE,
    )
    group_idle_age: float = setting(
        0.0,
        Duration,
        "After how long without a point tasks forget a group, as with barrier().delete(TRUE); 0s: never. "
        "A group that comes back starts anew: windows, states and alerts know nothing of it, and an alert that was "
        "raised for it is not recovered. Choose more than any window, deadman or pause of the data lasts.",
        check=NOT_NEGATIVE,
    )
    task_memory: int = setting(
        512 << 20,
        Size,
        "How much memory one task may keep, about: windows, groups, what it waits to send. A task that keeps more "
        "fails, and the others go on. 0: no limit.",
        check=NOT_NEGATIVE,
    )
    max_groups: int = setting(
        1_000_000,
        Whole,
        "How many groups a node of one task may keep, else the task fails; a fourth of it, how many series and groups "
        "it may make out of what comes to it at once. A group takes about 1 KB. 0: no limit.",
        check=NOT_NEGATIVE,
    )
    split: Mapping[str, int] = setting(
        MappingProxyType({}),
        CountMap,
        "Which tasks run in parts, and in how many each: by id, or by a pattern such as cpu_*, of which the first that "
        "fits counts. Each part has a share of a task's groups and may run on a worker of its own. A task that needs "
        "all its groups in one place stays whole: `tickbus explain TASK` tells why. The same on every worker.",
    )
    split_share: float = setting(
        0.0,
        Number,
        "A task that `split` does not name and whose nodes take more than this share of a worker's time, 0.5 say, is "
        "split into as many parts as there are workers, if there are several and it can be. It stays so until it is "
        "enabled anew. 0: no task is.",
        check=Range(min=0, max=1, error="must be 0 to 1"),
    )
    max_groups_in_all: int = setting(
        4_000_000,
        Whole,
        "How many groups all tasks of a worker may keep together; where they are more, the task fails that keeps most. "
        "0: no limit.",
        check=NOT_NEGATIVE,
    )


@dataclass(frozen=True, kw_only=True)
class Replay:
    """[replay]: replays of recordings and queries."""

    patience: float = setting(
        40.0,
        Duration,
        "A replay is finished once all that it has sent is handled or given up. How long it waits where nothing is: "
        "where the handlers of its alerts, or what its httpPost and influxDBOut nodes write to, do not get on. More "
        "than the `timeout` in [alert], so that an answer that is late is waited for. 0s: it waits for nothing.",
        check=NOT_NEGATIVE,
    )


@dataclass(frozen=True, kw_only=True)
class Load:
    """[load]: tasks, templates and topic handlers defined by the files of a directory.

    Read when a gateway starts and on SIGHUP. Every gateway that has it enabled should see the same files.
    """

    enabled: bool = setting(False, Flag, "Whether the directory is read.")
    dir: str = setting(
        "/etc/kapacitor/load",
        Text,
        "The directory, an absolute path: tasks/*.tick, tasks/*.yaml, .yml or .json for tasks made from templates, "
        "templates/*.tick, and handlers/*.yaml, .yml or .json. What was loaded from it is deleted with its file.",
    )

    def __post_init__(self) -> None:
        if self.enabled and not Path(self.dir).is_absolute():
            raise ValidationError({"dir": ["must be an absolute path"]})


@dataclass(frozen=True, kw_only=True)
class Alert:
    """[alert]: how long handlers try to send an alert, what becomes of those of deleted tasks, and how several alerting
    services share the topics."""

    timeout: float = setting(
        30.0,
        Duration,
        "How long one attempt to send an alert may take, the answer included, unless the handler has a `timeout` of "
        "its own; 0s: for ever. What is answered within that time is not sent again, else the next attempt may take "
        "twice as long. exec has no limit but its own; email has this for each answer of the mail server, ten times as "
        "long for the one to the whole mail; kafka for each answer of a broker.",
    )
    retry_for: float = setting(
        600.0,
        Duration,
        "For how long after an alert has come it is tried again where nobody answers, or the answer is `not now`: mail "
        "servers say that to senders they do not know, who may come again in five minutes. What could not be sent by "
        "then is given up on: logged, and counted in tickbus_alerts_given_up_total.",
    )
    deleted_tasks: str = setting(
        "forget",
        Text,
        "What becomes of the alerts that a task leaves when it is deleted. forget: the task's own topics are gone, and "
        "who was told of an alert hears no more of it. keep: a task that is defined under the same id goes on from "
        "them, so that their end is told. end: they end, which the task's handlers and topics are told as OK events. "
        "`DELETE /tasks/ID?alerts=keep` says so for one task.",
        check=OneOf(LEFT_ALERTS, error=f"must be one of {', '.join(LEFT_ALERTS)}"),
    )
    publish: bool = setting(
        True,
        Flag,
        "Whether each change of an alert's level is published to NATS for other programs, as a CloudEvent on "
        "tickbus.alerts.<topic>, without any handler. Not where `nats` is in disable-handlers.",
    )
    id: str = setting(
        "",
        Text,
        "The name of this alerting service among several on one NATS, each with a data directory of its own. Empty: "
        "one that it makes up and keeps there.",
    )
    lease_ttl: float = setting(
        5.0,
        Duration,
        "How long an alerting service keeps its topics after its last sign of life, and begins nothing after the last "
        "that was stored; then others take them over.",
        check=POSITIVE,
    )
    heartbeat: float = setting(1.0, Duration, "How often it gives a sign of life.", check=POSITIVE)
    persist_topics: bool = setting(
        True,
        Flag,
        "Kapacitor's switch for keeping topics over a restart. Of no effect: they are in the log of alerts.",
    )
    topic_buffer_length: int = setting(
        5000, Whole, "Of no effect: what waits for a handler stands in the log of alerts, and holds up nothing."
    )


@dataclass(frozen=True, kw_only=True)
class Deadman:
    """[deadman]: what the alerts of deadman nodes say, where the script does not, and whether every task has one."""

    global_: bool = setting(
        False,
        Flag,
        "Whether the points that come to each task are watched as a whole, as by |deadman(threshold, interval) on its "
        "stream or batch.",
        key="global",
    )
    threshold: float = setting(0.0, Number, "With global: so many points in an interval, or fewer, are too few.")
    interval: float = setting(10.0, Duration, "With global: how often to look.", check=POSITIVE)

    id: str = setting(
        "{{ .Group }}:NODE_NAME for task '{{ .TaskName }}'",
        Text,
        "The alerts' ids, a template; NODE_NAME stands for the node that is watched.",
    )
    message: str = setting(
        '{{ .ID }} is {{ if eq .Level "OK" }}alive{{ else }}dead{{ end }}: '
        '{{ index .Fields "emitted" | printf "%0.3f" }} points/INTERVAL.',
        Text,
        "Their messages, a template; INTERVAL stands for how often the node looks.",
    )


@dataclass(frozen=True, kw_only=True)
class ConfigOverride:
    """[config-override]: changing the configuration over the HTTP API."""

    enabled: bool = setting(True, Flag, "Whether it may be changed over the API, and whether what was changed counts.")


@dataclass(frozen=True, kw_only=True)
class UdfFunction:
    """[udf.functions.NAME]: a function that scripts use as `@NAME()`, run as a process or reached over a socket."""

    prog: str = setting("", Text, "The program. Each node that uses the function starts one of its own.")
    args: tuple[str, ...] = setting((), Texts, "Its arguments.")
    env: Mapping[str, str] = setting(MappingProxyType({}), TextMap, "Variables to set in its environment.")
    socket: str = setting("", Text, "In place of a program: a unix socket that somebody listens on.")
    timeout: float = setting(10.0, Duration, "How long it may be silent before it counts as dead and is restarted.")

    def __post_init__(self) -> None:
        if self.timeout <= 1e-3:
            raise ValidationError(f"timeout is too small: {format_go_duration(round(self.timeout * 1e9))}")
        if self.socket and (self.prog or self.args or self.env):
            raise ValidationError("both socket and process config provided")
        if not self.socket and not self.prog:
            raise ValidationError("must set either prog or socket")


@dataclass(frozen=True, kw_only=True)
class Udf:
    """[udf]: user defined functions. The gateway asks them for their options, engine workers run them."""

    functions: Mapping[str, UdfFunction] = setting(
        MappingProxyType({}),
        table_of(UdfFunction),
        "The functions, one table each: [udf.functions.NAME] with prog, args, env and timeout, or socket and timeout.",
    )


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole configuration, checked: what every service is given.

    ``sections`` holds what the handlers' sections loaded to, by name; a list for a section that may stand repeatedly.
    ``warnings`` say what of the file and the environment is of no effect, where its user loses by that.
    """

    hostname: str = setting("localhost", Text, "This host's name, as other systems are told it.")
    data_dir: Path = setting(  # noqa: RUF009 - a Path cannot be changed
        Path("~/.tickbus").expanduser(),
        Directory,
        "Everything that is kept: the log, folds, snapshots.",
        key="data_dir",
    )
    default_retention_policy: str = setting("", Text, "The retention policy of a write that names none.")
    skip_config_overrides: bool = setting(False, Flag, "Whether overrides made over the HTTP API are left out.")
    http: Http = field(default_factory=Http)
    auth: Auth = field(default_factory=Auth)
    tls: Tls = field(default_factory=Tls)
    security: Security = field(default_factory=Security)
    logging: Logging = field(default_factory=Logging)
    storage: Storage = field(default_factory=Storage)
    nats: Nats = field(default_factory=Nats)
    service: Service = field(default_factory=Service)
    engine: Engine = field(default_factory=Engine)
    alert: Alert = field(default_factory=Alert)
    replay: Replay = field(default_factory=Replay)
    load: Load = field(default_factory=Load)
    udf: Udf = field(default_factory=Udf)
    deadman: Deadman = field(default_factory=Deadman)
    config_override: ConfigOverride = field(default_factory=ConfigOverride)
    udp: tuple[Udp, ...] = ()
    graphite: tuple[Graphite, ...] = ()
    collectd: Collectd = field(default_factory=Collectd)
    opentsdb: OpenTsdb = field(default_factory=OpenTsdb)
    scraper: tuple[Scraper, ...] = ()
    static_discovery: tuple[StaticDiscovery, ...] = ()
    file_discovery: tuple[FileDiscovery, ...] = ()
    influxdb: tuple[InfluxDB, ...] = field(default_factory=lambda: (InfluxDB(disable_subscriptions=True),))
    kubernetes: tuple[Kubernetes, ...] = ()
    swarm: tuple[Swarm, ...] = ()
    ec2: tuple[Ec2, ...] = ()
    sections: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    warnings: tuple[str, ...] = field(default=(), compare=False)
