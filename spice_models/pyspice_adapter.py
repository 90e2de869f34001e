"""Arrays in PySpice: as a `Circuit` or `SubCircuit`, and run in its shared-library mode.

PySpice is licensed under the GPL, version 3. Only this module imports it, and only when used.
"""

from __future__ import annotations

import ctypes.util
import logging
import os
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spice_models.array import Array, volts
from spice_models.errors import BadRawfile, CircuitError, NgspiceError, NgspiceNotFound
from spice_models.log import judge
from spice_models.native import PROBE, PROBE_SECONDS, refuse_old
from spice_models.netlist import (
    OPTIONS,
    Cells,
    analysis,
    array_text,
    check_title,
    library,
    sources,
    terminal_currents,
)
from spice_models.process import execute
from spice_models.runners import (
    CIRCUIT,
    RESULT,
    Runner,
    RunnerName,
    Vectors,
    find_runner,
    run_program,
)

if TYPE_CHECKING:
    from PySpice.Spice.Netlist import Circuit, SubCircuit

__all__ = ["SharedRunner", "circuit", "currents", "simulate", "subcircuit"]

Floats = NDArray[np.float64]

_NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)
_WORK = "from spice_models import pyspice_adapter; pyspice_adapter._work()"
_COMMAND = (sys.executable, "-P", "-c", _WORK)


def circuit(
    array: Array, *, cells: Cells = "folded", title: str = "resistive crossbar array"
) -> Circuit:
    """Return an array as a PySpice circuit, to which sources and ammeters can be added.

    Parameters
    ----------
    array : Array
    cells : {"folded", "branches"}
    title : str
        One line of printable ASCII.

    Returns
    -------
    PySpice.Spice.Netlist.Circuit
        Its cells and wires are text (``raw_spice``), which is fast; the free nodes are
        ``in<i>``, the inputs, and ``s<j>``, the ends of the bit lines.

    Raises
    ------
    CircuitError
        If the title or `cells` is not valid.
    """
    from PySpice.Spice.Netlist import Circuit

    made = Circuit(check_title(title))
    made.raw_spice = "\n".join([*library(cells), array_text(array, cells)]) + "\n"
    return made


def subcircuit(
    array: Array, *, name: str = "crossbar_array", cells: Cells = "folded"
) -> SubCircuit:
    """Return an array as a PySpice subcircuit, for one or several instances in a design.

    Give it to ``circuit.subcircuit``, then place it with ``circuit.X(label, name, *nodes)``.

    Parameters
    ----------
    array : Array
    name : str
        A letter, then letters, digits and underscores; SPICE does not tell capitals apart.
    cells : {"folded", "branches"}

    Returns
    -------
    PySpice.Spice.Netlist.SubCircuit
        Its nodes are ``in0``, ``in1``, ... for the word lines, then ``s0``, ``s1``, ... for the
        bit lines; each ``s<j>`` must be held near 0 V by what is connected to it.

    Raises
    ------
    CircuitError
        If the name or `cells` is not valid.
    """
    from PySpice.Spice.Netlist import SubCircuit

    if not _NAME.fullmatch(name):
        raise CircuitError(f"name = {name!r}; give a letter, then letters, digits and underscores")
    inputs = (f"in{i}" for i in range(array.rows))
    outputs = (f"s{j}" for j in range(array.lines))
    made = SubCircuit(name, *inputs, *outputs)
    made.raw_spice = "\n".join([*library(cells), array_text(array, cells)]) + "\n"
    return made


def simulate(
    design: Circuit,
    analysis: str = ".op",
    *,
    options: str = OPTIONS,
    runner: RunnerName | Runner = "native",
    timeout_seconds: float = 600.0,
) -> Vectors:
    """Run a PySpice circuit without PySpice's own simulator, and check what comes back.

    Parameters
    ----------
    design : PySpice.Spice.Netlist.Circuit
        Trusted: its raw text can run commands.
    analysis : str
        One analysis, such as ``.op`` or ``.dc Vin 0 1 0.1``.
    options : str
        Lines put before it; those of a linear array if not given. Transistors need looser
        tolerances.
    runner : {"native", "shared", "wasm"} or Runner
    timeout_seconds : float

    Returns
    -------
    dict of str to ndarray, shape (points,)
        By lower-case name, such as ``v(out)`` [V] or ``i(vin)`` [A].

    Raises
    ------
    NgspiceError
        If the run fails or its answer cannot be trusted.
    """
    text = f"{design}{options}\n{analysis}\n.end\n"
    return find_runner(runner).run(text, timeout_seconds)


def currents(array: Array, inputs_volt: ArrayLike, *, cells: Cells = "folded") -> Floats:
    """Bit-line currents from ngspice as a library inside this process.

    Slower to start and harder to stop than `spice_models.ngspice.sweep`: it has no timeout, and
    a process holds one instance.

    Parameters
    ----------
    array : Array
    inputs_volt : array_like, shape (points, rows)
        Word-line voltages [V].
    cells : {"folded", "branches"}

    Returns
    -------
    ndarray, shape (points, lines)
        Currents [A], positive into the sense ground.

    Raises
    ------
    CircuitError
        If the inputs do not fit the array.
    NgspiceError
        If libngspice is missing or reports an error.
    """
    inputs = volts(array.rows, inputs_volt)
    made = circuit(array, cells=cells)
    for j in range(array.lines):
        made.V(f"s{j}", f"s{j}", made.gnd, 0)
    names = terminal_currents(array, len(inputs))
    *settings, sweep = analysis(len(inputs), names, cells)
    made.raw_spice += "\n".join([*sources(inputs), *settings]) + "\n"
    with _instance() as shared:
        _ask(shared, "load", str(made) + ".end\n")
        _ask(shared, "command", sweep.removeprefix(".").lower())
        plot = shared.plot(None, shared.last_plot)
        wanted = [f"vs{j}" for j in range(array.lines)]
        values = {name.removesuffix("#branch"): vector for name, vector in plot.items()}
        missing = [name for name in wanted if name not in values]
        if missing:
            raise BadRawfile(f"ngspice returned no current for {', '.join(missing[:5])}")
        columns = [values[name].to_waveform(to_float=True) for name in wanted]
    result = np.stack([np.array(column, dtype=np.float64) for column in columns], axis=1)
    if result.shape[0] != len(inputs) or not np.isfinite(result).all():
        raise BadRawfile(
            f"ngspice returned {result.shape[0]} points of {len(inputs)}, or no numbers"
        )
    return result


@dataclass(frozen=True)
class SharedRunner:
    """Runs netlists in ngspice's shared library, loaded by PySpice in a process of its own.

    So a run can be stopped, several go on at once, and a crash of the library is an error here
    instead of the end of the program. Starting costs about half a second. The library reads the
    user's ``.spiceinit``, which the other runners do not.
    """

    def run(
        self,
        text: str,
        timeout_seconds: float,
        vectors: Collection[str] = (),
        points: int | None = None,
    ) -> Vectors:
        """As `spice_models.runners.Runner.run`."""
        return run_program(
            _COMMAND, text, timeout_seconds, vectors, points, _environment(_library_path())
        )

    def has_klu(self) -> bool:
        """Whether this build of the library holds KLU."""
        return _has_klu(_library_path())


def _environment(library: str) -> dict[str, str]:
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    return {"NGSPICE_LIBRARY_PATH": library, "PYTHONPATH": paths}


@lru_cache(maxsize=8)
def _has_klu(library: str) -> bool:
    with TemporaryDirectory(prefix="spice_models-probe-") as folder:
        Path(folder, CIRCUIT).write_text(PROBE, encoding="ascii")
        log, _ = execute(_COMMAND, Path(folder), PROBE_SECONDS, _environment(library))
    return "Using KLU" in log


def _work() -> None:
    """Run ``circuit.cir`` here, in the library, write ``result.raw``, and say what it said."""
    with _instance() as shared:
        version = str(shared.ngspice_version)
        refuse_old(version, os.environ["NGSPICE_LIBRARY_PATH"])
        _tell(shared, "load", Path(CIRCUIT).read_text(encoding="utf-8"))
        _tell(shared, "command", "run")
        if shared.plot_names != ["const"]:
            _tell(shared, "command", f"write {RESULT}")


def _tell(shared: Any, what: str, text: str) -> None:
    _ask(shared, what, text, check=False)
    print(shared.stdout, shared.stderr, sep="\n", flush=True)


def _library_path() -> str:
    """Path of libngspice: the variable NGSPICE_LIBRARY_PATH, or where the system finds it."""
    found = os.environ.get("NGSPICE_LIBRARY_PATH") or ctypes.util.find_library("ngspice")
    if found is None:
        raise NgspiceNotFound(
            "no libngspice; install it (Debian or Ubuntu: sudo apt install libngspice0; "
            "macOS: brew install libngspice; conda: conda install -c conda-forge "
            "ngspice-lib) or set NGSPICE_LIBRARY_PATH"
        )
    return os.path.abspath(found) if os.path.dirname(found) else found


@contextmanager
def _instance() -> Iterator[Any]:
    """Yield the library, quiet, and forget the circuit afterwards, or ngspice leaks it."""
    os.environ["NGSPICE_LIBRARY_PATH"] = _library_path()
    from PySpice.Spice.NgSpice import Shared, SimulationType

    for version in range(27, 100):
        SimulationType.SIMULATION_TYPE.setdefault(version, SimulationType.SIMULATION_TYPE["last"])
    logger = logging.getLogger(Shared.NgSpiceShared._logger.name)
    logger.addFilter(_silence)
    try:
        shared = Shared.NgSpiceShared.new_instance()
        try:
            yield shared
        finally:
            for command in ("destroy all", "remcirc"):
                _ask(shared, "command", command, check=False)
    finally:
        logger.removeFilter(_silence)


def _silence(_: logging.LogRecord) -> bool:
    """Drop PySpice's own complaints: it takes every note of ngspice for an error."""
    return False


def _ask(shared: Any, what: str, text: str, check: bool = True) -> None:
    """Load a circuit or run a command, and judge the answer by what ngspice said."""
    from PySpice.Spice.NgSpice.Shared import NgSpiceCircuitError, NgSpiceCommandError

    try:
        if what == "load":
            shared.load_circuit(text)
        else:
            shared.exec_command(text)
    except (NgSpiceCircuitError, NgSpiceCommandError):
        pass
    except NameError as error:
        raise NgspiceError(str(error)) from None
    if check:
        judge(f"{shared.stdout}\n{shared.stderr}")
