"""Tables whose lines are dataclasses, written as CSV and read back exactly."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, get_type_hints

from crossbar.errors import InputError

NETWORK = "network"
"""What the line about all layers together has in its column ``layer``."""

UNITS = {
    "ohm": "ohm",
    "siemens": "S",
    "volt": "V",
    "farad": "F",
    "seconds": "s",
    "percent": "%",
    "joule": "J",
    "watt": "W",
    "kelvin": "K",
    "hertz": "Hz",
}
"""Unit of a quantity by the last word of its name."""


class TableRow(Protocol):
    """One line of a table: a frozen dataclass of text and numbers."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def key(self) -> tuple[Hashable, ...]:
        """What names the task that the row belongs to."""
        ...

    @property
    def layer(self) -> str:
        """The layer that the row is about, or `NETWORK`."""
        ...


RowType = TypeVar("RowType", bound=TableRow)
NETWORK_FIELDS = ("logit_error_percent", "flips", "accuracy_percent")
"""Columns that the line about all layers together has, and no other."""


def words_and_unit(name: str) -> tuple[str, str]:
    """The name of a column or setting in words, and its unit; "" where it has none.

    Examples
    --------
    >>> words_and_unit("word_segment_ohm")
    ('word segment', 'ohm')
    """
    words = name.split("_")
    if unit := UNITS.get(words[-1], ""):
        words = words[:-1] or words
    return " ".join(words), unit


def check_network_fields(row: TableRow) -> None:
    """Raise an InputError unless `NETWORK_FIELDS` stand on the `NETWORK` line, and only there."""
    for field in NETWORK_FIELDS:
        value = getattr(row, field)
        if (value is None) == (row.layer == NETWORK):
            raise InputError(f"{field} = {value}: is for {NETWORK} lines only")


class WholeRow:
    """A line about no layer in particular."""

    @property
    def layer(self) -> str:
        """`NETWORK`."""
        return NETWORK


Swept = tuple[tuple[str, Any], ...]
"""Columns that only some tables have, by name: a field `swept` of a row holds them."""
_SWEPT = "swept"


def columns(kind: type[TableRow], swept: Iterable[str] = ()) -> list[str]:
    """Names of the columns, in their order; those of `swept` are the last."""
    return [*(field.name for field in fields(kind) if field.name != _SWEPT), *swept]


def cells(row: TableRow) -> dict[str, Any]:
    """The values of a row by their column, those of `swept` too."""
    own = {name: getattr(row, name) for name in columns(type(row))}
    return own | dict(getattr(row, _SWEPT, ()))


def to_csv(
    rows: Iterable[TableRow],
    kind: type[TableRow],
    header: bool = True,
    swept: Sequence[str] = (),
) -> str:
    """Rows as CSV text; floats are written so that they read back exactly.

    `swept` are the names of the columns that only this table has.
    """
    text = io.StringIO()
    names = columns(kind, swept)
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(names)
    own = len(names) - len(swept)
    for row in rows:
        found = cells(row)
        written = [found[name] for name in names]
        writer.writerow(written[:own] + [_text(value) for value in written[own:]])
    return text.getvalue()


def maker_of(folder: Path) -> str | None:
    """The command that made an experiment's folder, by its ``run.json``; None where it is unsure.

    All ticket experiments are of ``crossbar tickets``.
    """
    try:
        identity = json.loads((folder / "run.json").read_text(encoding="utf-8"))["identity"]
        return made_by(identity)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def made_by(identity: Mapping[str, Any]) -> str:
    """The command that makes experiments of such an identity (see `folders.RunFolder`)."""
    experiment = identity.get("experiment")
    if experiment is not None:
        return f"crossbar {experiment if experiment in ('design', 'limits') else 'tickets'}"
    if "model_sha256" in identity:
        return "crossbar lenets"
    return "crossbar prune-study" if "torch" in identity else "crossbar study"


def read_table(path: str | Path, kind: type[RowType], command: str) -> list[RowType]:
    """Read a table; a line that a kill cut short is left out.

    Parameters
    ----------
    path : str or Path
        The CSV file.
    kind : type
        The dataclass of its lines.
    command : str
        What makes such a table, for the message when it is missing.

    Raises
    ------
    InputError
        For a missing file, other columns, or a value that does not fit its column.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); make it with '{command}'"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no text in UTF-8; move it away to start again") from None
    if not text:
        return []
    whole = text[: text.rfind("\n") + 1]
    reader = csv.DictReader(io.StringIO(whole))
    own, names = columns(kind), list(reader.fieldnames or ())
    more = names[len(own) :] if _SWEPT in get_type_hints(kind) else []
    if names != [*own, *more]:
        if (maker := maker_of(Path(path).parent)) not in (None, command):
            raise InputError(
                f"{path}: is a table of '{maker}', not one of '{command}'; show it with: "
                f"crossbar report {Path(path).parent}"
            )
        raise InputError(
            f"{path}: has other columns than a table of this version; move it away to start again"
        )
    hints = get_type_hints(kind)
    parsers = {name: _PARSER_OF[hints[name]] for name in own}
    return [_row(path, reader.line_num, values, kind, parsers, more) for values in reader]


def _row(
    path: str | Path,
    line: int,
    values: dict[str, Any],
    kind: type[RowType],
    parsers: dict[str, Callable[[str], Any]],
    swept: Sequence[str],
) -> RowType:
    parsed: dict[str, Any] = {}
    for name, parse in parsers.items():
        try:
            parsed[name] = parse(values[name])
        except (TypeError, ValueError):
            raise InputError(
                f"{path}, line {line}: {name} = {values[name]!r} is no number; remove the line"
            ) from None
    if None in values or any(values[name] is None for name in swept):
        problem = "more" if None in values else "fewer"
        raise InputError(f"{path}, line {line}: has {problem} values than columns; remove the line")
    if swept:
        parsed[_SWEPT] = tuple((name, _value(values[name])) for name in swept)
    try:
        return kind(**parsed)
    except InputError as error:
        raise InputError(f"{path}, line {line}: {error}; remove the line") from None


def _text(value: Any) -> str:
    """A setting as text: as JSON, but words without quotes."""
    if isinstance(value, str) and _value(value) == value:
        return value
    return json.dumps(value)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _optional(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: None if text == "" else parse(text)


def _boolean(text: str) -> bool:
    if text not in ("True", "False"):
        raise ValueError(text)
    return text == "True"


_PARSER_OF: dict[Any, Callable[[str], Any]] = {
    str: str,
    bool: _boolean,
    int: int,
    float: float,
    int | None: _optional(int),
    float | None: _optional(float),
}
