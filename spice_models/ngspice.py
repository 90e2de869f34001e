"""Arrays and other netlists through ngspice, trusted only after they have been checked.

An exit status of 0 proves little: ngspice also returns it after replacing a resistor of 0 ohm,
rescuing a singular matrix, or running no analysis at all. So the circuit is checked before the
run (`spice_models.Array`), the log is classified, and the rawfile must be complete.
"""

from __future__ import annotations

import re
import time
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spice_models.array import Array, volts
from spice_models.cells import is_linear
from spice_models.checks import check_array, check_seconds
from spice_models.errors import CircuitError, SlowSolverWarning, UnsafeNetlist
from spice_models.native import NgspiceInfo, executable, probe
from spice_models.netlist import Cells, netlist, terminal_currents
from spice_models.nodal import TransferMatrix
from spice_models.process import stop_all
from spice_models.runners import Runner, RunnerName, Vectors, find_runner
from spice_models.topology import topology

__all__ = [
    "NgspiceInfo",
    "Sweep",
    "executable",
    "probe",
    "run",
    "stop_all",
    "sweep",
    "transfer_matrix",
]

Floats = NDArray[np.float64]

DEFAULT_TIMEOUT = 600.0
LARGEST_QUICK = 64 * 64
"""Cells up to which an ngspice without KLU is quick enough to need no warning."""

_ZERO_OHM = re.compile(
    r"^r\S*[ \t]+\S+[ \t]+\S+[ \t]+[+-]?(?:0+\.?0*|\.0+)(?![\d.]).*$", re.I | re.M
)
_COMMAND = re.compile(
    r"^[ \t]*(?:\.(?:control|exec)\b|\*#|\*[ \t]?ng_script).*$|\bd_(?:process|cosim)\b.*$",
    re.I | re.M,
)
_warned: set[str] = set()


@dataclass(frozen=True, eq=False)
class Sweep:
    """Currents of a sweep of input vectors.

    Parameters
    ----------
    currents : ndarray, shape (points, lines)
        Bit-line currents [A], positive into the sense ground.
    mismatch : float
        Largest difference between the currents into and out of the array, relative to the
        largest current of any word or bit line; NaN where rounding hides it. A check of the
        run, not a bound on its error: it is pessimistic where the drivers' resistances are
        small against the cells', since the currents into the array then carry fewer digits,
        and blind to errors that keep the balance.
    seconds : float
        Wall-clock time of the run.
    """

    currents: Floats
    mismatch: float
    seconds: float


def sweep(
    array: Array,
    inputs_volt: ArrayLike,
    cells: Cells = "folded",
    timeout_seconds: float = DEFAULT_TIMEOUT,
    *,
    runner: RunnerName | Runner = "native",
) -> Sweep:
    """Simulate an array for several input vectors in one run.

    Wires far below 1 mohm cost ngspice digits, and `Sweep.mismatch` grows; write them as 0.

    Parameters
    ----------
    array : Array
    inputs_volt : array_like, shape (points, rows)
        Word-line voltages [V].
    cells : {"folded", "branches", "switches", "transistors"} or CellModel
        How cells are written; see `spice_models.cells`.
    timeout_seconds : float
        The run is killed after this time.
    runner : {"native", "shared", "wasm"} or Runner
        The executable, the shared library through PySpice, the WebAssembly build with KLU, or an
        object of the protocol `spice_models.runners.Runner`.

    Raises
    ------
    CircuitError
        If the inputs do not fit the array.
    ValueError
        If the runner is unknown or the time is not above 0.
    NgspiceError
        If ngspice is missing or its answer cannot be trusted.

    Warns
    -----
    SlowSolverWarning
        Once, if the array has wires and more than 64 x 64 cells and the runner has no KLU.
    """
    return _sweep(array, inputs_volt, cells, timeout_seconds, find_runner(runner))


def transfer_matrix(
    array: Array,
    cells: Cells = "folded",
    timeout_seconds: float = DEFAULT_TIMEOUT,
    *,
    runner: RunnerName | Runner = "native",
) -> TransferMatrix:
    """Transfer matrix of an array, from a sweep that sets each word line to 1 V in turn.

    Parameters, errors and warnings as for `sweep`; cells that are not linear have none and are
    refused.
    """
    check_array(array)
    if not is_linear(cells):
        raise CircuitError(
            f"cells = {getattr(cells, 'name', cells)!r} are not linear, so they have no transfer "
            "matrix; use sweep for each input"
        )
    result = _sweep(array, np.eye(array.rows), cells, timeout_seconds, find_runner(runner))
    return TransferMatrix(np.ascontiguousarray(result.currents.T), result.mismatch)


def run(
    netlist_text: str,
    timeout_seconds: float = DEFAULT_TIMEOUT,
    *,
    runner: RunnerName | Runner = "native",
    allow_commands: bool = True,
) -> Vectors:
    """Run any netlist with one analysis and return its vectors by lower-case name.

    The text can execute commands (``.control``): run only text that you trust, or refuse them.

    Parameters
    ----------
    netlist_text : str
        Its first line is the title.
    timeout_seconds : float
        The run and all that it started are killed after this time.
    runner : {"native", "shared", "wasm"} or Runner
        As for `sweep`.
    allow_commands : bool
        If False, text that would run a command is refused. Included files are not looked into.

    Raises
    ------
    CircuitError
        If a resistor is written with 0 ohm, which ngspice silently replaces by 1 mohm.
    UnsafeNetlist
        If commands are not allowed and a line holds one.
    NgspiceNotFound, NgspiceTooOld, SingularMatrix, NoConvergence, SimulationTimeout
    NgspiceCrashed, DiskFull, BadRawfile, NgspiceError
        From a run that was started, with the folder that keeps netlist and log.
    """
    _refuse_zero_ohm(netlist_text)
    if not allow_commands:
        _refuse_commands(netlist_text)
    return find_runner(runner).run(netlist_text, timeout_seconds)


def _sweep(
    array: Array, inputs_volt: ArrayLike, cells: Cells, timeout_seconds: float, runner: Runner
) -> Sweep:
    start = time.perf_counter()
    check_array(array)
    check_seconds(timeout_seconds)
    inputs = volts(array.rows, inputs_volt)
    _warn_if_slow(array, runner)
    names = terminal_currents(array, len(inputs))
    text = netlist(array, inputs, cells=cells)
    _refuse_commands(text)
    vectors = runner.run(text, timeout_seconds, names, len(inputs))
    currents = np.stack([vectors[name] for name in names], axis=1)
    mismatch = _mismatch(currents, array.rows, _rounding(array, inputs))
    return Sweep(currents[:, array.rows :], mismatch, time.perf_counter() - start)


def _warn_if_slow(array: Array, runner: Runner) -> None:
    """Warn once for each kind of runner that a large array with wires will take long."""
    wires = array.wires
    kind = type(runner).__qualname__
    is_small = array.rows * array.lines <= LARGEST_QUICK
    has_wires = bool(np.any(wires.word_segment_ohm) or np.any(wires.bit_segment_ohm))
    if is_small or not has_wires or kind in _warned or runner.has_klu():
        return
    _warned.add(kind)
    warnings.warn(
        f"this ngspice has no KLU: solving {array.rows} x {array.lines} cells with wires will be "
        "slow (128 x 128: about a minute, 256 x 256: an hour); use runner='wasm', an ngspice "
        "built with KLU, or spice_models.nodal",
        SlowSolverWarning,
        stacklevel=4,
    )


def _mismatch(currents: Floats, rows: int, rounding: float) -> float:
    """Return what is lost between sources and ammeters, relative to the largest current."""
    largest = float(np.abs(currents).max())
    if not currents[:, rows:].any():
        return 0.0  # every cell open: what the sources give is rounding
    if largest <= rounding:
        return float("nan")
    return float(np.abs(currents.sum(axis=1)).max()) / largest


def _rounding(array: Array, inputs: Floats) -> float:
    """Return the current that the last digit of a voltage drives through the smallest wire [A]."""
    ohms = [
        float(part.ohm.min()) for part in topology(array.rows, array.lines, array.wires).segments
    ]
    return 4 * np.finfo(np.float64).eps * float(np.abs(inputs).max()) / min(ohms, default=np.inf)


def _refuse_zero_ohm(text: str) -> None:
    found = _ZERO_OHM.search(text)
    if found:
        raise CircuitError(f"{found[0].strip()!r} has 0 ohm; merge its two nodes instead")


def _refuse_commands(text: str) -> None:
    found = _COMMAND.search(text)
    if found:
        raise UnsafeNetlist(
            f"the line {found[0].strip()[:80]!r} would run a command; remove it, or allow commands"
        )
