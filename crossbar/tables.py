"""Tables whose lines are dataclasses, written as CSV and read back exactly."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Hashable, Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, get_type_hints

from crossbar.errors import InputError

NETWORK = "network"
"""What the line about all layers together has in its column ``layer``."""


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


def columns(kind: type[TableRow]) -> list[str]:
    """Names of the columns, in their order."""
    return [field.name for field in fields(kind)]


def to_csv(rows: Iterable[TableRow], kind: type[TableRow], header: bool = True) -> str:
    """Rows as CSV text; floats are written so that they read back exactly."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns(kind), lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


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
    if reader.fieldnames is None or list(reader.fieldnames) != columns(kind):
        raise InputError(
            f"{path}: has other columns than a table of this version; move it away to start again"
        )
    parsers = {name: _PARSER_OF[found] for name, found in get_type_hints(kind).items()}
    return [_row(path, reader.line_num, values, kind, parsers) for values in reader]


def _row(
    path: str | Path,
    line: int,
    values: dict[str, Any],
    kind: type[RowType],
    parsers: dict[str, Callable[[str], Any]],
) -> RowType:
    parsed: dict[str, Any] = {}
    for name, parse in parsers.items():
        try:
            parsed[name] = parse(values[name])
        except (TypeError, ValueError):
            raise InputError(
                f"{path}, line {line}: {name} = {values[name]!r} is no number; remove the line"
            ) from None
    if None in values:
        raise InputError(f"{path}, line {line}: has more values than columns; remove the line")
    try:
        return kind(**parsed)
    except InputError as error:
        raise InputError(f"{path}, line {line}: {error}; remove the line") from None


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
