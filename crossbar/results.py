"""The table of a study: its columns, and reading it as rows, a data frame or labelled arrays."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossbar.errors import InputError
from crossbar.sweeps import short
from crossbar.tables import (
    NETWORK,
    Swept,
    cells,
    check_network_fields,
    columns,
    read_table,
    words_and_unit,
)

if TYPE_CHECKING:
    import pandas
    import xarray

__all__ = ["NETWORK", "Row", "dataset", "design_label", "frame", "read_results"]


def design_label(design: Mapping[str, Any]) -> str:
    """What tables and figures call a design that ``run.json`` holds, as `Design.label`.

    Examples
    --------
    >>> design_label({"polarity": "flip", "ladder": "stagger", "radix": 1.1})
    'flip stagger 1.1'
    """
    if name := design.get("name"):
        return str(name)
    words = [str(design.get(part, "")) for part in ("polarity", "ladder")]
    radix = design.get("radix")
    return " ".join([*words, *([f"{radix:g}"] if isinstance(radix, float) else [])]).strip()


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
    task : str
        What the line follows from, as a hash: see `tasks.Task`.
    swept : tuple of (str, value)
        The settings that the study varies; in the file a column each, with the setting's name.
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
    task: str = ""
    swept: Swept = ()

    def __post_init__(self) -> None:
        check_network_fields(self)

    @property
    def key(self) -> tuple[str, int, int]:
        """What names the task that the row belongs to."""
        return self.design, self.resistors_per_weight, self.chip

    @property
    def series(self) -> str:
        """The design and its point in the sweep: what a figure draws as one line."""
        return ", ".join([self.design, *(_in_words(name, value) for name, value in self.swept)])


def _in_words(name: str, value: object) -> str:
    """A setting and its value, with its unit."""
    words, unit = words_and_unit(name.rpartition(".")[2])
    return f"{words} = {short(value)} {unit}".rstrip()


def read_results(path: str | Path) -> list[Row]:
    """Read the ``results.csv`` of a study; see `tables.read_table`."""
    return read_table(path, Row, "crossbar study")


def frame(folder: str | Path) -> pandas.DataFrame:
    """The table of a study as a pandas object: a line for each layer, as in ``results.csv``.

    Numbers that a line does not have are NaN; a setting of its own type stays what it is.

    Raises
    ------
    InputError
        When there is no table, or pandas is missing.
    """
    data_frames = _installed("pandas")
    rows = read_results(Path(folder) / "results.csv")
    if not rows:
        raise InputError(f"{folder}: results.csv has no rows yet; run 'crossbar study' first")
    found: pandas.DataFrame = data_frames.DataFrame([cells(row) for row in rows])
    numbers = ["logit_error_percent", "flips", "accuracy_percent"]
    found[numbers] = found[numbers].astype(float)
    return found


def dataset(folder: str | Path) -> xarray.Dataset:
    """The table of a study as an xarray object.

    Its dimensions are ``design``, ``resistors_per_weight``, each setting that is swept, ``chip``
    and ``layer``, in the order of the table. Where the swept values are no full grid, one
    dimension ``point`` stands for them, and they are its coordinates. What was not run is NaN.

    Raises
    ------
    InputError
        When there is no table, or pandas or xarray is missing.
    """
    _installed("xarray")
    found = frame(folder)
    swept = [name for name in found.columns if name not in columns(Row)]
    for name in swept:
        found[name] = [_label(value) for value in found[name]]
    points = found[swept].drop_duplicates().reset_index(drop=True)
    grid = not swept or len(points) == math.prod(len(points[name].unique()) for name in swept)
    if not grid:
        numbers = {tuple(point): number for number, point in enumerate(points.to_numpy())}
        found["point"] = [numbers[tuple(point)] for point in found[swept].to_numpy()]
        found = found.drop(columns=swept)
    dims = ["design", "resistors_per_weight", *(swept if grid else ["point"]), "chip", "layer"]
    order = {name: list(dict.fromkeys(found[name])) for name in dims}
    made = found.set_index(dims).to_xarray().reindex(order)
    if not grid:
        made = made.assign_coords({name: ("point", points[name].to_numpy()) for name in swept})
    return made


def _installed(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise InputError(
            f"{name}: is not installed; install it with: pip install 'resistive-crossbar[frames]'"
        ) from None


def _label(value: Any) -> Any:
    """A setting as a coordinate: a list or a table as its text."""
    return json.dumps(value) if isinstance(value, list | dict) else value
