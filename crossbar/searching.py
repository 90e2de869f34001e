"""Known conductances and targets of cells to switch states, by subset sums."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import solvers
from crossbar.branches import off_siemens
from crossbar.design import Design

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """Switch states of cells.

    Parameters
    ----------
    states : ndarray of bool or int8, (cells, branches)
        As in `programming.Program`.
    reachable : ndarray of bool, (cells,)
        Whether the target lies between the smallest and the largest sum.
    error : ndarray, (cells,)
        What the lines conduct less the target, by the conductances that were known [S].
    """

    states: NDArray[np.bool_] | NDArray[np.int8]
    reachable: NDArray[np.bool_]
    error: Floats


class _Solve(Protocol):
    def __call__(
        self,
        values: Floats,
        targets: Floats,
        *,
        coefficients: tuple[int, ...] = (0, 1),
        fixed: Floats | None = None,
    ) -> solvers.Solution: ...


def search(
    design: Design,
    on: Floats,
    wanted: Floats,
    stuck: NDArray[np.bool_] | NDArray[np.int8],
    *,
    method: str,
    seed: int,
) -> Found:
    """Choose the switch states of cells.

    Parameters
    ----------
    design : Design
        Says what the switches can do, and whether any states that are near enough will do.
    on : ndarray, (cells, branches)
        Conductance of each closed branch [S]; 0 where it is open.
    wanted : ndarray, (cells,)
        What the lines shall conduct, positive less negative [S].
    stuck : ndarray of bool or int8, (cells, branches)
        States that switches are stuck in; 0 where they obey.
    method, seed
        As for `programming.program`.
    """
    solve: _Solve = partial(
        solvers.solve_batch, method=method, seed=seed if method in ("auto", "random") else None
    )
    hit = np.asarray(stuck.any(axis=1))
    if not hit.any():
        return _search_free(design, on, wanted, solve)
    whole = _search_free(design, on[~hit], wanted[~hit], solve)
    around = _search_around(design, on[hit], wanted[hit], stuck[hit], solve)
    joined = []
    for one, two in zip(_parts(whole), _parts(around), strict=True):
        both = np.zeros((len(hit), *one.shape[1:]), one.dtype)
        both[~hit], both[hit] = one, two
        joined.append(both)
    return Found(*joined)


def _parts(found: Found) -> tuple[NDArray[Any], ...]:
    return found.states, found.reachable, found.error


def _search_around(
    design: Design,
    on: Floats,
    wanted: Floats,
    stuck: NDArray[np.bool_] | NDArray[np.int8],
    solve: _Solve,
) -> Found:
    """Choose the states of the switches that obey, the stuck ones being part of the sum.

    However few bits are enough: these cells take the nearest sum.
    """
    off, signs = off_siemens(design, on), design.signs.astype(float)
    goal = wanted - (0.0 if design.takes_either_line else off @ signs)
    values = (on - off) * signs
    if design.programmed_by == "nominal" and design.polarity == "paired":
        values = np.where((values * wanted[:, None] > 0) | (stuck != 0), values, 0)
    fixed = np.where(stuck, stuck, np.nan)
    found = solve(values, goal, coefficients=design.coefficients, fixed=fixed)
    return _cleaned(design, on, found.mask.astype(np.int8), found.reachable, found.error)


def _search_free(design: Design, on: Floats, wanted: Floats, solve: _Solve) -> Found:
    """Choose the states of switches that all obey."""
    off, signs = off_siemens(design, on), design.signs.astype(float)
    goal = wanted - (0.0 if design.takes_either_line else off @ signs)
    values, nominal = (on - off) * signs, design.programmed_by == "nominal"
    side = np.where(wanted < 0, -1, 1).astype(np.int8)[:, None]
    if nominal and design.polarity == "paired":
        values = np.where(values * wanted[:, None] > 0, values, 0)
    if nominal and design.polarity == "steered":
        found = solve(values * side, goal)
        states = np.where(found.mask, side, 0)
    elif design.enough_bits is not None:
        enough = design.full_scale_siemens * 2.0**-design.enough_bits
        return _cleaned(design, on, *_lightest(design, enough, values, goal, side, solve))
    else:
        found = solve(values, goal, coefficients=design.coefficients)
        states = found.mask.astype(np.int8)
    return _cleaned(design, on, states, found.reachable, found.error)


def _cleaned(
    design: Design,
    on: Floats,
    states: NDArray[np.int8],
    reachable: NDArray[np.bool_],
    error: Floats,
) -> Found:
    """Leave the switches of open branches open, where they can be."""
    states = states if design.polarity == "flip" else np.where(on > 0, states, 0)
    return Found(states.astype(np.int8 if design.takes_either_line else bool), reachable, error)


def _lightest(
    design: Design,
    enough: float,
    values: Floats,
    goal: Floats,
    side: NDArray[np.int8],
    solve: _Solve,
) -> tuple[NDArray[np.int8], NDArray[np.bool_], Floats]:
    """Find states whose error is at most `enough` [S] and that conduct little.

    A cell conducts its target and twice what the line of the other sign does. So that line gets
    nothing first, then the smallest branch alone, the two smallest, and so on, until the
    nearest sum is near enough. What is not then is searched among all states: from half the
    branches on, that costs no more.
    """
    cells, branches = values.shape
    numbers, rank = _toward_and_against(design, values, side)
    states, error = np.zeros(values.shape, np.int8), np.zeros(cells)
    reachable, left = np.ones(cells, bool), np.arange(cells)
    for against in range((branches + 1) // 2):
        fixed = np.where(rank[left] < against, np.nan, 0.0)
        found = solve(numbers[left], goal[left], fixed=fixed)
        good = found.reachable & (np.abs(found.error) <= enough)
        mask = found.mask[good].astype(np.int8)
        if design.takes_either_line:
            mask = (mask[:, :branches] - mask[:, branches:]) * side[left[good]]
        states[left[good]], error[left[good]] = mask, found.error[good]
        left = left[~good]
        if not left.size:
            return states, reachable, error
    found = solve(values[left], goal[left], coefficients=design.coefficients)
    states[left], reachable[left], error[left] = found.mask, found.reachable, found.error
    return states, reachable, error


def _toward_and_against(
    design: Design, values: Floats, side: NDArray[np.int8]
) -> tuple[Floats, NDArray[np.int64]]:
    """Numbers to choose from, and for each -1 or, on the other line, its place from the smallest.

    Paired branches are on one of the lines; steered ones are given once for each.
    """
    if design.takes_either_line:
        toward = values * side
        place = np.broadcast_to(np.arange(values.shape[1]), values.shape)
        rank = np.concatenate([np.full(values.shape, -1), place], axis=1)
        return np.concatenate([toward, -toward], axis=1), rank
    against = values * side <= 0
    return values, np.where(against, np.cumsum(against, axis=1) - 1, -1)
