"""What can go wrong: a circuit that makes no sense, or an ngspice run that cannot be trusted."""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "BadRawfile",
    "CircuitError",
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
    "UnsafeNetlist",
]


class CircuitError(ValueError):
    """A circuit or an input is invalid; the text names the field, the value and the remedy."""


class UnsafeNetlist(CircuitError):
    """A line of a netlist would run a command."""


class NgspiceError(RuntimeError):
    """ngspice reported an error, or its answer cannot be trusted.

    Attributes
    ----------
    folder : pathlib.Path or None
        Where the netlist (``circuit.cir``) and the log (``log.txt``) of the failed run are kept;
        None if no run was started.
    """

    folder: Path | None = None


class NgspiceNotFound(NgspiceError):
    """No ngspice executable, library or package was found, or it cannot be started."""


class NgspiceTooOld(NgspiceNotFound):
    """The ngspice that was found is older than the oldest supported one."""


class NgspiceCrashed(NgspiceError):
    """ngspice died of a signal."""


class DiskFull(NgspiceError):
    """The disk of the temporary folder has no room for the netlist or the result."""


class SingularMatrix(NgspiceError):
    """The circuit has a loop of sources or a node without a path to ground."""


class NoConvergence(NgspiceError):
    """The operating point was not found."""


class SimulationTimeout(NgspiceError):
    """ngspice was stopped because it took longer than allowed."""


class BadRawfile(NgspiceError):
    """The rawfile is missing, cut short, or lacks a vector or a point."""


class SlowSolverWarning(UserWarning):
    """An array is too large for an ngspice without the solver KLU to be quick."""


class NotConverged(RuntimeError):
    """The iteration of `nodal` did not reach its tolerance; the direct solve can be asked for."""
