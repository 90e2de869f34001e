"""Circuits: netlists of crossbar arrays, SPICE subcircuits, and the ngspice runner."""

from spice_models import ngspice, nodal
from spice_models.array import Array, Switch, Wires
from spice_models.errors import (
    BadRawfile,
    CircuitError,
    NgspiceError,
    NgspiceNotFound,
    NoConvergence,
    NotConverged,
    SimulationTimeout,
    SingularMatrix,
)
from spice_models.layer import layer_netlist
from spice_models.netlist import netlist

__all__ = [
    "Array",
    "BadRawfile",
    "CircuitError",
    "NgspiceError",
    "NgspiceNotFound",
    "NoConvergence",
    "NotConverged",
    "SimulationTimeout",
    "SingularMatrix",
    "Switch",
    "Wires",
    "layer_netlist",
    "netlist",
    "ngspice",
    "nodal",
]
