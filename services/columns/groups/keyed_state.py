"""What is kept of each group, declared once: arrays by the group's local number, and parts that are more than an array.

Growing with new groups, forgetting those that have ended, saving and taking up, and splitting and joining by group what
was saved: all that follows from the declaration. Stream processors call it keyed state.

    class Bases(KeyedState):
        value: FloatArray = column(np.float64)
        seen: IntArray = column(np.int64, NEVER)

`bases.value` is a plain array; rows of groups that have not come yet may stand behind those of the groups there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from services.columns.column import Rows
from services.columns.frame import Barriers
from services.columns.groups.local_groups import LocalGroups
from services.columns.groups.portable_names import GroupNames
from services.columns.groups.series import Group, GroupArray, SeriesTable
from services.columns.groups.shown import plain_value
from services.columns.segments import grown
from services.columns.snapshot import State


class NotByGroup(ValueError):
    """A state that cannot be split by group: something in it belongs to several groups together."""


class KeyedPart:
    """Something kept by local group. `take` and `join` work on what `state` gave, without an instance."""

    def reach(self, groups: int) -> None:
        """There are so many local groups by now."""

    def keep(self, left: Rows) -> None:
        """Forget all groups but these (ascending local numbers), which are renumbered 0… in that order."""
        raise NotImplementedError

    def state(self) -> Any:
        """All of it as plain data."""
        raise NotImplementedError

    def restore(self, state: Any) -> None:
        """Take up what `state` gave."""
        raise NotImplementedError

    def explain(self, group: int) -> Any:
        """What is kept of a group, by its local number, for people and as JSON has it; None where there is nothing."""
        return None

    @classmethod
    def take(cls, state: Any, left: Rows, table: SeriesTable) -> Any:
        """Of a state what `keep` would leave of it. table: where names of series and groups are looked up."""
        raise NotImplementedError

    @classmethod
    def join(cls, states: Sequence[Any], sizes: Sequence[int], table: SeriesTable) -> Any:
        """States of so many groups each as one: the groups of each come behind those of the state before it."""
        raise NotImplementedError


class Numbering:
    """Numbers for something that several groups share, such as dimensions: what a column's values refer to."""

    def state(self) -> list[Any]:
        """All that has a number, in order."""
        raise NotImplementedError

    def restore(self, state: Sequence[Any]) -> None:
        """Take up what `state` gave."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class _Column:
    dtype: np.dtype[Any]
    fill: Any
    key: str
    into: str
    inner: bool
    to_plain: Callable[[Any], Any] | None
    from_plain: Callable[[Any], NDArray[Any]] | None

    def plain(self, values: NDArray[Any]) -> Any:
        return values if self.to_plain is None else self.to_plain(values)

    def values(self, state: Any) -> NDArray[Any]:
        return np.array(state if self.from_plain is None else self.from_plain(state), dtype=self.dtype)


@dataclass(frozen=True, slots=True)
class _Part:
    kind: type[KeyedPart]
    many: bool
    flat: bool


@dataclass(frozen=True, slots=True)
class _Numbers:
    kind: type[Numbering]


def column(
    dtype: DTypeLike,
    fill: Any = 0,
    *,
    key: str = "",
    into: str = "",
    inner: bool = False,
    to_plain: Callable[[Any], Any] | None = None,
    from_plain: Callable[[Any], NDArray[Any]] | None = None,
) -> Any:
    """Declares an array by local group: (groups,), with `inner` (groups, *inner).

    fill: the value of a new group. key: its name in the state; the attribute's where none is given. into: the attribute
    with the numbering that its values are numbers of. to_plain, from_plain: where it is saved as something else.
    """
    return _Column(np.dtype(dtype), fill, key, into, inner, to_plain, from_plain)


def keyed_part(kind: type[KeyedPart], *, many: bool = False, flat: bool = False) -> Any:
    """Declares a part, which is given when the whole is made; None stands for one that is not wanted.

    many: a list of such. flat: its state is a dict, the entries of which stand among those of the whole.
    """
    return _Part(kind, many, flat)


def numbering(kind: type[Numbering]) -> Any:
    """Declares what values of columns are numbers of."""
    return _Numbers(kind)


class KeyedColumns(KeyedPart):
    """A part of declared columns, parts and numberings."""

    _columns: ClassVar[Mapping[str, _Column]] = {}
    _parts: ClassVar[Mapping[str, _Part]] = {}
    _numberings: ClassVar[Mapping[str, _Numbers]] = {}

    def __init_subclass__(cls) -> None:
        own = vars(cls).items()
        cls._columns = {**cls._columns, **{name: one for name, one in own if isinstance(one, _Column)}}
        cls._parts = {**cls._parts, **{name: one for name, one in own if isinstance(one, _Part)}}
        cls._numberings = {**cls._numberings, **{name: one for name, one in own if isinstance(one, _Numbers)}}

    def __init__(self, inner: tuple[int, ...] = (), /, **parts: Any) -> None:
        """inner: the further shape of the columns declared to have one. parts: by name, all that are declared."""
        if parts.keys() != self._parts.keys():
            raise TypeError(f"{type(self).__name__} has the parts {sorted(self._parts)}, not {sorted(parts)}")
        self._size = 0
        for name, one in self._columns.items():
            setattr(self, name, _nothing(one.dtype, inner if one.inner else ()))
        for name, numbers in self._numberings.items():
            setattr(self, name, numbers.kind())
        for name, given in parts.items():
            setattr(self, name, given)

    def reach(self, groups: int) -> None:
        self._size = groups
        for name, one in self._columns.items():
            setattr(self, name, grown(getattr(self, name), groups, one.fill))
        for part in self._each_part():
            part.reach(groups)

    def keep(self, left: Rows) -> None:
        self._size = len(left)
        for name in self._columns:
            setattr(self, name, getattr(self, name)[left])
        for part in self._each_part():
            part.keep(left)

    def state(self) -> State:
        state: State = {}
        for name, one in self._columns.items():
            state[one.key or name] = one.plain(getattr(self, name)[: self._size])
        for name, declared in self._parts.items():
            given = getattr(self, name)
            if declared.flat:
                state |= given.state()
            elif declared.many:
                state[name] = [one.state() for one in given]
            else:
                state[name] = None if given is None else given.state()
        return state | {name: getattr(self, name).state() for name in self._numberings}

    def restore(self, state: State) -> None:
        """Take up what `state` gave. What a state of an older version lacks is as with new groups."""
        for name, one in self._columns.items():
            if (key := one.key or name) in state:
                setattr(self, name, one.values(state[key]))
        for name, declared in self._parts.items():
            given = getattr(self, name)
            if declared.flat:
                given.restore(state)
            elif declared.many:
                for part, saved in zip(given, state[name], strict=True):
                    part.restore(saved)
            elif given is not None and name in state:
                given.restore(state[name])
        for name in self._numberings:
            getattr(self, name).restore(state[name])

    def explain(self, group: int) -> dict[str, Any]:
        """By name the group's value of each column that is no number of something else, and what parts explain."""
        found: dict[str, Any] = {}
        for name, one in self._columns.items():
            if not one.into:
                found[name] = plain_value(getattr(self, name)[group].tolist())
        for name, declared in self._parts.items():
            given = getattr(self, name)
            parts = given if declared.many else [] if given is None else [given]
            explained = [part for part in (one.explain(group) for one in parts) if part]
            if explained:
                found[name] = explained if declared.many else explained[0]
        return found

    @classmethod
    def take(cls, state: State, left: Rows, table: SeriesTable) -> State:
        found: State = {}
        for name, one in cls._columns.items():
            if (key := one.key or name) in state:
                found[key] = one.plain(one.values(state[key])[left])
        for name, declared in cls._parts.items():
            if declared.flat:
                found |= declared.kind.take(state, left, table)
            elif declared.many:
                found[name] = [declared.kind.take(saved, left, table) for saved in state[name]]
            elif name in state:
                found[name] = None if state[name] is None else declared.kind.take(state[name], left, table)
        return found | {name: state[name] for name in cls._numberings}

    @classmethod
    def join(cls, states: Sequence[State], sizes: Sequence[int], table: SeriesTable) -> State:
        found: State = {}
        moved: dict[str, list[NDArray[np.int64]]] = {}
        for name in cls._numberings:
            found[name], moved[name] = joined_numbering([state[name] for state in states])
        for name, one in cls._columns.items():
            if (key := one.key or name) in states[0]:
                # a state may have rows for more groups than there are
                values = [one.values(s[key])[:n] for s, n in zip(states, sizes, strict=True)]
                if one.into:
                    values = [numbers[v] for numbers, v in zip(moved[one.into], values, strict=True)]
                found[key] = one.plain(np.concatenate(values))
        for name, declared in cls._parts.items():
            if declared.flat:
                found |= declared.kind.join(states, sizes, table)
            elif declared.many:
                columns = zip(*(state[name] for state in states), strict=True)
                found[name] = [declared.kind.join(saved, sizes, table) for saved in columns]
            elif name in states[0]:
                saved = [state[name] for state in states]
                found[name] = None if saved[0] is None else declared.kind.join(saved, sizes, table)
        return found

    def _each_part(self) -> list[KeyedPart]:
        found: list[KeyedPart] = []
        for name, declared in self._parts.items():
            given = getattr(self, name)
            found += given if declared.many else [] if given is None else [given]
        return found


@cache
def _nothing(dtype: np.dtype[Any], inner: tuple[int, ...]) -> NDArray[Any]:
    """An array of no rows: one for all of a kind, since thousands of tasks begin with some thirty of them."""
    return np.empty((0, *inner), dtype=dtype)


class KeyedState(KeyedColumns):
    """The groups that a node has seen, and what is declared to be kept of each. `groups.local` makes room for new ones.

    Its state says under "groups" which groups there are.
    """

    def __init__(self, table: SeriesTable, inner: tuple[int, ...] = (), /, **parts: Any) -> None:
        super().__init__(inner, **parts)
        self.groups = LocalGroups(table, self.reach)

    def __len__(self) -> int:
        return len(self.groups)

    def observe_barriers(self, barriers: Barriers) -> None:
        """Barriers make their groups known as points do. Where they end them, those are forgotten."""
        left = self.groups.observe_barriers(barriers)
        if left is not None:
            self.keep(left)

    def forget(self, group: GroupArray) -> None:
        """Forget these groups, by their numbers in the table; some may not be known."""
        left = self.groups.without(group)
        if len(left) < len(self.groups):
            self.keep(left)

    def keep(self, left: Rows) -> None:
        super().keep(left)
        self.groups.keep(left)

    def state(self) -> State:
        return {"groups": self.groups.state(), **super().state()}

    def restore(self, state: State) -> None:
        self.groups.restore(state["groups"])
        super().restore(state)
        self.reach(len(self.groups))

    @classmethod
    def split(cls, state: State, sharing: Partitioning) -> list[State]:
        """A state apart by group: what each share has of it."""
        table, numbers = sharing.table, state["groups"].numbers(sharing.table)
        return [
            {"groups": GroupNames(table, numbers[left]), **cls.take(state, left, table)}
            for left in sharing.rows(numbers)
        ]

    @classmethod
    def joined(cls, states: Sequence[State], table: SeriesTable) -> State:
        """The states of several shares as one. ValueError where two of them have the same group."""
        numbers = [state["groups"].numbers(table) for state in states]
        every = np.concatenate(numbers)
        if len(np.unique(every)) < len(every):
            raise ValueError("two of the states to be joined have a group in common")
        return {"groups": GroupNames(table, every), **cls.join(states, [len(n) for n in numbers], table)}


class Partitioning:
    """Into how many shares states are split, and which share each group goes to (0 … shares-1)."""

    def __init__(self, shares: int, share_of: Callable[[Group], int]) -> None:
        self.shares, self.share_of = shares, share_of
        self.table = SeriesTable()
        """Where the names in the states are looked up."""

    def of(self, numbers: GroupArray) -> NDArray[np.int64]:
        """The share of each of some groups, by their numbers in the table: int64[n]."""
        return np.array([self.share_of(self.table.group(n)) for n in numbers.tolist()], dtype=np.int64)

    def rows(self, numbers: GroupArray) -> list[Rows]:
        """For each share which of these groups are its, ascending."""
        of = self.of(numbers)
        return [np.flatnonzero(of == share) for share in range(self.shares)]


def joined_numbering(states: Sequence[list[Any]]) -> tuple[list[Any], list[NDArray[np.int64]]]:
    """One numbering of what several number, and for each of them the new number by the old one."""
    every: list[Any] = []
    moved = []
    for state in states:
        every += [one for one in state if one not in every]
        moved.append(np.array([every.index(one) for one in state], dtype=np.int64))
    return every, moved
