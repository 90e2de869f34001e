"""The step response of an array with capacitances: settling time and energy of one product.

At time 0 the inputs rise from 0 V to their voltages; ngspice integrates until every bit-line
current has settled. The window follows from the slowest time constant of the folded array, the
largest eigenvalue of ``G^-1 C`` with its conductances G and capacitances C between nodes.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spice_models import ngspice, nodal
from spice_models.array import Array, refuse_huge, volts
from spice_models.capacitances import Capacitances, capacitors_text, places
from spice_models.cells import Cells, check_cells, is_linear, library
from spice_models.checks import check_array, check_instance, check_seconds, finite_number
from spice_models.dialects import Dialect, translate
from spice_models.errors import BadRawfile, CircuitError, NoConvergence, SlowSolverWarning
from spice_models.header import header
from spice_models.netlist import (
    array_text,
    cells_name,
    printing,
    terminal_currents,
    wires_comment,
)
from spice_models.runners import Runner, RunnerName, find_runner
from spice_models.topology import topology

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = [
    "Capacitances",
    "StepResponse",
    "slowest_seconds",
    "step_response",
    "transient_netlist",
]

Floats = NDArray[np.float64]

OPTIONS = ".options reltol=1e-6 abstol=1e-18 vntol=1e-12 chgtol=1e-24 trtol=1 noinit gmin=1e-15 klu"
_POINTS = 500
_RISES = 2000
_MORE_TIME_CONSTANTS = 3.0
_MOST_RUNS = 3
_ITERATIONS = 50
_RELEVANT_SECONDS = 1e-18
LARGEST_QUICK = 32 * 32
"""Cells up to which an ngspice without KLU is quick enough to need no warning."""


@dataclass(frozen=True, eq=False)
class StepResponse:
    """What an array does after a step of its inputs.

    Parameters
    ----------
    seconds : ndarray, shape (points,)
        Time since the step began [s].
    currents : ndarray, shape (points, lines)
        Bit-line currents [A], positive into the sense ground.
    power : ndarray, shape (points,)
        Power from all word-line sources together [W].
    final : ndarray, shape (lines,)
        Currents at rest [A], from an analysis of their own.
    precision : float
        Share of the largest final current within which a line counts as settled.
    settling_seconds : ndarray, shape (lines,)
        From when on each current stays that close to its final value [s].
    energy_joule : float
        Integral of the power until the last line has settled [J].
    """

    seconds: Floats
    currents: Floats
    power: Floats
    final: Floats
    precision: float
    settling_seconds: Floats
    energy_joule: float


def step_response(
    array: Array,
    inputs_volt: ArrayLike,
    capacitances: Capacitances,
    *,
    precision: float = 1e-3,
    rise_seconds: float | None = None,
    cells: Cells = "folded",
    timeout_seconds: float = ngspice.DEFAULT_TIMEOUT,
    runner: RunnerName | Runner = "native",
) -> StepResponse:
    """Simulate a step of the inputs from 0 V in ngspice.

    Some 500 points of time, each a solution of the whole circuit: without KLU expect seconds at
    32 x 32 and no end at 64 x 64; with it (``runner="wasm"``) some 15 s at 64 x 64.

    Parameters
    ----------
    array : Array
    inputs_volt : array_like, shape (rows,)
        Word-line voltages after the step [V].
    capacitances : Capacitances
    precision : float
        Of the settling time, relative to the largest final current; 1e-6 to 0.5.
    rise_seconds : float, optional
        Duration of the rise, a straight line [s]; 1/2000 of the window that is simulated, which
        is some 0.5 % of the slowest time constant, if not given.
    cells : {"folded", "branches", "switches", "transistors"} or CellModel
        The capacitances of transistors themselves are not modelled.
    timeout_seconds : float
        A run of ngspice is killed after this time.
    runner : {"native", "shared", "wasm"} or Runner
        As for `ngspice.sweep`.

    Raises
    ------
    ValueError
        If the runner is unknown or the time is not above 0.
    CircuitError
        If an argument is not valid, or no resistance slows the charging of the capacitances.
    NgspiceError
        If ngspice is missing, its answer cannot be trusted, or the currents do not settle.

    Warns
    -----
    SlowSolverWarning
        If the array has wires and more than 32 x 32 cells and the runner has no KLU.
    """
    applied = _one_input(array, inputs_volt, capacitances)
    check_seconds(timeout_seconds)
    precision = finite_number("precision", precision)
    if not 1e-6 <= precision <= 0.5:
        raise CircuitError(f"precision = {precision!r}; give 1e-6 to 0.5, 0.001 for 0.1 %")
    linear, program = is_linear(cells), find_runner(runner)
    _warn_if_slow(array, program)
    slowest = slowest_seconds(array, capacitances)
    if linear:
        final = np.asarray(nodal.currents(array, applied))
    else:
        final = ngspice.sweep(array, applied, cells, timeout_seconds, runner=program).currents[0]
    tolerance = precision * float(np.abs(final).max())
    window = slowest * (math.log(1 / precision) + _MORE_TIME_CONSTANTS)
    for _ in range(_MOST_RUNS):
        rise = (
            window / _RISES if rise_seconds is None else finite_number("rise_seconds", rise_seconds)
        )
        window = max(window, 10 * rise)
        text = transient_netlist(
            array, applied, capacitances, stop_seconds=window, rise_seconds=rise, cells=cells
        )
        seconds, sources, currents = _run(array, text, timeout_seconds, program)
        settling = _settling(seconds, np.abs(currents - final), tolerance)
        if np.isfinite(settling).all():
            power = -sources @ applied * np.minimum(seconds / rise, 1.0)
            energy = _integral(seconds, power, float(settling.max()))
            return StepResponse(seconds, currents, power, final, precision, settling, energy)
        window *= 4
    raise NoConvergence(
        f"the currents have not settled to {precision:g} after {window / 4:g} s; "
        "give a coarser precision"
    )


def transient_netlist(
    array: Array,
    inputs_volt: ArrayLike,
    capacitances: Capacitances,
    *,
    stop_seconds: float,
    rise_seconds: float,
    cells: Cells = "folded",
    title: str = "resistive crossbar array, step response",
    comments: Sequence[str] = (),
    dialect: Dialect = "ngspice",
    design: str = "",
    seed: int | None = None,
) -> str:
    """Write the step of the inputs as a netlist that plain ``ngspice -b`` runs and prints.

    Parameters
    ----------
    stop_seconds, rise_seconds : float
        The window of time and the duration of the inputs' rise [s], 0 < rise < stop.
    title : str
        One line of printable ASCII.
    comments : sequence of str
        Further such lines for the head of the file.
    dialect, design, seed
        As for `netlist`.

    The others are those of `step_response`, as are the errors.
    """
    applied = _one_input(array, inputs_volt, capacitances)
    check_cells(cells)
    stop, rise = (
        finite_number("stop_seconds", stop_seconds),
        finite_number("rise_seconds", rise_seconds),
    )
    if not 0 < rise < stop < math.inf:
        raise CircuitError(
            f"rise_seconds = {rise!r}, stop_seconds = {stop!r}; give 0 < rise < stop"
        )
    step = repr(stop / _POINTS)
    names = terminal_currents(array, 1)
    about = _description(array, capacitances, cells, rise)
    lines = [
        *header(title, about, design=design, seed=seed, comments=comments),
        *library(cells),
        array_text(array, cells),
        *capacitors_text(array, capacitances),
        *(f"Vs{j} s{j} 0 0" for j in range(array.lines)),
        *(f"Vin{i} in{i} 0 pwl(0 0 {rise!r} {volt!r})" for i, volt in enumerate(applied.tolist())),
        OPTIONS,
        *(f".save {name}" for name in names),
        f".tran {step} {stop!r} 0 {step}",
        *printing(names[array.rows :], "tran"),
        ".end\n",
    ]
    return translate("\n".join(lines), dialect)


def _warn_if_slow(array: Array, runner: Runner) -> None:
    wires = array.wires
    has_wires = bool(np.any(wires.word_segment_ohm) or np.any(wires.bit_segment_ohm))
    if array.rows * array.lines <= LARGEST_QUICK or not has_wires or runner.has_klu():
        return
    warnings.warn(
        f"this ngspice has no KLU: the step response of {array.rows} x {array.lines} cells with "
        "wires will be slow (64 x 64: no end); use runner='wasm' or an ngspice built with KLU",
        SlowSolverWarning,
        stacklevel=3,
    )


def _description(
    array: Array, capacitances: Capacitances, cells: Cells, rise: float
) -> Iterable[str]:
    yield f"{array.rows} word lines (rows i), {array.lines} bit lines (lines j)"
    yield wires_comment(array.wires)
    yield (
        f"cells: {cells_name(cells)}; switch on {array.switch.on_ohm!r} ohm, "
        f"off {array.switch.off_ohm!r} ohm"
    )
    yield (
        f"at each cell: bit line to ground {capacitances.bit_farad!r} F, word line to ground "
        f"{capacitances.word_farad!r} F, across {capacitances.cell_farad!r} F"
    )
    yield f"inputs rise from 0 V to their voltages within {rise!r} s"
    yield "printed: current of each bit line [A], vs<j>#branch, positive into the ground"


def slowest_seconds(array: Array, capacitances: Capacitances) -> float:
    """Slowest time constant of the folded array [s], by power iteration on G^-1 C.

    Raises
    ------
    CircuitError
        If no resistance slows the charging of the capacitances.
    """
    from scipy.sparse.linalg import splu

    plan = topology(array.rows, array.lines, array.wires)
    resistors = [(plan.word.ravel(), plan.bit.ravel(), array.siemens.ravel())]
    resistors += [
        (part.tail, part.head, np.broadcast_to(1 / np.asarray(part.ohm), part.tail.shape))
        for part in plan.segments
    ]
    capacitors = [
        (tail, head, np.full(tail.shape, farad))
        for _, tail, head, farad in places(array, capacitances)
    ]
    found = 0.0
    if plan.unknowns:
        factor = splu(_laplacian(resistors, plan.unknowns).tocsc())
        charges = _laplacian(capacitors, plan.unknowns)
        state = np.random.default_rng(0).uniform(0.5, 1.0, plan.unknowns)
        for _ in range(_ITERATIONS):
            state = factor.solve(charges @ state)
            found = float(np.linalg.norm(state))
            if found == 0:
                break
            state /= found
    if not found > _RELEVANT_SECONDS:
        raise CircuitError(
            "wires and capacitances leave nothing to charge slowly; give a driver or sense "
            "resistance above 0, or a capacitance elsewhere"
        )
    return found


def _laplacian(
    elements: Sequence[tuple[NDArray[np.intp], NDArray[np.intp], Floats]], unknowns: int
) -> csr_array[Any]:
    """Nodal matrix of two-terminal elements, over the nodes of unknown voltage."""
    from scipy.sparse import csr_array

    tail, head, value = (np.concatenate(part) for part in zip(*elements, strict=True))
    rows = np.concatenate([tail, head, tail, head])
    columns = np.concatenate([tail, head, head, tail])
    values = np.concatenate([value, value, -value, -value])
    inside = (rows >= 0) & (columns >= 0) & (rows < unknowns) & (columns < unknowns)
    return csr_array((values[inside], (rows[inside], columns[inside])), shape=(unknowns, unknowns))


def _run(
    array: Array, text: str, timeout_seconds: float, runner: Runner
) -> tuple[Floats, Floats, Floats]:
    """Times, source currents (points, rows) and bit-line currents (points, lines)."""
    vectors = ngspice.run(text, timeout_seconds, runner=runner)
    names = ["time", *terminal_currents(array, 1)]
    missing = [name for name in names if name not in vectors]
    if missing:
        raise BadRawfile(f"the rawfile lacks {', '.join(missing[:5])} ({len(missing)} vectors)")
    table = np.stack([vectors[name] for name in names], axis=1)
    seconds = table[:, 0]
    if seconds.size < _POINTS // 2 or not (np.diff(seconds) > 0).all():
        raise BadRawfile(f"the rawfile holds {seconds.size} points of time, or not in order")
    return seconds, table[:, 1 : 1 + array.rows], table[:, 1 + array.rows :]


def _settling(seconds: Floats, errors: Floats, tolerance: float) -> Floats:
    """When each column of errors is within the tolerance for good [s]; inf where it never is."""
    found = np.zeros(errors.shape[1])
    for line, error in enumerate(errors.T):
        outside = np.flatnonzero(error > tolerance)
        if outside.size == 0:
            continue
        last = int(outside[-1])
        if last + 1 == seconds.size:
            found[line] = np.inf
            continue
        share = (error[last] - tolerance) / (error[last] - error[last + 1])
        found[line] = seconds[last] + share * (seconds[last + 1] - seconds[last])
    return found


def _integral(seconds: Floats, power: Floats, until: float) -> float:
    inside = seconds < until
    times = np.append(seconds[inside], until)
    values = np.append(power[inside], np.interp(until, seconds, power))
    return float(((values[1:] + values[:-1]) / 2 * np.diff(times)).sum())


def _one_input(array: Array, inputs_volt: ArrayLike, capacitances: Capacitances) -> Floats:
    check_array(array)
    example = "Capacitances(bit_farad=5e-15)"
    check_instance("capacitances", capacitances, Capacitances, example)
    applied = volts(array.rows, inputs_volt)
    if len(applied) != 1:
        raise CircuitError(f"inputs_volt holds {len(applied)} points; give one, ({array.rows},)")
    refuse_huge(applied)
    return np.asarray(applied[0])
