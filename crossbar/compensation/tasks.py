"""What is compensated at once, and what comes of it, whatever the cells are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from operator import methodcaller
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spice_models import Wires

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Switches = NDArray[np.bool_] | NDArray[np.int8]
Place = tuple[slice, slice]

STALLED = 0.9
"""Updates end where one leaves more than this share of the error."""

LEAST_ATTENUATION = 0.01
"""What a cell passes of its own conductance at least; where it is less, sneak currents count."""

UNMET = 1e-2
"""Error relative to scaled full scale above which a target is said to be out of reach."""


@dataclass(frozen=True)
class Answer:
    """A programmed part of a layer.

    Parameters
    ----------
    enabled : ndarray of bool or int8, (rows, columns, branches)
        As in `Program`, with the reference line where there is one.
    asked : ndarray, (rows, columns)
        Net conductance that each cell should have, so that the wires make the target of it [S].
    out_of_reach : ndarray of bool, (rows, columns)
        Cells whose branches cannot make that, or that open wires cut off. Of paired and steered
        cells only those whose entries of `matrix` are missed: by more than the precision of
        subsets or `UNMET`, whichever is less, where the branches cannot make what is asked or
        conductances of any size would miss, too; else by `UNMET` and several times the
        precision, pruned cells by `UNMET` alone.
    matrix : ndarray, (rows, columns)
        Transfer matrix with these switches [S].
    updates : int
        Updates of the continuous step.
    missed : ndarray, (rows, columns)
        Error of the cells after it that is out of reach where it is more than `UNMET`; 0 where
        `out_of_reach` says all [S].
    residual : float
        Rms of what the kept cells missed after it, relative to full scale.
    errors : tuple of float
        Rms error of the kept cells after each pass of choosing subsets, relative to full scale;
        of paired and steered cells as in `Compensation`.
    changed : float
        Share of the kept cells that the last pass changed.
    """

    enabled: Switches
    asked: Floats
    out_of_reach: Bools
    matrix: Floats
    updates: int
    missed: Floats
    residual: float
    errors: tuple[float, ...] = ()
    changed: float = 0.0


class Task(Protocol):
    """A part of a layer that can be compensated by itself."""

    @property
    def kept(self) -> Bools:
        """Cells that are asked for something, (rows, columns)."""

    def scaled(self, size: Floats) -> Task:
        """The same with targets multiplied by `size`, (columns,)."""

    def plain_matrix(self) -> Floats:
        """Transfer matrix with the switches of the task, (rows, columns) [S]."""

    def needed_share(self) -> Floats:
        """Largest conductance that a cell of each column needs, over what it may, (columns,)."""

    def gaps(self, sizes: Floats) -> Floats:
        """Squares of what states of cells miss by with targets times each size, (columns, sizes).

        Summed over the cells of a column, relative to full scale; 0 where cells do not need just
        one value, and for faulty cells.
        """

    def compensated(self) -> Answer:
        """Program it; with wires that no current can be felt in its switches stay."""


def shortfall(kept: Bools, error: Floats, full_scale: float) -> float:
    """Rms error of the kept cells, relative to full scale."""
    of_kept = error[kept]
    return float(np.sqrt(np.mean(of_kept**2)) / full_scale) if of_kept.size else 0.0


def made_up(
    asked: Bools, step: Floats, needed: Floats, lacking: Floats, full_scale: float
) -> float:
    """What cells lack that an update will make up for, rms relative to full scale.

    Nothing of a cell that is at its end already: were it counted, updates would end early.

    Parameters
    ----------
    asked : ndarray of bool, (rows, columns)
        Cells that are asked for something.
    step, needed : ndarray, (rows, columns)
        What each cell's conductance will change by, and would have to [S].
    lacking : ndarray, (rows, columns)
        What their entries lack [S].
    full_scale : float
        [S].
    """
    share = np.divide(step, needed, out=np.zeros(step.shape), where=needed != 0)
    return shortfall(asked, share * lacking, full_scale)


def cut_off(wires: Wires, rows: int, lines: int) -> Bools:
    """Crossings whose word line has no input there or whose bit line no sense, (rows, lines)."""
    ohm = wires.each(rows, lines)
    driven = _joined(ohm["word"], ohm["driver"], ohm["far_driver"])
    sensed = _joined(ohm["bit"].T, ohm["far_sense"], ohm["sense"]).T
    return np.asarray(~(driven & sensed))


def _joined(segments: Floats, near: Floats, far: Floats) -> Bools:
    """Places of each line that are joined to one of its ends, (lines, places)."""
    first = np.concatenate([near[:, None], segments], axis=1).cumsum(axis=1)
    last = np.concatenate([segments, far[:, None]], axis=1)[:, ::-1].cumsum(axis=1)[:, ::-1]
    return np.asarray(np.isfinite(np.minimum(first, last)))


def faulty(reach: Floats, full_scale: float) -> Bools:
    """Cells that reach less than half of full scale: they decide no scale, (rows, columns)."""
    return np.asarray(reach < full_scale / 2)


def share_of_reach(distance: Floats, reach: Floats, asked: Bools, full_scale: float) -> Floats:
    """Largest conductance that a cell of each column needs, relative to what it may, (columns,).

    It may go to the middle between full scale and what its branches reach: beyond, sums lie
    ever farther apart. Faulty cells are not asked.

    Parameters
    ----------
    distance, reach : ndarray, (rows, columns)
        What each cell needs and what its branches reach in that direction [S].
    asked : ndarray of bool, (rows, columns)
        Cells that are asked for something.
    full_scale : float
        [S].
    """
    most = np.minimum((reach + full_scale) / 2, reach)
    asked = asked & ~faulty(reach, full_scale)
    return np.asarray((np.abs(distance) / np.where(asked, most, np.inf)).max(axis=0))


def mapped(
    method: str,
    tasks: Sequence[Task],
    executor: Executor | None,
    *given: Any,
    progress: Callable[[int, int], None] | None = None,
) -> list[Any]:
    """What a method of each task returns."""
    work, found = methodcaller(method, *given), []
    results = executor.map(work, tasks) if executor else map(work, tasks)
    if progress:
        progress(0, len(tasks))
    for result in results:
        found.append(result)
        if progress:
            progress(len(found), len(tasks))
    return found
