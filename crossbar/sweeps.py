"""Settings that a study varies: dotted names, grids and lists of values."""

from __future__ import annotations

import difflib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from crossbar.errors import InputError
from crossbar.settings import convert

T = TypeVar("T")

Values = tuple[tuple[str, Any], ...]
"""What the settings of one point are, by their dotted names."""


@dataclass(frozen=True)
class Sweep:
    """Settings that take several values each, by their dotted names.

    Parameters
    ----------
    grid : mapping of str to sequence
        Each name with its values; every combination is run.
    points : sequence of mapping of str to value
        Values that go together, all for the same names; each is combined with the whole grid.

    Raises
    ------
    InputError
        For no values, a value twice, points of different names, or a name in both.

    Examples
    --------
    >>> Sweep({"wires.driver_ohm": [0, 10]}, [{"tile.rows": 16, "tile.lines": 32}]).names
    ('wires.driver_ohm', 'tile.rows', 'tile.lines')
    """

    grid: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    points: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "grid", {name: _listed(name, v) for name, v in self.grid.items()})
        object.__setattr__(self, "points", tuple(dict(point) for point in self.points))
        for number, point in enumerate(self.points):
            if not point:
                raise InputError(f"sweep.list.{number}: is empty; give settings with their values")
            if (first := self.points.index(point)) < number:
                told = ", ".join(f"{name} = {short(value)}" for name, value in point.items())
                raise InputError(
                    f"sweep.list.{number}: {told} is sweep.list.{first} again; give each point once"
                )
            if set(point) != set(self.points[0]):
                raise InputError(
                    f"sweep.list.{number}: names {', '.join(point)}; the first names "
                    f"{', '.join(self.points[0])}: give the same settings in all"
                )
            for name in point:
                if name in self.grid:
                    raise InputError(f"sweep.{name}: in the grid and in the list; keep one")

        for above, below in itertools.permutations(self.names, 2):
            if below.startswith(f"{above}."):
                raise InputError(f"sweep.{below}: {above} is swept as a whole; keep one")

    def __hash__(self) -> int:
        return hash(json.dumps([dict(self.grid), self.points], default=str))

    @property
    def names(self) -> tuple[str, ...]:
        """The dotted names, those of the grid first."""
        return *self.grid, *(self.points[0] if self.points else ())

    def __len__(self) -> int:
        """How many points there are: 1 where nothing is swept."""
        return math.prod(map(len, self.grid.values())) * max(len(self.points), 1)

    def combinations(self) -> Iterator[Values]:
        """The values of every point, the last name changing fastest."""
        for point in self.points or ({},):
            for chosen in itertools.product(*self.grid.values()):
                yield *zip(self.grid, chosen, strict=True), *point.items()


def sweep_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """The table ``[sweep]`` of a TOML file as the fields of a `Sweep`.

    Lists under dotted names, in quotes or not, are the grid; ``[[sweep.list]]`` are the points.
    """
    grid = {name: value for name, value in values.items() if name != "list"}
    for name, listed in _flat(grid):
        if not isinstance(listed, list):
            raise InputError(f"sweep.{name} = {listed!r}: give a list of values")
    points = values.get("list", [])
    good = isinstance(points, list) and all(isinstance(point, dict) for point in points)
    if not good or ("list" in values and not points):
        raise InputError("sweep.list: give tables, each under [[sweep.list]]")
    return {"grid": dict(_flat(grid)), "points": [dict(_flat(point)) for point in points]}


def settings_at(study: T, values: Values) -> T:
    """A dataclass with other values under some dotted names; those of a tuple's elements too.

    All are put in at once, so values that only fit together are no obstacle.

    Raises
    ------
    InputError
        For a name that is no setting, or a value that a setting refuses.
    """
    tree: dict[str, Any] = {}
    for name, value in values:
        *parents, last = _checked_name(type(study), name).split(".")
        at = tree
        for part in parents:
            at = at.setdefault(part, {})
        at[last] = convert(_hint(type(study), name), value, f"sweep.{name}")
    try:
        at_point: T = _replaced(study, tree)
    except ValueError as error:
        point = ", ".join(f"{name} = {short(value)}" for name, value in values)
        raise InputError(f"sweep at {point}: {error}") from None
    return at_point


def dotted_names(kind: type) -> list[str]:
    """Every setting below a dataclass, tables included, by its dotted name."""
    found = []
    for name, hint in get_type_hints(kind).items():
        if name in {each.name for each in fields(kind)}:
            found.append(name)
            if inner := _dataclass_in(hint):
                found += [f"{name}.{below}" for below in dotted_names(inner)]
    return found


def _checked_name(kind: type, name: str) -> str:
    known = dotted_names(kind)
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    last = name.rpartition(".")[2]
    same_end = [other for other in known if other.rpartition(".")[2] == last]
    remedy = next(iter(same_end or near), None)
    said = f"did you mean {remedy!r}?" if remedy else f"known: {', '.join(known)}"
    raise InputError(f"sweep.{name}: no such setting; {said}")


def _hint(kind: Any, name: str) -> Any:
    """The declared type of the setting under a dotted name."""
    first, _, rest = name.partition(".")
    hint = get_type_hints(kind)[first]
    return _hint(_dataclass_in(hint), rest) if rest else hint


def _dataclass_in(hint: Any) -> type | None:
    """The dataclass that a setting is: itself, optional, or a tuple of any number."""
    if isinstance(hint, type) and is_dataclass(hint):
        return hint
    if get_origin(hint) in (tuple, Union, UnionType):
        inner = [part for part in get_args(hint) if part not in (type(None), Ellipsis)]
        if len(inner) == 1:
            return _dataclass_in(inner[0])
    return None


def _replaced(value: Any, tree: Mapping[str, Any]) -> Any:
    hints = get_type_hints(type(value))
    changes = {}
    for name, new in tree.items():
        old, inner = getattr(value, name), _dataclass_in(hints[name])
        if inner is None or not isinstance(new, dict):
            changes[name] = new
        elif isinstance(old, tuple):
            changes[name] = tuple(_replaced(each, new) for each in old)
        else:
            changes[name] = _replaced(inner() if old is None else old, new)
    return replace(value, **changes)


def _listed(name: str, values: Any) -> tuple[Any, ...]:
    if isinstance(values, str) or not isinstance(values, Sequence | Iterable):
        raise InputError(f"sweep.{name} = {values!r}: give a list of values")
    listed = tuple(values)
    if not listed:
        raise InputError(f"sweep.{name} = []: an empty sweep; give at least one value")
    seen: dict[str, Any] = {}
    for value in listed:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        text = json.dumps(float(value) if number else value, default=repr)
        if text in seen:
            raise InputError(f"sweep.{name}: {short(value)} is given twice; give each value once")
        seen[text] = value
    return listed


def short(value: object) -> str:
    """A value as a label has it."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value
