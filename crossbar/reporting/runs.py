"""What the folder of an experiment holds, read without knowing which experiment it is."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard

from crossbar.errors import InputError

__all__ = ["Run", "Table", "Value", "is_number", "read_runs"]

Value = float | int | str | None


@dataclass(frozen=True)
class Table:
    """A table of any columns: numbers where a column holds nothing else, text where it does.

    Parameters
    ----------
    columns : tuple of str
    rows : tuple of tuple
        None where a cell is empty.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]

    def column(self, name: str) -> list[Value]:
        """One column's values."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def where(self, wanted: Mapping[str, Value]) -> Table:
        """The lines that have these values."""
        places = {self.columns.index(name): value for name, value in wanted.items()}
        kept = (row for row in self.rows if all(row[k] == value for k, value in places.items()))
        return Table(self.columns, tuple(kept))

    def groups(self, names: Sequence[str]) -> dict[tuple[Value, ...], Table]:
        """Lines that agree in some columns, by these values, in the order of the first ones."""
        places = [self.columns.index(name) for name in names]
        found: dict[tuple[Value, ...], list[tuple[Value, ...]]] = {}
        for row in self.rows:
            found.setdefault(tuple(row[place] for place in places), []).append(row)
        return {key: Table(self.columns, tuple(rows)) for key, rows in found.items()}


@dataclass(frozen=True)
class Run:
    """One experiment.

    Parameters
    ----------
    path : Path
        Its folder.
    name : str
        What the page calls it.
    identity : dict
        From ``run.json``: version, settings, digests.
    complete : bool
        Whether it ran to its end.
    digital_percent : float or None
        Test accuracy of the digital network [%], if there is one.
    table : Table
        ``results.csv`` as far as it goes; a line that a kill cut short is left out.
    swept : tuple of str
        Columns that say what else the study varies.
    """

    path: Path
    name: str
    identity: dict[str, Any]
    complete: bool
    digital_percent: float | None
    table: Table
    swept: tuple[str, ...] = ()

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The settings of the study, wherever the experiment keeps them."""
        for key in ("study", "settings", "asked"):
            if isinstance(found := self.identity.get(key), dict):
                return found
        return {}

    @property
    def netlists(self) -> list[Path]:
        """SPICE files, in order of their names."""
        return sorted((self.path / "netlists").glob("*.cir"), key=lambda path: path.name)


def read_runs(folder: Path) -> list[Run]:
    """Read the experiment of a folder, or those of the folders in it.

    Raises
    ------
    InputError
        When there is none, or a file is damaged.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name what --out of an experiment made")
    places = [folder] if (folder / "run.json").is_file() else sorted(folder.iterdir())
    runs = [
        _read(place, folder.resolve().name if place == folder else place.name)
        for place in places
        if (place / "run.json").is_file()
    ]
    if not runs:
        raise InputError(
            f"{folder}: holds no run.json; name the folder of 'crossbar study --out' or another "
            "experiment"
        )
    return runs


def _read(folder: Path, name: str) -> Run:
    path = folder / "run.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        identity, digital = dict(state["identity"]), state.get("digital_accuracy_percent")
        complete = bool(state.get("complete"))
        percent = None if digital is None else float(digital)
        swept = tuple(map(str, state.get("swept", ())))
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"{path}: not readable as an experiment's settings; run the experiment again"
        ) from None
    if not is_number(percent):  # NaN where points of a sweep have different networks
        percent = None
    return Run(folder, name, identity, complete, percent, _table(folder / "results.csv"), swept)


def _table(path: Path) -> Table:
    if not path.exists():
        return Table((), ())
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path}: not readable as a table; run the experiment again") from None
    lines = list(csv.reader(io.StringIO(text[: text.rfind("\n") + 1])))
    if not lines:
        return Table((), ())
    head, *body = lines
    for number, line in enumerate(body, start=2):
        if len(line) != len(head):
            raise InputError(
                f"{path}, line {number}: has {len(line)} values for {len(head)} columns; "
                "remove the line"
            )
    columns = [_typed([line[place] for line in body]) for place in range(len(head))]
    return Table(tuple(head), tuple(zip(*columns, strict=True)))


def _typed(texts: list[str]) -> list[Value]:
    """Numbers if all that is there are numbers, else the texts."""
    kinds: tuple[type[int], type[float]] = (int, float)
    for kind in kinds:
        try:
            return [None if text == "" else kind(text) for text in texts]
        except ValueError:
            continue
    return [None if text == "" else text for text in texts]


def is_number(value: Value) -> TypeGuard[int | float]:
    """Whether it is a number, and finite."""
    return isinstance(value, int | float) and math.isfinite(value)
