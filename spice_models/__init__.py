"""Circuits: netlists of crossbar arrays, SPICE subcircuits, and the ngspice runner."""

from spice_models import ngspice, nodal
from spice_models.array import Array, Switch, Wires
from spice_models.cell_library import cell_library
from spice_models.cell_model import CellModel
from spice_models.cells import transistor
from spice_models.deviation import Deviation, deviation
from spice_models.errors import (
    BadRawfile,
    CircuitError,
    DiskFull,
    NgspiceCrashed,
    NgspiceError,
    NgspiceNotFound,
    NgspiceTooOld,
    NoConvergence,
    NotConverged,
    SimulationTimeout,
    SingularMatrix,
    SlowSolverWarning,
    UnsafeNetlist,
)
from spice_models.layer import layer_netlist, layer_subcircuit
from spice_models.netlist import netlist
from spice_models.readback import check_layer_netlist, check_netlist, read_netlist
from spice_models.transient import (
    Capacitances,
    StepResponse,
    step_response,
    transient_netlist,
)

__all__ = [
    "Array",
    "BadRawfile",
    "Capacitances",
    "CellModel",
    "CircuitError",
    "Deviation",
    "DiskFull",
    "NgspiceCrashed",
    "NgspiceError",
    "NgspiceNotFound",
    "NgspiceTooOld",
    "NoConvergence",
    "NotConverged",
    "SimulationTimeout",
    "SingularMatrix",
    "SlowSolverWarning",
    "StepResponse",
    "Switch",
    "UnsafeNetlist",
    "Wires",
    "cell_library",
    "check_layer_netlist",
    "check_netlist",
    "deviation",
    "layer_netlist",
    "layer_subcircuit",
    "netlist",
    "ngspice",
    "nodal",
    "read_netlist",
    "step_response",
    "transient_netlist",
    "transistor",
]
