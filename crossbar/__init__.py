"""Analog crossbar arrays from imprecise resistors: design, program, simulate, study.

The modules stand in the order of the data: `design`, `fabrication`, `calibration`,
`programming`, `simulation`, `networks`, `studies`, `plots`. What is named here is loaded when it
is first asked for, so that the command line can be stopped while it loads. `convert` and
`compare`, for PyTorch models, load torch.
"""

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crossbar.calibration import MeasuredChip, Measurement, as_measured, measure
    from crossbar.design import Design
    from crossbar.errors import InputError
    from crossbar.fabrication import Chip, fabricate
    from crossbar.measurements import read_measurement, write_measurement
    from crossbar.models.comparison import compare as compare
    from crossbar.models.conversion import convert as convert
    from crossbar.models.converters import Converters
    from crossbar.nonidealities import Nonidealities
    from crossbar.placement import Placement, place
    from crossbar.production import ProgrammedChip, produce, reprogram
    from crossbar.programming import Program, program, siemens_per_weight, target_siemens
    from crossbar.simulation import Tile, Transfer, transfer
    from crossbar.switches import read_switches, write_switches
    from spice_models import Wires

__version__ = version("resistive-crossbar")

__all__ = [
    "Chip",
    "Converters",
    "Design",
    "InputError",
    "MeasuredChip",
    "Measurement",
    "Nonidealities",
    "Placement",
    "Program",
    "ProgrammedChip",
    "Tile",
    "Transfer",
    "Wires",
    "as_measured",
    "fabricate",
    "measure",
    "place",
    "produce",
    "program",
    "read_measurement",
    "read_switches",
    "reprogram",
    "siemens_per_weight",
    "target_siemens",
    "transfer",
    "write_measurement",
    "write_switches",
]


_WITH_TORCH = ("compare", "convert")
_HOMES = {
    "Chip": "crossbar.fabrication",
    "Converters": "crossbar.models.converters",
    "Design": "crossbar.design",
    "InputError": "crossbar.errors",
    "MeasuredChip": "crossbar.calibration",
    "Measurement": "crossbar.calibration",
    "Nonidealities": "crossbar.nonidealities",
    "Placement": "crossbar.placement",
    "Program": "crossbar.programming",
    "ProgrammedChip": "crossbar.production",
    "Tile": "crossbar.simulation",
    "Transfer": "crossbar.simulation",
    "Wires": "spice_models",
    "as_measured": "crossbar.calibration",
    "fabricate": "crossbar.fabrication",
    "measure": "crossbar.calibration",
    "place": "crossbar.placement",
    "produce": "crossbar.production",
    "program": "crossbar.programming",
    "read_measurement": "crossbar.measurements",
    "read_switches": "crossbar.switches",
    "reprogram": "crossbar.production",
    "siemens_per_weight": "crossbar.programming",
    "target_siemens": "crossbar.programming",
    "transfer": "crossbar.simulation",
    "write_measurement": "crossbar.measurements",
    "write_switches": "crossbar.switches",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    elif name in _WITH_TORCH:
        from crossbar import models

        value = models.__getattr__(name)
    elif not name.startswith("_") and find_spec(f"crossbar.{name}"):
        return import_module(f"crossbar.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *(_WITH_TORCH if find_spec("torch") else ())})
