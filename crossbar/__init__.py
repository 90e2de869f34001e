"""Analog crossbar arrays from imprecise resistors: design, program, simulate, study.

The modules stand in the order of the data: `design`, `fabrication`, `calibration`,
`programming`, `simulation`, `networks`, `studies`, `plots`. `convert` and `compare`, for PyTorch
models, load torch when they are first asked for.
"""

from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from crossbar.calibration import MeasuredChip, Measurement, as_measured, measure
from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.fabrication import Chip, fabricate
from crossbar.measurements import read_measurement, write_measurement
from crossbar.models.converters import Converters
from crossbar.programming import Program, program, siemens_per_weight, target_siemens
from crossbar.simulation import Tile, Transfer, transfer
from crossbar.switches import read_switches, write_switches
from spice_models import Wires

if TYPE_CHECKING:
    from crossbar.models.comparison import compare as compare
    from crossbar.models.conversion import convert as convert

__version__ = version("resistive-crossbar")

__all__ = [
    "Chip",
    "Converters",
    "Design",
    "InputError",
    "MeasuredChip",
    "Measurement",
    "Program",
    "Tile",
    "Transfer",
    "Wires",
    "as_measured",
    "fabricate",
    "measure",
    "program",
    "read_measurement",
    "read_switches",
    "siemens_per_weight",
    "target_siemens",
    "transfer",
    "write_measurement",
    "write_switches",
]


_WITH_TORCH = ("compare", "convert")


def __getattr__(name: str) -> Any:
    if name not in _WITH_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from crossbar import models

    return models.__getattr__(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *(_WITH_TORCH if find_spec("torch") else ())})
