"""Who runs a netlist: one protocol, three programs, and one way to trust none of them.

Each program is started on ``circuit.cir`` in a folder of its own, writes ``result.raw`` and says
what happened. Exit status, log and rawfile are then judged alike for all.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from numpy.typing import NDArray

from spice_models import rawfile
from spice_models.checks import check_seconds
from spice_models.errors import BadRawfile, DiskFull, NgspiceError
from spice_models.jobs import job
from spice_models.log import judge, tail
from spice_models.process import execute

__all__ = [
    "CIRCUIT",
    "RESULT",
    "Runner",
    "RunnerName",
    "Vectors",
    "find_runner",
    "run_and_check",
    "run_program",
]

Vectors = dict[str, NDArray[Any]]
RunnerName = Literal["native", "shared", "wasm"]

CIRCUIT = "circuit.cir"
RESULT = "result.raw"

_ANALYSIS = "No. of Data Rows"
_LEAST_BYTES = 1 << 20


@runtime_checkable
class Runner(Protocol):
    """Whatever can run a netlist with one analysis and return its vectors."""

    def run(
        self,
        text: str,
        timeout_seconds: float,
        vectors: Collection[str] = (),
        points: int | None = None,
    ) -> Vectors:
        """Run a netlist.

        Parameters
        ----------
        text : str
            Its first line is the title.
        timeout_seconds : float
            The run is killed after this time.
        vectors : collection of str
            Names that must be in the result.
        points : int, optional
            Number of points that each vector must have; at least one otherwise.

        Returns
        -------
        dict of str to ndarray, shape (points,)
            By lower-case name, such as ``i(vs0)`` [A] or ``v(b)`` [V].

        Raises
        ------
        NgspiceError
            If the run fails or its answer cannot be trusted.
        """

    def has_klu(self) -> bool:
        """Whether it solves large arrays quickly, by KLU."""


def find_runner(runner: RunnerName | Runner) -> Runner:
    """Return the runner of a name, or the object itself.

    Raises
    ------
    ValueError
        If it is neither a known name nor a `Runner`.
    """
    if runner == "native":
        from spice_models.native import NativeRunner

        return NativeRunner()
    if runner == "shared":
        from spice_models.pyspice_adapter import SharedRunner

        return SharedRunner()
    if runner == "wasm":
        from spice_models.wasm import WasmRunner

        return WasmRunner()
    if isinstance(runner, Runner):
        return runner
    raise ValueError(
        f"runner = {runner!r}; give 'native', 'shared', 'wasm' or an object with the methods of "
        "spice_models.runners.Runner"
    )


def run_program(
    command: Sequence[str],
    text: str,
    timeout_seconds: float,
    vectors: Collection[str] = (),
    points: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Vectors:
    """Run a program that turns ``circuit.cir`` into ``result.raw``, and check all it returns.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments.
    text, timeout_seconds, vectors, points
        As for `Runner.run`.
    environment : mapping, optional
        Variables set besides those of this process.

    Raises
    ------
    SingularMatrix, NoConvergence, SimulationTimeout, NgspiceCrashed, DiskFull, BadRawfile
        `NgspiceError` for any other failure. Each names the folder that keeps netlist and log.
    """

    def run(folder: Path, seconds: float) -> tuple[str, int]:
        return execute(command, folder, seconds, environment)

    return run_and_check(run, text, timeout_seconds, vectors, points, command[0])


def run_and_check(
    run: Callable[[Path, float], tuple[str, int]],
    text: str,
    timeout_seconds: float,
    vectors: Collection[str] = (),
    points: int | None = None,
    program: str = "",
) -> Vectors:
    """Let a function turn ``circuit.cir`` into ``result.raw``, and check all it returns.

    Parameters
    ----------
    run : callable
        Takes the folder and the time that it may need [s]; returns log and exit status.
    text, timeout_seconds, vectors, points
        As for `Runner.run`.
    program : str
        Path of what runs, which errors name where its log does not speak of ngspice.

    Raises
    ------
    NgspiceError
        As `run_program`.
    """
    check_seconds(timeout_seconds)
    with job({CIRCUIT: text}) as folder:
        log, status = run(folder, timeout_seconds)
        judge(log)
        if status != 0:
            raise NgspiceError(f"ngspice ended with status {status}: {_words(log, program)}")
        analyses = log.count(_ANALYSIS)
        if analyses > 1:  # all but the native one write only the last of them
            raise BadRawfile(f"ngspice ran {analyses} analyses; give one in each netlist")
        try:
            return rawfile.single_plot(_content(folder, log, program), vectors, points)
        except BadRawfile:
            _blame_a_full_disk(folder)
            raise


def _words(log: str, program: str) -> str:
    """The end of a log, and whose it is unless it speaks of ngspice."""
    if not program or "ngspice" in log:
        return tail(log)
    return f"{tail(log)}; it was run by {program}: is that the right program?"


def _content(folder: Path, log: str, program: str) -> bytes:
    try:
        return (folder / RESULT).read_bytes()
    except FileNotFoundError:
        raise BadRawfile(
            f"ngspice wrote no rawfile ({_words(log, program)}); does the netlist ask for an "
            "analysis?"
        ) from None


def _blame_a_full_disk(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _LEAST_BYTES:
        raise DiskFull(
            f"the rawfile is missing or cut short, and {folder.parent} has {free} bytes free; "
            "make room, or set TMPDIR to a folder on a larger disk"
        ) from None
