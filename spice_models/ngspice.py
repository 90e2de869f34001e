"""Batch runs of ngspice that are trusted only after they have been checked.

An exit status of 0 proves little: ngspice also returns it after replacing a resistor of 0 ohm,
rescuing a singular matrix, or running no analysis at all. So the circuit is checked before the
run (`spice_models.Array`), the log is classified, and the rawfile must be complete.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spice_models import rawfile
from spice_models.array import Array, volts
from spice_models.errors import (
    BadRawfile,
    CircuitError,
    NgspiceError,
    NgspiceNotFound,
    SimulationTimeout,
)
from spice_models.log import judge, tail
from spice_models.netlist import Cells, netlist, terminal_currents
from spice_models.nodal import TransferMatrix
from spice_models.topology import topology

__all__ = ["NgspiceInfo", "Sweep", "probe", "run", "sweep", "transfer_matrix"]

Floats = NDArray[np.float64]

DEFAULT_TIMEOUT = 600.0
_running: set[subprocess.Popen[bytes]] = set()
_stopping = threading.Event()
_ZERO_OHM = re.compile(
    r"^r\S*[ \t]+\S+[ \t]+\S+[ \t]+[+-]?(?:0+\.?0*|\.0+)(?![\d.]).*$", re.I | re.M
)
_INSTALL = (
    "no ngspice executable {where}; install it (Debian or Ubuntu: sudo apt install ngspice; "
    "macOS: brew install ngspice; conda: conda install -c conda-forge ngspice) "
    "or set NGSPICE to its path"
)


@dataclass(frozen=True)
class NgspiceInfo:
    """What the installed ngspice can do."""

    path: str
    version: str
    klu: bool


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
) -> Sweep:
    """Simulate an array for several input vectors in one run.

    Wires far below 1 mohm cost ngspice digits, and `Sweep.mismatch` grows; write them as 0.

    Parameters
    ----------
    array : Array
    inputs_volt : array_like, shape (points, rows)
        Word-line voltages [V].
    cells : {"folded", "branches"}
        How cells are written; see `spice_models.netlist`.
    timeout_seconds : float
        The run is killed after this time.

    Raises
    ------
    CircuitError
        If the inputs do not fit the array.
    NgspiceError
        If ngspice is missing or its answer cannot be trusted.
    """
    start = time.perf_counter()
    inputs = volts(array.rows, inputs_volt)
    names = terminal_currents(array, len(inputs))
    text = netlist(array, inputs, cells=cells)
    vectors = _run(text, timeout_seconds, names, len(inputs))
    currents = np.stack([vectors[name] for name in names], axis=1)
    mismatch = _mismatch(currents, array.rows, _rounding(array, inputs))
    return Sweep(currents[:, array.rows :], mismatch, time.perf_counter() - start)


def transfer_matrix(
    array: Array, cells: Cells = "folded", timeout_seconds: float = DEFAULT_TIMEOUT
) -> TransferMatrix:
    """TransferMatrix matrix of an array, from a sweep that sets each word line to 1 V in turn.

    Parameters and errors as for `sweep`.
    """
    result = sweep(array, np.eye(array.rows), cells, timeout_seconds)
    return TransferMatrix(np.ascontiguousarray(result.currents.T), result.mismatch)


def run(netlist_text: str, timeout_seconds: float = DEFAULT_TIMEOUT) -> dict[str, NDArray[Any]]:
    """Run any netlist with one analysis and return its vectors by lower-case name.

    The text can execute commands (``.control``): run only text that you trust.

    Parameters
    ----------
    netlist_text : str
        Its first line is the title.
    timeout_seconds : float
        The run and all that it started are killed after this time.

    Raises
    ------
    CircuitError
        If a resistor is written with 0 ohm, which ngspice silently replaces by 1 mohm.
    NgspiceNotFound, SingularMatrix, NoConvergence, SimulationTimeout, BadRawfile, NgspiceError
    """
    _refuse_zero_ohm(netlist_text)
    return _run(netlist_text, timeout_seconds, (), None)


def probe() -> NgspiceInfo:
    """Find ngspice, its version, and whether it has the solver KLU. Cached by path.

    Raises
    ------
    NgspiceNotFound
        The text says how to install it.
    """
    return _probe(executable())


def executable() -> str:
    """Path of ngspice: the environment variable NGSPICE, or the first one on PATH."""
    wanted = os.environ.get("NGSPICE") or "ngspice"
    found = shutil.which(wanted)
    if found is None:
        named = f"at NGSPICE = {wanted!r}" if os.environ.get("NGSPICE") else "on PATH"
        raise NgspiceNotFound(_INSTALL.format(where=named))
    return found


@lru_cache(maxsize=8)
def _probe(path: str) -> NgspiceInfo:
    circuit = "probe\nV1 a 0 1\nR1 a 0 1\n.options klu\n.op\n.end\n"
    with tempfile.TemporaryDirectory(prefix="ngspice-") as folder:
        banner, _ = _execute([path, "-v"], folder, 30.0)
        Path(folder, "probe.cir").write_text(circuit, encoding="ascii")
        log, _ = _execute([path, "-n", "-b", "probe.cir"], folder, 30.0)
    version = re.search(r"ngspice-(\S+)", banner)
    if version is None:
        raise NgspiceNotFound(f"{path} does not say that it is ngspice; set NGSPICE to its path")
    return NgspiceInfo(path, version[1], "Using KLU" in log)


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


def _run(
    text: str, timeout_seconds: float, vectors: Collection[str], points: int | None
) -> dict[str, NDArray[Any]]:
    if not timeout_seconds > 0:
        raise ValueError(f"timeout_seconds = {timeout_seconds!r}; give a time above 0")
    path = executable()
    with tempfile.TemporaryDirectory(prefix="ngspice-") as folder:
        Path(folder, "circuit.cir").write_text(text, encoding="utf-8")
        command = [path, "-n", "-b", "-r", "result.raw", "circuit.cir"]
        log, status = _execute(command, folder, timeout_seconds)
        judge(log)
        if status != 0:
            raise NgspiceError(f"ngspice ended with status {status}: {tail(log)}")
        try:
            content = Path(folder, "result.raw").read_bytes()
        except FileNotFoundError:
            raise BadRawfile(
                f"ngspice wrote no rawfile ({tail(log)}); does the netlist ask for an analysis?"
            ) from None
    return rawfile.single_plot(content, vectors, points)


def stop_all() -> None:
    """Kill every run of this process, and refuse new ones: for a program that ends."""
    _stopping.set()
    for process in list(_running):
        _kill(process)


def _execute(command: list[str], folder: str, timeout_seconds: float) -> tuple[str, int]:
    """Output and exit status of a run in a process group of its own, killed whole on a timeout."""
    if _stopping.is_set():
        raise NgspiceError("ngspice was stopped, because the program ends")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "LC_ALL": "C"}
    environment.pop("SPICE_ASCIIRAWFILE", None)
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise NgspiceNotFound(f"{command[0]} cannot be started: {error}") from None
    _running.add(process)
    try:
        if _stopping.is_set():  # stop_all may have looked before this run was in its list
            raise NgspiceError("ngspice was stopped, because the program ends")
        output = process.communicate(timeout=timeout_seconds)[0].decode("utf-8", "replace")
    except BaseException as error:
        _kill(process)
        if isinstance(error, subprocess.TimeoutExpired):
            raise SimulationTimeout(
                f"ngspice was stopped after {timeout_seconds:g} s; allow more time or use "
                "smaller arrays"
            ) from None
        raise
    finally:
        _running.discard(process)
    if process.returncode < 0:
        raise NgspiceError(f"ngspice died of signal {-process.returncode}: {tail(output)}")
    return output, process.returncode


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    process.wait()
