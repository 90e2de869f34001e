"""The table of a study: its columns, written as CSV and read back exactly."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from crossbar.errors import InputError

NETWORK = "network"


@dataclass(frozen=True)
class Row:
    """One line of ``results.csv``: a layer of a chip, or its whole network.

    Parameters
    ----------
    design : str
        Label of the cell design.
    resistors_per_weight : int
        Branches in a cell.
    chip : int
        Which chip.
    layer : str
        Number of the layer from 1, or ``network`` for all of them together.
    tiles : int
        Circuits simulated.
    weights, kept_weights : int
        All weights, and those that are not pruned.
    enabled_resistors : int
        Closed switches.
    unreachable_weights : int
        Cells whose branches cannot reach their target.
    weight_worst_bits, weight_median_bits, weight_effective_bits : float
        Precision of the kept weights' cells, wires not included (see `metrics`).
    product_worst_bits, product_effective_bits : float
        Precision of the layer's products on the test images, given the digital
        network's activations, wires included; on the network's line, of its logits.
    ideal_wires_product_effective_bits : float
        The same with no wire resistance at all.
    logit_error_percent : float or None
        Rms error of the logits over their range [%].
    flips : int or None
        Test images whose label differs from the digital network's.
    accuracy_percent : float or None
        Test accuracy [%].
    simulator_mismatch : float
        What the simulator found missing in its own answer (see `simulation.Transfer`).
    seconds : float
        Time from fabrication to transfer matrix [s].
    """

    design: str
    resistors_per_weight: int
    chip: int
    layer: str
    tiles: int
    weights: int
    kept_weights: int
    enabled_resistors: int
    unreachable_weights: int
    weight_worst_bits: float
    weight_median_bits: float
    weight_effective_bits: float
    product_worst_bits: float
    product_effective_bits: float
    ideal_wires_product_effective_bits: float
    logit_error_percent: float | None
    flips: int | None
    accuracy_percent: float | None
    simulator_mismatch: float
    seconds: float

    def __post_init__(self) -> None:
        for field in ("logit_error_percent", "flips", "accuracy_percent"):
            if (getattr(self, field) is None) == (self.layer == NETWORK):
                raise InputError(f"{field} = {getattr(self, field)}: is for {NETWORK} lines only")

    @property
    def key(self) -> tuple[str, int, int]:
        """What names the task that the row belongs to."""
        return self.design, self.resistors_per_weight, self.chip


COLUMNS = [field.name for field in fields(Row)]


def to_csv(rows: Iterable[Row], header: bool = True) -> str:
    """Rows as CSV text; floats are written so that they read back exactly."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


def read_results(path: str | Path) -> list[Row]:
    """Read a ``results.csv``; a line that a kill cut short is left out.

    Raises
    ------
    InputError
        For a missing file, other columns, or a value that does not fit its column.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); make it with 'crossbar study'"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no text in UTF-8; move it away to start again") from None
    if not text:
        return []
    whole = text[: text.rfind("\n") + 1]
    reader = csv.DictReader(io.StringIO(whole))
    if reader.fieldnames is None or list(reader.fieldnames) != COLUMNS:
        raise InputError(
            f"{path}: has other columns than a table of this version; move it away to start again"
        )
    return [_row(path, reader.line_num, values) for values in reader]


def _row(path: str | Path, line: int, values: dict[str, Any]) -> Row:
    parsed: dict[str, Any] = {}
    for name, parse in _PARSERS.items():
        try:
            parsed[name] = parse(values[name])
        except (TypeError, ValueError):
            raise InputError(
                f"{path}, line {line}: {name} = {values[name]!r} is no number; remove the line"
            ) from None
    if None in values:
        raise InputError(f"{path}, line {line}: has more values than columns; remove the line")
    try:
        return Row(**parsed)
    except InputError as error:
        raise InputError(f"{path}, line {line}: {error}; remove the line") from None


def _optional(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: None if text == "" else parse(text)


_PARSER_OF: dict[Any, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: float,
    int | None: _optional(int),
    float | None: _optional(float),
}
_PARSERS = {name: _PARSER_OF[kind] for name, kind in get_type_hints(Row).items()}
