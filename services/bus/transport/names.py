"""What things are called on a NATS that several share: prefixes of subjects and of streams, and where JetStream is.

Above this room names are logical: subjects begin with `tickbus.`, streams are called WRITES, KV_workers, OBJ_states. On
the way out they are made what the NATS knows them by, on the way in they are turned back. With no prefix both are the
same, and nothing is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

PREFIX = "tickbus"

_LOGICAL = f"{PREFIX}."
_API = "$JS.API."
_KINDS = ("KV_", "OBJ_")
_BUCKETS = ("$KV.", "$O.")
_SUBJECT_KEYS = frozenset({"filter", "subjects_filter"})
_SUBJECTS_KEYS = frozenset({"subjects", "filter_subjects"})
_EXPECTED = "Nats-Expected-Last-Subject-Sequence-Subject"


@dataclass(frozen=True, slots=True)
class Names:
    """prefix: of subjects. stream_prefix: of streams, buckets and object stores. api: what requests to JetStream begin
    with, `$JS.API` where it is in no domain of its own.
    """

    prefix: str = PREFIX
    stream_prefix: str = ""
    api: str = "$JS.API"

    @classmethod
    def of(cls, prefix: str = PREFIX, stream_prefix: str = "", domain: str = "", api_prefix: str = "") -> Names:
        """domain: JetStream's. api_prefix: in place of what that makes `$JS.API`."""
        return cls(prefix, stream_prefix, api_prefix or (f"$JS.{domain}.API" if domain else "$JS.API"))

    @property
    def plain(self) -> bool:
        """Whether everything is called on the NATS what it is called here."""
        return self == PLAIN

    @property
    def owner(self) -> str:
        """Which of several tickbuses something belongs to, as its mark says it."""
        return f"{self.prefix} {self.stream_prefix}".rstrip()

    @property
    def inbox(self) -> str:
        """What the subjects begin with on which this tickbus gets its answers."""
        return f"_INBOX.{self.prefix}"

    def subject(self, logical: str) -> str:
        """Where to send what is for a subject."""
        if logical.startswith(_API):
            return f"{self.api}.{self._verb(logical[len(_API) :])}"
        physical = self.stored(logical)
        # a bucket in another domain is written to through that domain's API
        if self.api != "$JS.API" and logical.startswith("$KV."):
            return f"{self.api}.{physical}"
        return physical

    def stored(self, logical: str) -> str:
        """The subject that a message has in its stream; filters have it, and subscriptions."""
        if logical.startswith(_LOGICAL):
            return f"{self.prefix}.{logical[len(_LOGICAL) :]}"
        for begin in _BUCKETS:
            if logical.startswith(begin):
                return f"{begin}{self.stream_prefix}{logical[len(begin) :]}"
        return logical

    def subject_in(self, physical: str) -> str:
        """The inverse of `stored`."""
        if physical.startswith(f"{self.prefix}."):
            return _LOGICAL + physical[len(self.prefix) + 1 :]
        for begin in _BUCKETS:
            if physical.startswith(begin + self.stream_prefix):
                return begin + physical[len(begin) + len(self.stream_prefix) :]
        return physical

    def stream(self, logical: str) -> str:
        """The name of a stream, which that of a bucket or an object store is too."""
        for kind in _KINDS:
            if logical.startswith(kind):
                return f"{kind}{self.stream_prefix}{logical[len(kind) :]}"
        return self.stream_prefix + logical

    def stream_in(self, physical: str) -> str | None:
        """The inverse of `stream`, None for one that has not the prefix."""
        for kind in _KINDS:
            if physical.startswith(kind):
                name = physical[len(kind) :]
                return kind + name.removeprefix(self.stream_prefix) if name.startswith(self.stream_prefix) else None
        return physical.removeprefix(self.stream_prefix) if physical.startswith(self.stream_prefix) else None

    def headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Headers of a message to be stored: one of JetStream's names a subject."""
        return {**headers, _EXPECTED: self.stored(headers[_EXPECTED])} if _EXPECTED in headers else headers

    def request(self, verb: str, body: dict[str, Any]) -> dict[str, Any]:
        """What JetStream is asked: `body` with the names that it knows."""
        made = {key: self._value_out(key, value) for key, value in body.items()}
        config = made.get("config")
        if verb.startswith("STREAM.RESTORE."):
            made["config"] = self._config_out(config)
        elif config is not None:
            made["config"] = {key: self._value_out(key, value) for key, value in config.items()}
        elif verb.startswith(("STREAM.CREATE.", "STREAM.UPDATE.")):
            made["name"] = self.stream(made["name"])
        return made

    def answer(self, answer: dict[str, Any]) -> dict[str, Any]:
        """What JetStream answers, with our names; streams in a list that have not the prefix are left out."""
        made = dict(answer)
        if isinstance(made.get("config"), dict) and "subjects" in made["config"]:
            made["config"] = self._config_in(made["config"])
        found = (made.get("state") or {}).get("subjects")
        if isinstance(found, dict):
            subjects = {self.subject_in(subject): count for subject, count in found.items()}
            made["state"] = {**made["state"], "subjects": subjects}
        if isinstance(made.get("streams"), list):
            made["streams"] = [one for one in map(self._listed, made["streams"]) if one is not None]
        return made

    def _listed(self, one: Any) -> Any:
        if isinstance(one, str):
            return self.stream_in(one)
        return None if self.stream_in(one["config"]["name"]) is None else self.answer(one)

    def _config_out(self, config: Any) -> dict[str, Any]:
        made = {key: self._value_out(key, value) for key, value in config.items()}
        return made | {"name": self.stream(config["name"])}

    def _config_in(self, config: dict[str, Any]) -> dict[str, Any]:
        subjects = [self.subject_in(subject) for subject in config["subjects"]]
        return config | {"name": self.stream_in(config["name"]) or config["name"], "subjects": subjects}

    def _value_out(self, key: str, value: Any) -> Any:
        if key in _SUBJECT_KEYS:
            return self.stored(value)
        if key in _SUBJECTS_KEYS:
            return [self.stored(subject) for subject in value]
        return self.stream(value) if key == "stream_name" else value

    def _verb(self, verb: str) -> str:
        return _verb(self, verb)


PLAIN = Names()
"""One tickbus alone."""


@lru_cache(maxsize=4096)
def _verb(names: Names, verb: str) -> str:
    """What is asked of JetStream, such as CONSUMER.CREATE.WRITES.c, with the stream's name and a subject behind it."""
    words = verb.split(".")
    at = 3 if words[1:2] == ["MSG"] else 2
    if len(words) <= at:
        return verb
    head, stream, rest = words[:at], names.stream(words[at]), words[at + 1 :]
    if rest and words[0] == "DIRECT":
        rest = names.stored(".".join(rest)).split(".")
    return ".".join([*head, stream, *rest])
