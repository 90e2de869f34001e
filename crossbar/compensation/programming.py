"""Programming that knows the wires: the transfer matrix meets the weights, not each cell alone."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.calibration import Measurement, as_measured
from crossbar.compensation.moments import moments_alike, moments_of
from crossbar.compensation.nets import net_tasks
from crossbar.compensation.report import Compensation
from crossbar.compensation.scales import fitting_scale
from crossbar.compensation.tasks import UNMET, Answer, Place, Task, mapped
from crossbar.compensation.tiles import tile_tasks
from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.metrics import effective_bits
from crossbar.programming import Program, program
from crossbar.simulation import Tile, tile_slices
from spice_models import Wires
from spice_models.checks import check_executor

Floats = NDArray[np.float64]

PASSES = 24
MOST_RESISTORS = {"paired": 32, "steered": 14}
"""Of cells whose subsets are chosen for their load, too: more are too many states.

Measured, seconds for 128 x 64 cells: paired 16 and 24 resistors 30 and 60, 28 and 32 of them
200 and 1200; steered 14 60.
"""

_MOST_PASSES = 1000
_MOST_COMMON = 10.0  # more would weigh what all inputs share alone
_LARGEST_INPUT = 1e100
_ROUNDED = 1e-12  # of the largest: products that differ by less are alike


def compensate(
    measurement: Measurement,
    target: ArrayLike,
    wires: Wires,
    *,
    tile: Tile | None = None,
    scale: float | Literal["fit", "fit columns"] = 1.0,
    passes: int = PASSES,
    inputs: ArrayLike | None = None,
    common: float | None = None,
    method: str = "auto",
    seed: int = 0,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Compensation:
    """Choose the switches so that the array with its wires meets the weights.

    Parameters
    ----------
    measurement : Measurement
        What is known about the chip, stuck branches included; cells programmed by measured
        values, paired ones of at most 32 resistors, steered ones of at most 14; from 28 on a
        tile of 128 x 128 lines takes minutes.
    target : array_like, (rows, columns)
        Signed entries of the transfer matrix, at most full scale; an exact 0 is a pruned weight:
        switches of a paired or steered cell stay open, other cells come as close to 0 as they
        can [S].
    wires : Wires
        As they are known, for each tile.
    tile : Tile, optional
        Largest circuit; default 32 x 32 lines. As for `transfer`.
    scale : float, "fit" or "fit columns"
        What all targets are multiplied by first, at most 1. ``fit`` takes the largest at which
        no cell needs more than the middle between full scale and what it reaches, and
        ``fit columns`` that of each column; both up to 14 % less where cells that are chosen in
        turn would need what none of their states comes near to.
    passes : int
        Of paired and steered cells: passes of choosing subsets, each with a nodal analysis; more
        come closer. Where cells are chosen in turn fewer are needed, and where these miss by much,
        or draw little and have few subsets, as many follow. Other cells need one.
    inputs : array_like, (points, rows), optional
        Such as the array will be given, some of them not 0; default one row at a time. Bits are
        those of products with them, and paired and steered cells are chosen for these: errors of
        a column that inputs feel together make up for each other. Some hundred points will do.
    common : float, optional
        What paired and steered cells take for `inputs` in place of these: what the square of the
        summed errors of a column counts beside the squares of its entries, from 0 to 10. Inputs
        of one mean and variance feel the square of their mean over their variance: 3 where they
        are uniform from 0 on.
    method, seed
        Of the subset sums without wires, see `program`; of the order of cells, `seed`.
    executor : concurrent.futures.Executor, optional
        Where the tiles are worked on; changes no bit.
    progress : callable, optional
        Called with the tiles that are done and with all of them, once before the first.

    Raises
    ------
    InputError
        For cells that are too large or programmed by nominal values; a target as for `program`;
        an option out of range; inputs with which all products of targets are 0.
    """
    _check_options(measurement, scale, passes, common)
    check_executor(executor)
    if not isinstance(tile := tile or Tile(), Tile):
        raise InputError(f"tile = {tile!r}: give a crossbar.Tile")
    for rows, lines in tile_slices(
        measurement.on_siemens.shape, tile, measurement.design.lines_per_column
    ):
        cells = lines.stop - lines.start
        wires.each(rows.stop - rows.start, measurement.design.lines_per_column * cells)
    plain = program(measurement, target, method=method, seed=seed)
    full = plain.target_siemens
    points = _checked_inputs(inputs, full)
    places = _places(measurement.design, full.shape, tile)
    both_lines = measurement.design.polarity in ("paired", "steered")
    moments = _moments(points, places, common) if both_lines else []

    def tasks_of(plain: Program, scale: float | Floats) -> Sequence[Task]:
        if both_lines:
            return tile_tasks(
                measurement, plain, wires, tile, passes, moments=moments, scale=scale, seed=seed
            )
        return net_tasks(measurement, plain, wires, tile, method, seed)

    tasks = tasks_of(plain, 1.0)
    before = _joined(full.shape, places, mapped("plain_matrix", tasks, executor))
    size: float | Floats
    if isinstance(scale, str):
        size = fitting_scale(tasks, places, scale == "fit columns", executor)
    else:
        size = float(scale)
    if np.any(size != 1):
        scaled = program(measurement, size * full, method=method, seed=seed)
        tasks = tasks_of(scaled, size)
    answers = mapped("compensated", tasks, executor, progress=progress)
    after = _joined(full.shape, places, [answer.matrix for answer in answers]) / size
    gain = float((before * full).sum() / ((before**2).sum() or 1.0))
    several = np.count_nonzero(full) > 1
    ideal = as_measured(measurement).cell_siemens(plain.enabled)
    return Compensation(
        _program(plain, answers, places, UNMET * measurement.design.full_scale_siemens * size),
        plain,
        size,
        size * full,
        ideal_wires_bits=_bits(ideal, full, points),
        uncompensated_bits=_bits(before, full, points),
        one_gain_bits=_bits(gain * before, full, points) if several else float("nan"),
        compensated_bits=_bits(after, full, points),
        updates=max(answer.updates for answer in answers),
        residual=max(answer.residual for answer in answers),
        errors=_errors(tasks, answers),
        changed=max(answer.changed for answer in answers),
    )


def check_wire_aware(design: Design) -> None:
    """Raise an InputError for cells that wire-aware programming does not take."""
    if design.programmed_by != "measured":
        raise InputError(
            "programmed_by = 'nominal': wire-aware programming needs measured values; "
            "use 'measured'"
        )
    most = MOST_RESISTORS.get(design.polarity, design.resistors)
    if design.resistors > most:
        raise InputError(
            f"resistors = {design.resistors}: wire-aware programming takes {design.polarity} cells "
            f"of at most {most}; use fewer, or 'flip' cells"
        )


def _check_options(measurement: Measurement, scale: object, passes: object, common: object) -> None:
    check_wire_aware(measurement.design)
    number = isinstance(scale, numbers.Real) and not isinstance(scale, bool)
    fits = isinstance(scale, str) and scale in ("fit", "fit columns")
    if not fits and not (number and 0 < float(cast(float, scale)) <= 1):
        raise InputError(
            f"scale = {scale!r}: give 'fit', 'fit columns', or a number above 0 and at most 1"
        )
    whole = isinstance(passes, numbers.Integral) and not isinstance(passes, bool)
    if not (whole and 1 <= cast(int, passes) <= _MOST_PASSES):
        raise InputError(f"passes = {passes!r}: give a whole number from 1 to {_MOST_PASSES}")
    number = isinstance(common, numbers.Real) and not isinstance(common, bool)
    if common is not None and not (number and 0 <= float(cast(float, common)) <= _MOST_COMMON):
        raise InputError(f"common = {common!r}: give a number from 0 to {_MOST_COMMON:g}, or None")


def _checked_inputs(inputs: ArrayLike | None, full: Floats) -> Floats:
    """Inputs (points, rows), or an InputError where their products could tell no bits."""
    rows = len(full)
    try:
        points = np.eye(rows) if inputs is None else np.asarray(inputs)
    except ValueError:
        raise InputError("inputs are ragged: give rows of equal length") from None
    if points.dtype.kind not in "biuf":
        raise InputError(f"inputs have type {points.dtype}: give real numbers")
    if points.ndim != 2 or points.shape[1] != rows or not len(points):
        raise InputError(f"inputs have shape {points.shape}: give (points, {rows})")
    if not np.isfinite(points).all():
        point, row = np.argwhere(~np.isfinite(points))[0]
        raise InputError(
            f"inputs[{point}, {row}] = {points[point, row]}: every value must be finite"
        )
    points = points.astype(float)
    if not (largest := float(np.abs(points).max())):
        raise InputError(
            "inputs = 0 everywhere: all products are 0, so there is nothing to count bits by; "
            "give other inputs, or none"
        )
    if not 1 / _LARGEST_INPUT < largest < _LARGEST_INPUT:
        raise InputError(f"inputs of up to {largest:g}: scale them to a usual size")
    if full.any() and nothing_comes_of(points, full):
        raise InputError(
            "inputs: all their products with the target are 0, so there is nothing to count bits "
            "by; give inputs that rows with targets feel, or none"
        )
    return points


def nothing_comes_of(points: Floats, matrix: Floats) -> bool:
    """Whether all products of inputs (points, rows) with a matrix (rows, columns) are 0."""
    summed = np.abs(points) @ np.abs(matrix)
    return bool(np.abs(points @ matrix).max(initial=0) <= _ROUNDED * summed.max(initial=0))


def _moments(points: Floats, places: Sequence[Place], common: float | None) -> list[Floats]:
    """Of the inputs of each place, relative to the mean square of all."""
    size = float(np.mean(points**2))
    of_rows: dict[int, Floats] = {}
    for rows, _ in places:
        if rows.start in of_rows:
            continue
        if common is None:
            of_rows[rows.start] = moments_of(points[:, rows] / np.sqrt(size))
        else:
            of_rows[rows.start] = moments_alike(rows.stop - rows.start, common)
    return [of_rows[rows.start] for rows, _ in places]


def _places(design: Design, shape: tuple[int, ...], tile: Tile) -> list[Place]:
    """Cells of each task: tiles of paired and steered cells, whole rows of tiles of the others."""
    grid = tile_slices(shape, tile)
    if design.polarity in ("paired", "steered"):
        return grid
    return [(rows, slice(shape[1])) for rows, columns in grid if columns.start == 0]


def _program(
    plain: Program, answers: Sequence[Answer], places: Sequence[Place], most: float | Floats
) -> Program:
    """The whole layer's, whose targets are out of reach where they are missed by `most` [S]."""
    enabled = plain.enabled.copy()  # a reference line follows the last column of its row
    for answer, (rows, columns) in zip(answers, places, strict=True):
        first = columns.start or 0
        enabled[rows, first : first + answer.enabled.shape[1]] = answer.enabled
    shape = plain.target_siemens.shape
    asked = _joined(shape, places, [answer.asked for answer in answers])
    beyond = _joined(shape, places, [answer.out_of_reach for answer in answers])
    missed = _joined(shape, places, [answer.missed for answer in answers])
    return Program(enabled, asked, (beyond == 0) & (missed <= most))


def _errors(tasks: Sequence[Task], answers: Sequence[Answer]) -> tuple[float, ...]:
    """Of all tiles together; a tile keeps its error where it needs no more passes."""
    kept = np.array([np.count_nonzero(task.kept) for task in tasks])
    most = max(len(answer.errors) for answer in answers)
    each = [_lasting(answer.errors or (answer.residual,), most) for answer in answers]
    squares = kept @ np.square(each) / max(kept.sum(), 1) if most else np.zeros(0)
    return tuple(np.sqrt(squares).tolist())


def _lasting(errors: tuple[float, ...], passes: int) -> tuple[float, ...]:
    return errors + errors[-1:] * (passes - len(errors))


def _bits(matrix: Floats, wanted: Floats, points: Floats) -> float:
    """Effective bits of products with matrices (rows, columns).

    Products that are all alike, as of one weight, have no range: their distance from 0 is taken;
    NaN where that is 0.
    """
    product = points @ wanted
    alike = np.ptp(product) <= _ROUNDED * np.abs(product).max()
    output_range = np.abs(product).max() if alike else np.ptp(product)
    if not output_range:
        return float("nan")
    return effective_bits(points @ (matrix - wanted), float(output_range))


def _joined(
    shape: tuple[int, ...], places: Sequence[Place], parts: Sequence[NDArray[Any]]
) -> Floats:
    whole = np.zeros(shape)
    for place, part in zip(places, parts, strict=True):
        whole[place] = part
    return whole
