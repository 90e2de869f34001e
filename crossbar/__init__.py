"""Analog crossbar arrays from imprecise resistors: design, program, simulate, study.

The modules stand in the order of the data: `design`, `fabrication`, `calibration`,
`programming`, `simulation`, `networks`, `studies`, `plots`.
"""

from importlib.metadata import version

from crossbar.calibration import Measurement, measure
from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.fabrication import Chip, fabricate
from crossbar.programming import Program, program, siemens_per_weight, target_siemens
from crossbar.simulation import Tile, Transfer, transfer
from spice_models import Wires

__version__ = version("resistive-crossbar")

__all__ = [
    "Chip",
    "Design",
    "InputError",
    "Measurement",
    "Program",
    "Tile",
    "Transfer",
    "Wires",
    "fabricate",
    "measure",
    "program",
    "siemens_per_weight",
    "target_siemens",
    "transfer",
]
