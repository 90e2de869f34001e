"""What can go wrong: a circuit that makes no sense, or an ngspice run that cannot be trusted."""

__all__ = [
    "BadRawfile",
    "CircuitError",
    "NgspiceError",
    "NgspiceNotFound",
    "NoConvergence",
    "NotConverged",
    "SimulationTimeout",
    "SingularMatrix",
]


class CircuitError(ValueError):
    """A circuit or an input is invalid; the text names the field, the value and the remedy."""


class NgspiceError(RuntimeError):
    """ngspice reported an error, or its answer cannot be trusted."""


class NgspiceNotFound(NgspiceError):
    """No ngspice executable (or library) was found."""


class SingularMatrix(NgspiceError):
    """The circuit has a loop of sources or a node without a path to ground."""


class NoConvergence(NgspiceError):
    """The operating point was not found."""


class SimulationTimeout(NgspiceError):
    """ngspice was stopped because it took longer than allowed."""


class BadRawfile(NgspiceError):
    """The rawfile is missing, cut short, or lacks a vector or a point."""


class NotConverged(RuntimeError):
    """The iteration of `nodal` did not reach its tolerance; the direct solve can be asked for."""
