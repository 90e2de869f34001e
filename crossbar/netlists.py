"""The netlist of a programmed chip, with where it comes from in its head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossbar.calibration import MeasuredChip
from crossbar.production import ProgrammedChip
from crossbar.scaling import described
from crossbar.simulation import NetlistForm, PlacedTile, layer_text
from crossbar.summaries import origin
from spice_models.dialects import Dialect
from spice_models.netlist import Cells

__all__ = ["chip_text"]


def chip_text(
    made: ProgrammedChip,
    settings: Mapping[str, Any],
    placed: list[list[PlacedTile]],
    inputs_volt: NDArray[np.float64],
    *,
    cells: Cells = "folded",
    dialect: Dialect = "ngspice",
    form: NetlistForm = "tiles",
    name: str = "layer",
) -> str:
    """Write the netlist of a programmed chip.

    Parameters
    ----------
    made : ProgrammedChip
    settings : mapping
        How it was made: ``version`` and ``seed`` (see `files.load_chip`). A measured chip has no
        seed in the head of its netlist.
    placed : list of list of PlacedTile
        Its tiles.
    inputs_volt : ndarray, shape (rows,)
        The input vector that is read [V].
    cells, dialect, form, name
        As for `simulation.layer_text`.
    """
    design, source = made.chip.design, origin(made, settings["seed"])
    return layer_text(
        placed,
        inputs_volt,
        title=f"{design.label}, {source}",
        design=f"{design.label}, {design.resistors} resistors per weight",
        seed=None if isinstance(made.chip, MeasuredChip) else settings["seed"],
        comments=[
            f"chip programmed by resistive-crossbar {settings['version']}",
            *described(made.siemens_per_weight),
        ],
        cells=cells,
        dialect=dialect,
        form=form,
        name=name,
    )
