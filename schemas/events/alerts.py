"""What alerting is asked about topics, and what it answers: `tickbus.ask.alerting.<what>`.

`after` in a question is a sequence of EVENTS that the answer must not lag behind.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

LEVELS = ("OK", "INFO", "WARNING", "CRITICAL")


class _Question(Schema):
    class Meta:
        unknown = EXCLUDE

    after = fields.Integer(load_default=0)


class LevelsQuestionSchema(_Question):
    """`levels`: what the topics remember, those of tasks that do not run included. Everything in ALERTS counts.

    The answer is {topic: {id: [level, time, duration]}}: level 0 (OK) to 3 (CRITICAL), time and duration in ns.
    """

    topics = fields.List(fields.String(), required=True)


class TickedQuestionSchema(_Question):
    """`ticked`: the last tick of which alerts of a run lie in these topics. Everything in ALERTS counts.

    started: sequence of the first run.started of the run. The answer is {"tick": when it was due in ns, 0 for none}.
    """

    task = fields.String(required=True)
    started = fields.Integer(required=True)
    topics = fields.List(fields.String(), required=True)


class TopicsQuestionSchema(_Question):
    """`topics`: all that are there. The answer is {"topics": [TopicSchema …]}, by id."""


class TopicQuestionSchema(_Question):
    """`topic`: one. The answer is {"topic": TopicSchema, or null where it is not there}.

    `delete`, with the same question: its events are forgotten, and the topic is not there until the next one. The
    answer is {}.
    """

    topic = fields.String(required=True)


class EventsQuestionSchema(TopicQuestionSchema):
    """`events`: its events. The answer is {"events": [EventSchema …], by id, or null where the topic is not there}."""

    min_level = fields.String(load_default="OK", validate=validate.OneOf(LEVELS))


class EventQuestionSchema(TopicQuestionSchema):
    """`event`: one of them. The answer is {"event": EventSchema, or null where it is not there}."""

    event = fields.String(required=True)


class FoldedQuestionSchema(_Question):
    """`folded`: the answer, {}, comes once what lies in ALERTS up to `alert` shows in all other answers."""

    alert = fields.Integer(required=True)


class UnhandledQuestionSchema(_Question):
    """`unhandled`: what handlers have not come to of the events of a replay that are in ALERTS now.

    The answer is {"waiting": how many, those that handlers have made of them included; 0 once all are handled or given
    up, "done": how many events the handlers that they wait for have done}.
    """

    replay = fields.String(required=True, metadata={"doc": "`<replay id>:<task id>`"})


class TestsQuestionSchema(_Question):
    """`tests`: the services that can be tested. The answer is {name: the options of the test}."""


class TestQuestionSchema(_Question):
    """`test`: run one. The answer is {"message": why it failed, "" where it did not}."""

    name = fields.String(required=True)
    options = fields.Dict(fields.String(), required=True)


class InhibitedQuestionSchema(_Question):
    """`inhibited`: alerts that were not sent since others inhibit them, counted since their tasks were enabled.

    The answer is {task: {node: [how many, by level from OK to CRITICAL]}}, without nodes that had none.
    """

    tasks = fields.List(fields.String(), required=True)


class AlertingStatsQuestionSchema(_Question):
    """`stats`: counts since alerting began. The answer is an AlertingStatsSchema."""


class TopicSchema(Schema):
    """A topic as the answers show it."""

    id = fields.String()
    level = fields.String(validate=validate.OneOf(LEVELS), metadata={"doc": "Of its worst event."})
    collected = fields.Integer(metadata={"doc": "Events it had; a node's own topic, since its task was enabled."})


class EventStateSchema(Schema):
    """The last event of an id."""

    message = fields.String()
    details = fields.String()
    time = fields.String(metadata={"doc": "RFC 3339."})
    duration = fields.String(metadata={"doc": 'A Go duration: "1m30s".'})
    level = fields.String(validate=validate.OneOf(LEVELS))


class EventSchema(Schema):
    """An event as the answers show it."""

    id = fields.String()
    state = fields.Nested(EventStateSchema)


class AlertingStatsSchema(Schema):
    """What alerting has done since it began."""

    events = fields.Integer(metadata={"doc": "Events folded."})
    repeats = fields.Integer(metadata={"doc": "Events dropped because they had come before."})
    refused = fields.Integer(metadata={"doc": "Messages that were no alerts."})
    handled = fields.Integer(metadata={"doc": "Events that a handler's sink has taken."})
    retried = fields.Integer(metadata={"doc": "Attempts after the first."})
    given_up = fields.Integer(metadata={"doc": "Events that a handler was given and its sink never took."})
    waiting = fields.Integer(metadata={"doc": "Events that handlers have not come to yet."})
    lag = fields.Integer(metadata={"doc": "Messages in the log that are not folded yet."})
    lanes = fields.List(fields.Dict(), metadata={"doc": '[{"topic", "kind", "messages"}] of handlers with work.'})
