"""What alerting is asked about topics, and what it answers.

`after` in a request is a sequence of EVENTS that the answer must not lag behind, `alert` one of ALERTS. All alertings
answer, and their answers are the same; the first that comes counts. Where a request says otherwise, one answers.

Alertings tell each other what their handlers have done, on DONE: {"log": when ALERTS was made, "of": who tells it,
"done": {key of a handler: [sequence in ALERTS, number of an event]}}, every event of the handler before that.
"""

from __future__ import annotations

from marshmallow import fields, validate

from schemas.requests.request import Message, NothingSchema, Request

DONE = "tickbus.alerting.done"

MOST_TRANSITIONS = 1000
"""In one answer."""

MOST_REPORT_ROWS = 10_000
"""The same."""

LEVELS = ("OK", "INFO", "WARNING", "CRITICAL")

OUTCOMES = ("sent", "retrying", "given-up", "silenced", "muted", "flapping", "inhibited")
"""What may have become of an event with a handler."""

MOST_DELIVERIES = 20
"""Of one alert."""


class AlertingRequestSchema(Message):
    """What all of them have in common."""

    after = fields.Integer(load_default=0)
    alert = fields.Integer(load_default=0)


class LevelsRequestSchema(AlertingRequestSchema):
    """Of which topics."""

    topics = fields.List(fields.String(), required=True)
    not_ok = fields.Boolean(
        load_default=False, metadata={"doc": "Leave out the ids that are OK in all of these topics."}
    )


class TickedRequestSchema(AlertingRequestSchema):
    """Of which run, and which of its topics. started: sequence of the first run.started of the run. part: see
    services.alertlog.codec; null where the task runs whole."""

    task = fields.String(required=True)
    started = fields.Integer(required=True)
    topics = fields.List(fields.String(), required=True)
    part = fields.List(fields.Integer(), load_default=None, allow_none=True)


class TickSchema(Message):
    """When a tick was due."""

    tick = fields.Integer(required=True, metadata={"doc": "ns since 1970, 0 for none."})


class TopicRequestSchema(AlertingRequestSchema):
    """Of which topic."""

    topic = fields.String(required=True)


class DeleteRequestSchema(TopicRequestSchema):
    """id: unique to the request, so that the deletion stands in ALERTS once."""

    id = fields.String(load_default="")


class DeletedSchema(Message):
    """Where the deletion stands."""

    alert = fields.Integer(required=True, metadata={"doc": "A sequence in ALERTS, 0 where there was nothing to do."})


class EventsRequestSchema(TopicRequestSchema):
    """Of which topic, and from which level up."""

    min_level = fields.String(load_default="OK", validate=validate.OneOf(LEVELS))


class EventRequestSchema(TopicRequestSchema):
    """Of which topic, and which id."""

    event = fields.String(required=True)


class UnhandledRequestSchema(AlertingRequestSchema):
    """Of which replay."""

    replay = fields.String(required=True, metadata={"doc": "`<replay id>:<task id>`"})


class UnhandledSchema(Message):
    """How handlers get on with the events of a replay."""

    waiting = fields.Integer(
        required=True,
        metadata={"doc": "How many, those that handlers have made of them included; 0: all are handled or given up."},
    )
    done = fields.Integer(required=True, metadata={"doc": "Rises as the handlers get on that they wait for."})


class TestRequestSchema(AlertingRequestSchema):
    """Of which service, and with which options."""

    name = fields.String(required=True)
    options = fields.Dict(fields.String(), required=True)


class TestedSchema(Message):
    """How the test went."""

    message = fields.String(required=True, metadata={"doc": 'Why it failed, "" where it did not.'})


class InhibitedRequestSchema(AlertingRequestSchema):
    """Of which tasks."""

    tasks = fields.List(fields.String(), required=True)


class FlappingSchema(Message):
    """When alerts of a topic flap."""

    window = fields.Integer(required=True, metadata={"doc": "ns."})
    low = fields.Float(required=True)
    high = fields.Float(required=True)


class TopicSchema(Message):
    """A topic as the answers show it."""

    id = fields.String(required=True)
    level = fields.String(required=True, validate=validate.OneOf(LEVELS), metadata={"doc": "Of its worst event."})
    collected = fields.Integer(
        required=True, metadata={"doc": "Events it had; a node's own topic, since its task was enabled."}
    )
    flapping = fields.Nested(FlappingSchema, metadata={"doc": "Where it is declared."})
    flaps = fields.Integer(metadata={"doc": "How many alerts flap now; where that is declared."})


class TopicsAnswerSchema(Message):
    """By id."""

    topics = fields.List(fields.Nested(TopicSchema), required=True)


class TopicAnswerSchema(Message):
    """null where it is not there."""

    topic = fields.Nested(TopicSchema, required=True, allow_none=True)


class EventStateSchema(Message):
    """The last event of an id."""

    message = fields.String()
    details = fields.String()
    time = fields.String(metadata={"doc": "RFC 3339."})
    duration = fields.String(metadata={"doc": 'A Go duration: "1m30s".'})
    level = fields.String(validate=validate.OneOf(LEVELS))


class EventSchema(Message):
    """An event as the answers show it."""

    id = fields.String(required=True)
    state = fields.Nested(EventStateSchema, required=True)
    acknowledged = fields.Dict(fields.String(), fields.String())
    silenced_by = fields.List(fields.String(), data_key="silenced-by")
    muted_by = fields.List(fields.String(), data_key="muted-by")
    flapping = fields.Boolean()
    comments = fields.List(fields.Dict(fields.String(), fields.String()))


class EventsAnswerSchema(Message):
    """By id, null where the topic is not there."""

    events = fields.List(fields.Nested(EventSchema), required=True, allow_none=True)


class EventAnswerSchema(Message):
    """null where it is not there."""

    event = fields.Nested(EventSchema, required=True, allow_none=True)


class MatcherSchema(Message):
    """As of a silence (schemas.api.oncall.silence)."""

    name = fields.String(required=True)
    value = fields.String(required=True)
    is_regex = fields.Boolean(required=True)
    is_equal = fields.Boolean(required=True)


class TransitionsRequestSchema(AlertingRequestSchema):
    """Which changes of levels: those that fit all matchers, by when they were stored, behind those of another page."""

    matchers = fields.List(fields.Nested(MatcherSchema), required=True)
    first = fields.Integer(required=True, metadata={"doc": "ns: stored then or later."})
    last = fields.Integer(required=True, metadata={"doc": "ns: stored then or before."})
    behind = fields.List(
        fields.Integer(),
        required=True,
        validate=validate.Length(max=3),
        metadata={"doc": "What `after` of the page before says; [] for the first page."},
    )
    limit = fields.Integer(required=True, validate=validate.Range(min=1, max=MOST_TRANSITIONS))


class TransitionSchema(Message):
    """A change of an alert's level."""

    topic = fields.String(required=True)
    id = fields.String(required=True)
    task = fields.String(required=True)
    name = fields.String(required=True)
    tags = fields.Dict(fields.String(), fields.String(), required=True)
    level = fields.Integer(required=True)
    previous = fields.Integer(required=True)
    time = fields.Integer(required=True)
    duration = fields.Integer(required=True)
    message = fields.String(required=True)
    silenced = fields.Boolean(required=True)
    muted = fields.Boolean(load_default=False)
    flapping = fields.Boolean(load_default=False)
    stored = fields.Integer(required=True)


class TransitionsAnswerSchema(Message):
    """The latest first."""

    transitions = fields.List(fields.Nested(TransitionSchema), required=True)
    after = fields.List(fields.Integer(), required=True, metadata={"doc": "[]: there are no more."})


class CommentSchema(Message):
    """What somebody has said of an alert. time: RFC 3339."""

    by = fields.String(required=True)
    text = fields.String(required=True)
    time = fields.String(required=True)


class CommentsAnswerSchema(Message):
    """Oldest first; null where there is no such event, and nothing was said of one."""

    comments = fields.List(fields.Nested(CommentSchema), required=True, allow_none=True)


class DeliverySchema(Message):
    """What became of one event with one handler, as one alerting knows it."""

    handler = fields.String(required=True, metadata={"doc": "Its key, which tells it from all others."})
    id = fields.String(required=True, metadata={"doc": 'What it is called in its topic, "" where a script has it.'})
    kind = fields.String(required=True)
    place = fields.List(
        fields.Integer(), required=True, metadata={"doc": "Of the event: a sequence in ALERTS, and its number there."}
    )
    level = fields.Integer(required=True)
    event_time = fields.Integer(required=True, metadata={"doc": "ns."})
    at = fields.Integer(required=True, metadata={"doc": "When it was so: ns since 1970."})
    what = fields.String(required=True, validate=validate.OneOf(OUTCOMES))
    attempts = fields.Integer(required=True)
    took = fields.Integer(required=True, metadata={"doc": "The last attempt: ns."})
    error = fields.String(required=True, metadata={"doc": "Of the last attempt that failed, without secrets."})


class DeliveriesAnswerSchema(Message):
    """Newest first; null where there is no such event, and nothing was done with one."""

    deliveries = fields.List(fields.Nested(DeliverySchema), required=True, allow_none=True)


class ReportRequestSchema(AlertingRequestSchema):
    """Of which changes: those that fit all matchers, by when they were stored; and by what they are added up."""

    matchers = fields.List(fields.Nested(MatcherSchema), required=True)
    since = fields.Integer(required=True, metadata={"doc": "ns."})
    until = fields.Integer(required=True, metadata={"doc": "ns."})
    by = fields.String(required=True, metadata={"doc": "topic, id, task, name or tag:NAME."})
    limit = fields.Integer(required=True, validate=validate.Range(min=1, max=MOST_REPORT_ROWS))


class ReportRowSchema(Message):
    """What has one value. changes, time: by level, from OK up; time: ns, of OK 0."""

    of = fields.String(required=True)
    topic = fields.String(required=True, metadata={"doc": 'Of an alert; else "".'})
    alerts = fields.Integer(required=True)
    changes = fields.List(fields.Integer(), required=True)
    time = fields.List(fields.Integer(), required=True)
    held = fields.Integer(required=True, metadata={"doc": "Changes that were kept from handlers."})


class ReportAnswerSchema(Message):
    """The rows of what was not OK for longest first."""

    rows = fields.List(fields.Nested(ReportRowSchema), required=True)
    left = fields.Integer(required=True, metadata={"doc": "How many rows there were besides."})
    too_many = fields.Boolean(required=True, metadata={"doc": "There are too many changes to be looked at."})


class ActiveSchema(Message):
    """The alerts of a topic that are not OK."""

    topic = fields.String(required=True, metadata={"doc": "(others): of all that are too many to be told apart."})
    counts = fields.List(fields.Integer(), required=True, metadata={"doc": "At INFO, WARNING and CRITICAL."})


class LatencySchema(Message):
    """How long attempts of handlers took."""

    kind = fields.String(required=True)
    topic = fields.String(required=True, metadata={"doc": "(others): of all that are too many to be told apart."})
    counts = fields.List(
        fields.Integer(),
        required=True,
        metadata={"doc": "By bucket: up to 5, 25, 100, 250, 500 ms, 1, 2.5, 5, 10, 30 s, and above."},
    )
    seconds = fields.Float(required=True, metadata={"doc": "Of all attempts together."})


class AlertingStatsSchema(Message):
    """What an alerting has done since it began."""

    alerting = fields.String(required=True, metadata={"doc": "Its name."})
    shards = fields.Integer(metadata={"doc": "How many of the 16 shards of topics have their handlers run by it."})
    events = fields.Integer(metadata={"doc": "Events folded."})
    silenced = fields.Integer(metadata={"doc": "Of these, kept from handlers by silences."})
    muted = fields.Integer(metadata={"doc": "Of these, kept from handlers, or some of them, by mutes."})
    flapping = fields.Integer(metadata={"doc": "Of these, kept from handlers since their alerts flapped."})
    repeats = fields.Integer(metadata={"doc": "Events dropped because they had come before."})
    refused = fields.Integer(metadata={"doc": "Messages that were no alerts."})
    handled = fields.Integer(metadata={"doc": "Events that a handler's sink has taken."})
    retried = fields.Integer(metadata={"doc": "Attempts after the first."})
    given_up = fields.Integer(metadata={"doc": "Events that a handler was given and its sink never took."})
    waiting = fields.Integer(
        metadata={"doc": "Events that handlers have not come to yet, but for those that others are to run."}
    )
    lag = fields.Integer(metadata={"doc": "Messages in the log that are not folded yet."})
    queues = fields.List(
        fields.Dict(),
        metadata={
            "doc": "Of each handler with work: topic, kind and handler (its key), how many messages and events wait, "
            "how many bytes of memory they take, and since when (ns) the oldest does."
        },
    )
    active = fields.List(fields.Nested(ActiveSchema), metadata={"doc": "Of all topics; the same in every alerting."})
    latencies = fields.List(fields.Nested(LatencySchema), metadata={"doc": "By kind of handler and topic."})


_STOOD = fields.Tuple((fields.Integer(), fields.Integer(), fields.Integer()))
_COUNTS = fields.List(fields.Integer())

ALERTING_LEVELS = Request(
    "alerting.levels", LevelsRequestSchema, fields.Dict(fields.String(), fields.Dict(fields.String(), _STOOD))
)
"""What the topics remember, those of tasks that do not run included: {topic: {id: [level, time, duration]}}, level 0
(OK) to 3 (CRITICAL), time and duration in ns. Everything in ALERTS counts."""
ALERTING_TICKED = Request("alerting.ticked", TickedRequestSchema, TickSchema)
"""The last tick of which alerts of a run lie in these topics. Everything in ALERTS counts."""
ALERTING_TOPICS = Request("alerting.topics", AlertingRequestSchema, TopicsAnswerSchema)
"""All that are there."""
ALERTING_TOPIC = Request("alerting.topic", TopicRequestSchema, TopicAnswerSchema)
"""One of them."""
ALERTING_EVENTS = Request("alerting.events", EventsRequestSchema, EventsAnswerSchema)
"""The events of one."""
ALERTING_EVENT = Request("alerting.event", EventRequestSchema, EventAnswerSchema)
"""One of its events."""
ALERTING_DELETE = Request("alerting.delete", DeleteRequestSchema, DeletedSchema)
"""Its events are forgotten, and the topic is not there until the next one."""
ALERTING_FOLDED = Request("alerting.folded", AlertingRequestSchema, NothingSchema)
"""The answer comes once what lies in ALERTS up to `alert` shows in other answers."""
ALERTING_UNHANDLED = Request("alerting.unhandled", UnhandledRequestSchema, UnhandledSchema)
"""What handlers have not come to of the events of a replay that are in ALERTS now."""
ALERTING_INHIBITED = Request(
    "alerting.inhibited", InhibitedRequestSchema, fields.Dict(fields.String(), fields.Dict(fields.String(), _COUNTS))
)
"""Alerts that were not sent since others inhibit them, counted since their tasks were enabled: {task: {node: [how many,
by level from OK to CRITICAL]}}, without nodes that had none."""
ALERTING_TESTS = Request(
    "alerting.tests", AlertingRequestSchema, fields.Dict(fields.String(), fields.Dict(fields.String()))
)
"""The services that can be tested: {name: the options of the test}."""
ALERTING_TEST = Request("alerting.test", TestRequestSchema, TestedSchema)
"""Run a test. One alerting answers."""
ALERTING_STATS = Request("alerting.stats", AlertingRequestSchema, AlertingStatsSchema)
"""Counts since an alerting began; each answers with its own."""
ALERTING_TRANSITIONS = Request("alerting.transitions", TransitionsRequestSchema, TransitionsAnswerSchema)
"""Changes of levels that are kept, page by page."""
ALERTING_COMMENTS = Request("alerting.comments", EventRequestSchema, CommentsAnswerSchema)
"""What was said of an alert."""
ALERTING_DELIVERIES = Request("alerting.deliveries", EventRequestSchema, DeliveriesAnswerSchema)
"""What handlers did with the events of an alert; each alerting answers with what it did since it began."""
ALERTING_REPORT = Request("alerting.report", ReportRequestSchema, ReportAnswerSchema)
"""What a time was like. One alerting answers."""
