"""Circuits: netlists of crossbar arrays, SPICE subcircuits, and the ngspice runner."""

from spice_models import ngspice, nodal
from spice_models.array import Array, Switch, Wires
from spice_models.errors import (
    BadRawfile,
    CircuitError,
    DiskFull,
    NgspiceCrashed,
    NgspiceError,
    NgspiceNotFound,
    NgspiceTooOld,
    NoConvergence,
    SimulationTimeout,
    SingularMatrix,
    SlowSolverWarning,
    UnsafeNetlist,
)
from spice_models.layer import layer_netlist
from spice_models.netlist import netlist

__all__ = [
    "Array",
    "BadRawfile",
    "CircuitError",
    "DiskFull",
    "NgspiceCrashed",
    "NgspiceError",
    "NgspiceNotFound",
    "NgspiceTooOld",
    "NoConvergence",
    "SimulationTimeout",
    "SingularMatrix",
    "SlowSolverWarning",
    "Switch",
    "UnsafeNetlist",
    "Wires",
    "layer_netlist",
    "netlist",
    "ngspice",
    "nodal",
]
