"""The table of a study: its columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crossbar.tables import NETWORK, Swept, check_network_fields, read_table

__all__ = ["NETWORK", "Row", "read_results"]


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
        values = (f"{name.rpartition('.')[2]} = {_short(value)}" for name, value in self.swept)
        return ", ".join([self.design, *values])


def read_results(path: str | Path) -> list[Row]:
    """Read the ``results.csv`` of a study; see `tables.read_table`."""
    return read_table(path, Row, "crossbar study")


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
