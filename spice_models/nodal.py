"""Exact currents of an array by nodal analysis, without SPICE: directly or by iteration.

`direct` factorises the whole network, or eliminates its nodes where the resistances lie too far
apart for that (`spice_models.direct`), and is the reference. `iterative` uses that every line is
a chain (`spice_models.lines`): far faster, and with little memory, from some 1,000 cells on.
`auto` chooses by `chosen_method` and falls back to the direct solve where the iteration does not
reach its tolerance, so that no answer is silently wrong.

Transfer matrices are kept (`spice_models.kept`, 64 MiB in all, those used last): an array with the
same cells, wires, method and tolerance is not solved again by `transfer_matrix`,
`transfer_matrices`, or a `product` of many inputs. ``keep=False`` bypasses that, to measure times
for example, and `forget` frees the memory. No answer depends on what is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Executor, as_completed
from dataclasses import replace
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spice_models import direct
from spice_models.array import Array, refuse_huge, volts
from spice_models.checks import check_array, check_executor, finite_number, read_only
from spice_models.errors import CircuitError, NotConverged
from spice_models.kept import LARGEST_BYTES, Kept, Solved, content
from spice_models.lines import Answer, Lines
from spice_models.operating_point import OperatingPoint
from spice_models.operating_point import at as operating_point_at

__all__ = [
    "Method",
    "OperatingPoint",
    "Product",
    "TransferMatrix",
    "chosen_method",
    "currents",
    "forget",
    "operating_point",
    "product",
    "transfer_matrices",
    "transfer_matrix",
]

Floats = NDArray[np.float64]
Method = Literal["auto", "direct", "iterative"]
Progress = Callable[[int, int], None]

TOLERANCE = 1e-10
SMALLEST_CHAIN_OHM = 1e-3
LARGEST_CHAIN_OHM = 1e5
LARGEST_CELL_SIEMENS = 1e-2
_FEW_CELLS = 1024
_METHODS = ("auto", "direct", "iterative")
_kept = Kept(LARGEST_BYTES)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_kept.after_fork)


class TransferMatrix(NamedTuple):
    """A transfer matrix and how well it balances.

    ``currents = siemens @ volts``, currents counted positive into the sense ground.
    """

    siemens: Floats
    """(lines, rows) [S]."""
    mismatch: float
    """What the simulator found missing in its own answer, relative to the largest entry."""


class Product(NamedTuple):
    """Currents of some inputs, with their error."""

    currents: Floats
    """(points, lines) [A], positive into the sense ground."""
    mismatch: float
    """Estimated largest error relative to the largest current."""
    method: str
    """What solved it in the end: "direct" or "iterative"."""


def transfer_matrix(
    array: Array, *, method: Method = "auto", tolerance: float = TOLERANCE, keep: bool = True
) -> TransferMatrix:
    """Currents of all bit lines for 1 V on each word line in turn, wires included.

    Solved from the side with fewer terminals; reciprocity makes the two sides equal.

    Parameters
    ----------
    array : Array
    method : {"auto", "direct", "iterative"}
    tolerance : float
        Of the iteration; see `spice_models.lines`.
    keep : bool
        Whether to look for the matrix among those that are kept, and to keep it.

    Returns
    -------
    TransferMatrix
        Read-only. Its mismatch is, for a direct solve, the smaller of two estimates: the currents
        missing in Kirchhoff's law (a stray current entering a resistive network changes no
        terminal's current by more than itself), and the change that the last refinement made; or
        a bound of all roundings, where nodes were eliminated. For an iterative one it is the
        change that the last iteration made.

    Raises
    ------
    CircuitError
        If the resistances lie too far apart for a trustworthy answer, or the method or the
        tolerance is not valid.
    NotConverged
        If `method` is "iterative" and the tolerance was not reached.
    """
    solved = _unit(array, method, tolerance, keep)
    return TransferMatrix(solved.siemens, solved.mismatch)


def transfer_matrices(
    arrays: Iterable[Array],
    *,
    method: Method = "auto",
    tolerance: float = TOLERANCE,
    executor: Executor | None = None,
    progress: Progress | None = None,
    keep: bool = True,
) -> list[TransferMatrix]:
    """`transfer_matrix` of many arrays, in their order, equal ones solved once.

    Parameters
    ----------
    arrays : iterable of Array
        The tiles of a layer, for example.
    method, tolerance
        As for `transfer_matrix`.
    executor : concurrent.futures.Executor, optional
        Where they are solved; default one after another. Threads share the work well, since it
        is done without the GIL.
    progress : callable, optional
        Called with the numbers of finished and of all arrays.
    keep : bool
        As for `transfer_matrix`.

    Raises
    ------
    CircuitError, NotConverged
        As for `transfer_matrix`, of the first array that fails; what has not begun is cancelled.
    """
    _check_options(method, tolerance)
    check_executor(executor)
    arrays = _listed(arrays)
    keys = [content(array, method, tolerance) for array in arrays]
    found = {key: _kept.get(key) if keep else None for key in keys}
    todo = {key: array for key, array in zip(keys, arrays, strict=True) if found[key] is None}
    if progress:
        progress(sum(found[key] is not None for key in keys), len(arrays))
    for key, solved in _all_solved(todo, partial(_solve_unit, method, tolerance), executor):
        read_only(solved.siemens)  # another process's answer comes back writable
        found[key] = solved
        if keep:
            _kept.put(key, solved)
        if progress:
            progress(sum(found[key] is not None for key in keys), len(arrays))
    answers = [found[key] for key in keys]
    return [TransferMatrix(one.siemens, one.mismatch) for one in answers if one is not None]


def forget() -> None:
    """Forget all transfer matrices that are kept."""
    _kept.clear()


def product(
    array: Array,
    inputs_volt: ArrayLike,
    *,
    method: Method = "auto",
    tolerance: float = TOLERANCE,
    keep: bool = True,
) -> Product:
    """Bit-line currents for given inputs, with the error and the method that was used.

    From as many inputs on as the array has terminals on its smaller side, the transfer matrix is
    solved, or taken from those that are kept, and multiplied.

    Parameters
    ----------
    array : Array
    inputs_volt : array_like, shape (points, rows) or (rows,)
        Word-line voltages [V].
    method, tolerance, keep
        As for `transfer_matrix`.

    Raises
    ------
    CircuitError, NotConverged
        As for `transfer_matrix`, or if the inputs do not fit the array.
    """
    check_array(array)
    inputs = volts(array.rows, inputs_volt)
    fewest = min(array.rows, array.lines)
    if len(inputs) < fewest:
        return _solve(array, inputs, False, method, tolerance)
    solved = _unit(array, method, tolerance, keep)
    return Product(inputs @ solved.siemens.T, solved.mismatch, solved.method)


def currents(
    array: Array, inputs_volt: ArrayLike, method: Method = "auto", tolerance: float = TOLERANCE
) -> Floats:
    """Bit-line currents for given inputs: `product` without its error.

    Parameters
    ----------
    array : Array
    inputs_volt : array_like, shape (points, rows) or (rows,)
        Word-line voltages [V].
    method, tolerance
        As for `transfer_matrix`.

    Returns
    -------
    ndarray, shape (points, lines) or (lines,)
        Currents [A], positive into the sense ground.

    Raises
    ------
    CircuitError, NotConverged
        As for `product`.
    """
    found = product(array, inputs_volt, method=method, tolerance=tolerance).currents
    return found[0] if np.ndim(inputs_volt) == 1 else found


def operating_point(array: Array, inputs_volt: ArrayLike) -> OperatingPoint:
    """All voltages, currents and powers for one input vector, solved directly.

    Parameters
    ----------
    array : Array
    inputs_volt : array_like, shape (rows,)
        Word-line voltages [V].

    Raises
    ------
    CircuitError
        If the inputs do not fit, or the resistances lie too far apart for a trustworthy answer.
    """
    check_array(array)
    inputs = volts(array.rows, inputs_volt)
    refuse_huge(inputs)
    if len(inputs) != 1:
        raise CircuitError(f"inputs_volt has {len(inputs)} points; give one, ({array.rows},)")
    return operating_point_at(array, inputs[0])


def chosen_method(array: Array) -> Literal["direct", "iterative"]:
    """What `auto` tries: "iterative" above 1,024 cells, where wires and cells allow it.

    They do for segments of 1 mohm to 100 kohm, drivers and senses likewise or 0, and cells up to
    10 mS. Segments of 0 ohm merge nodes and go to the direct solve.
    """
    check_array(array)
    if not _has_chains(array) or array.rows * array.lines <= _FEW_CELLS:
        return "direct"
    return "iterative"


def _unit(array: Array, method: Method, tolerance: float, keep: bool) -> Solved:
    """Solve a transfer matrix unless it is kept."""
    check_array(array)
    _check_options(method, tolerance)
    if not keep:
        return _solve_unit(method, tolerance, array)
    key = content(array, method, tolerance)
    solved = _kept.get(key)
    if solved is None:
        solved = _solve_unit(method, tolerance, array)
        _kept.put(key, solved)
    return solved


def _solve_unit(method: Method, tolerance: float, array: Array) -> Solved:
    backward = array.rows > array.lines
    found = _solve(array, None, backward, method, tolerance)
    siemens = np.ascontiguousarray(found.currents if backward else found.currents.T)
    return Solved(read_only(siemens), found.mismatch, found.method)


def _all_solved(
    todo: dict[Hashable, Array], solve: Callable[[Array], Solved], executor: Executor | None
) -> Iterator[tuple[Hashable, Solved]]:
    if executor is None:
        yield from ((key, solve(array)) for key, array in todo.items())
        return
    futures = {executor.submit(solve, array): key for key, array in todo.items()}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        for future in futures:
            future.cancel()


def _solve(
    array: Array, inputs: Floats | None, backward: bool, method: Method, tolerance: float
) -> Product:
    """Solve for inputs, or for 1 V on each terminal in turn; `backward` drives the bit lines."""
    _check_options(method, tolerance)
    if method == "iterative" and not _has_chains(array):
        raise CircuitError(
            "wires: the iteration takes segments (and ends other than 0) from "
            f"{SMALLEST_CHAIN_OHM:g} to {LARGEST_CHAIN_OHM:g} ohm, not a segment of 0 ohm, and "
            f"cells up to {LARGEST_CELL_SIEMENS:g} S; use method 'direct'"
        )
    if inputs is None:
        inputs = np.eye(array.lines if backward else array.rows)
    driven, sensed = array.wires.connected(array.rows, array.lines)
    driven, sensed = (sensed, driven) if backward else (driven, sensed)
    if not (driven.any() and sensed.any()):
        return Product(np.zeros((len(inputs), sensed.size)), 0.0, "direct")
    inputs = inputs * driven
    if method == "iterative" or (method == "auto" and chosen_method(array) == "iterative"):
        answer = iterate(array, inputs, backward, tolerance)
        if answer.converged:
            answer.currents[:, ~sensed] = 0.0
            return Product(answer.currents, relative(answer.error, answer.currents), "iterative")
        if method == "iterative":
            raise NotConverged(
                f"tolerance = {tolerance:g} was not reached: residual {answer.residual:.1e}, "
                f"estimated error {relative(answer.error, answer.currents):.1e}, after "
                f"{answer.iterations} iterations; use method 'direct' or a larger tolerance"
            )
    found, error = direct.solve(array, inputs, backward)
    found[:, ~sensed] = 0.0
    return Product(found, relative(error, found), "direct")


def _listed(arrays: Iterable[Array]) -> list[Array]:
    if isinstance(arrays, Array) or not isinstance(arrays, Iterable):
        raise CircuitError(f"arrays = {type(arrays).__name__}: give a list of Array")
    arrays = list(arrays)
    for k, array in enumerate(arrays):
        check_array(array, f"arrays[{k}]")
    return arrays


def _check_options(method: Method, tolerance: float) -> None:
    if not isinstance(method, str) or method not in _METHODS:
        raise CircuitError(f"method = {method!r}; give one of {', '.join(_METHODS)}")
    if not 1e-15 <= finite_number("tolerance", tolerance) <= 1e-3:
        raise CircuitError(f"tolerance = {tolerance!r}; give 1e-15 to 1e-3")


def _has_chains(array: Array) -> bool:
    """Whether the iteration was shown to be right here: segments and cells not too extreme."""
    wires = array.wires
    segments = [np.asarray(wires.word_segment_ohm), np.asarray(wires.bit_segment_ohm)]
    ends = [np.asarray(ohm) for ohm in wires.ends() if ohm is not None]
    values = np.concatenate([part.ravel() for part in segments + [end[end != 0] for end in ends]])
    values = values[np.isfinite(values)]
    in_range = (values >= SMALLEST_CHAIN_OHM) & (values <= LARGEST_CHAIN_OHM)
    return bool(in_range.all() and array.siemens.max() <= LARGEST_CELL_SIEMENS)


def iterate(array: Array, inputs: Floats, backward: bool, tolerance: float) -> Answer:
    """Solve by iteration, however it ends.

    Each input is scaled by a power of two to about 1 V, which changes no digit: powers of voltages
    that are very large or small would overflow, or vanish and look like a residual of 0.
    """
    lines = Lines.of(array)
    power = np.frexp(np.abs(inputs).max(axis=1))[1] - 1
    inputs = np.ldexp(inputs, -power[:, None])
    answer = (lines.turned() if backward else lines).solve(inputs, tolerance)
    if not power.any():
        return answer
    power = power[: len(answer.currents)]
    return replace(
        answer,
        currents=np.ldexp(answer.currents, power[:, None]),
        error=float(np.ldexp(answer.error, power.max())),
    )


def relative(error: float, values: Floats) -> float:
    """An error relative to the largest value."""
    peak = float(np.abs(values).max())
    return error / peak if peak > 0 else error
