"""FlyHash: a locality-sensitive hash by an array that nobody programmed.

The fly's antennal lobe projects a smell onto many cells, each of which listens to a few inputs
chosen at random, and the few that respond most are its tag (S. Dasgupta, C. F. Stevens and
S. Navlakha, "A neural algorithm for a fundamental computing problem", Science 358, 2017,
doi:10.1126/science.aam9868). Here the cells are the columns of an array of imprecise resistors
whose switches are closed at random places, and never measured.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.fabrication import Chip, Seed, fabricate
from crossbar.programming import Program
from crossbar.simulation import SimulatorName, Tile, transfer
from crossbar.tickets.checks import check_paired
from spice_models import Wires

Floats = NDArray[np.float64]
Codes = NDArray[np.bool_]

EXPANSION = 20
"""Columns of the array for each winner: the fly's 2,000 cells have a tag of about 100."""

SAMPLED = 0.1
"""Share of the inputs that a column listens to: about 6 of 50 in the fly."""

NEIGHBOURS = 0.02
"""Share of the images that count as near, as in the paper."""


@dataclass(frozen=True)
class RecallRow:
    """How many true neighbours a hash finds.

    Parameters
    ----------
    name : str
        The hash.
    length : int
        Bits of a dense hash; winners of the array's.
    trials : int
        Independent arrays or projections.
    recall : float
        Share of the nearest images that are among as many with the closest hashes, mean over
        images and trials; where hashes tie, what a fair draw among them expects.
    deviation : float
        Standard deviation over the trials.
    """

    name: str
    length: int
    trials: int
    recall: float
    deviation: float

    @property
    def key(self) -> tuple[int]:
        """What names the task: all hashes of a length are compared at once."""
        return (self.length,)

    @property
    def layer(self) -> str:
        """The hash."""
        return self.name


def sparse_array(
    rows: int,
    columns: int,
    *,
    sampled: float = SAMPLED,
    design: Design | None = None,
    seed: Seed = 0,
) -> tuple[Chip, Program]:
    """Fabricate an array and close one switch in a random share of each column's cells.

    Parameters
    ----------
    rows, columns : int
        Inputs and hash cells.
    sampled : float
        Share of its rows that each column listens to, at least one of them.
    design : Design, optional
        The cell; of its branches the first positive one is used. Default: two branches, one
        for each line, of 20 % tolerance.
    seed : int or numpy.random.SeedSequence
        Of the resistances and the places.

    Raises
    ------
    InputError
        For a share that is not in (0, 1], or no rows or columns.
    """
    if not 0 < sampled <= 1:
        raise InputError(f"sampled = {sampled}: give a share above 0 and at most 1")
    design = design or Design(ladder="identical", resistors=2, name="unprogrammed")
    check_paired(design)
    root = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    making, placing = (
        np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, k)) for k in range(2)
    )
    chip = fabricate(design, rows, columns, making)
    order = np.argsort(np.random.default_rng(placing).random((rows, columns)), axis=0)
    closed = order < max(1, round(sampled * rows))
    enabled = np.zeros(chip.true_ohm.shape, np.bool_)
    enabled[..., np.flatnonzero(design.signs > 0)[0]] = closed
    return chip, Program(enabled, np.zeros((rows, columns)), np.ones((rows, columns), np.bool_))


def array_matrix(
    chip: Chip, program: Program, simulator: SimulatorName, wires: Wires | None = None
) -> Floats:
    """Transfer matrix of the array (columns, rows) [S]; its tiles hold whole columns.

    Parameters
    ----------
    chip, program : Chip, Program
        As `sparse_array` makes them.
    simulator : {"ideal", "nodal", "ngspice"}
        See `crossbar.transfer`.
    wires : Wires, optional
        Their resistances; default those of `Wires`.
    """
    tile = Tile(rows=chip.rows, lines=64)
    return transfer(chip, program, wires or Wires(), tile=tile, simulator=simulator).siemens


def winner_codes(responses: Floats, winners: int) -> Codes:
    """Tags (points, columns) of responses of that shape: the largest ones of each point.

    Of equal ones those of the lower columns win.

    Raises
    ------
    InputError
        For more winners than columns.
    """
    if not 1 <= winners <= responses.shape[1]:
        raise InputError(
            f"winners = {winners}: give 1 to {responses.shape[1]}, there are so many columns"
        )
    order = np.argsort(-responses, axis=1, kind="stable")[:, :winners]
    codes = np.zeros(responses.shape, np.bool_)
    np.put_along_axis(codes, order, True, axis=1)
    return codes


def check_images(images: ArrayLike, share: float = NEIGHBOURS) -> Floats:
    """Images as floats (points, inputs).

    Raises
    ------
    InputError
        For another shape, numbers that are not finite, or a share by which no image is near.
    """
    table = np.asarray(images, np.float64)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise InputError(f"images have shape {table.shape}: give finite ones, (points, inputs)")
    _near(table, share)
    return table


def _near(images: Floats, share: float) -> int:
    """Images that count as near to one."""
    near = round(share * (len(images) - 1))
    if not 1 <= near < len(images):
        raise InputError(f"share = {share}: of {len(images)} images none is near; give more")
    return near


def centred(images: ArrayLike) -> Floats:
    """Images (points, inputs) less their own mean, which the fly's first step removes."""
    table = np.asarray(images, np.float64)
    return np.asarray(table - table.mean(axis=1, keepdims=True))


def recall(images: Floats, codes: NDArray[np.generic], share: float = NEIGHBOURS) -> float:
    """Share of each image's nearest ones that its closest codes find; mean over the images.

    Parameters
    ----------
    images : ndarray, (points, inputs)
        Distances are Euclidean.
    codes : ndarray, (points, length)
        Booleans or numbers; distances are Euclidean too, for booleans the root of Hamming's.
    share : float
        Of the other images, that are near; as many are retrieved.

    Raises
    ------
    InputError
        For a share by which no image is near, or codes of another number of points.
    """
    if len(codes) != len(images):
        raise InputError(f"codes are of {len(codes)} points: give {len(images)}, one an image")
    near = _near(images, share)
    truth = _distances(images)
    nearest = np.zeros(truth.shape, np.bool_)
    np.put_along_axis(nearest, np.argsort(truth, axis=1, kind="stable")[:, :near], True, axis=1)
    found = _distances(np.asarray(codes, np.float64))
    limit = np.sort(found, axis=1)[:, near - 1 : near]
    inside, tied = found < limit, found == limit
    free = near - inside.sum(axis=1)
    hits = (inside & nearest).sum(axis=1) + free * (tied & nearest).sum(axis=1) / tied.sum(axis=1)
    return float(hits.mean() / near)


def flyhash_rows(
    images: ArrayLike,
    lengths: Sequence[int] = (4, 8, 16, 32),
    *,
    trials: int = 5,
    seed: int = 0,
    wires: Wires | None = None,
    design: Design | None = None,
    skip: Collection[tuple[Hashable, ...]] = (),
) -> Iterator[RecallRow]:
    """Compare the array's hash with dense random projections of the same length.

    Parameters
    ----------
    images : array_like, (points, inputs)
        What is looked up, each against all others.
    lengths : sequence of int
        Bits, or winners.
    trials : int
        Arrays and projections for each length.
    seed : int
        Of all of them.
    wires : Wires, optional
        Of the array with wires; default those of `Wires`.
    design : Design, optional
        As `sparse_array`.
    skip : collection of keys
        Lengths ``(length,)`` that are left out, and not computed.

    Yields
    ------
    RecallRow
        ``array, ideal`` and ``array, wires``: tags of the same arrays without and with the
        resistance of wires, by nodal analysis. ``dense, signs``: one bit for each of ``length``
        normal projections, in floating point. ``dense, as many bits``: as many signs as a tag
        holds bits, log2 of the ways to choose its winners. ``dense, values``: the ``length``
        projections themselves, numbers in place of bits.

    Raises
    ------
    InputError
        For lengths or trials below 1, and as `check_images`.
    """
    for name, numbers_given in (("lengths", lengths), ("trials", [trials])):
        for one in numbers_given:
            if not isinstance(one, numbers.Integral) or one < 1:
                raise InputError(f"{name} = {numbers_given}: give whole numbers, at least 1")
    table = centred(check_images(images))
    for length in lengths:
        if (length,) in skip:
            continue
        shares: dict[str, list[float]] = {}
        for trial in range(trials):
            child = np.random.SeedSequence(seed, spawn_key=(length, trial))
            for name, codes in _hashes(table, length, child, wires, design):
                shares.setdefault(name, []).append(recall(table, codes))
        for name, found in shares.items():
            yield RecallRow(name, length, trials, float(np.mean(found)), float(np.std(found)))


def _hashes(
    table: Floats,
    length: int,
    seed: np.random.SeedSequence,
    wires: Wires | None,
    design: Design | None,
) -> Iterator[tuple[str, NDArray[np.generic]]]:
    inputs = table.shape[1]
    chip, program = sparse_array(inputs, EXPANSION * length, design=design, seed=seed)
    for name, simulator in _ARRAYS.items():
        matrix = array_matrix(chip, program, simulator, wires)
        yield name, winner_codes(table @ matrix.T, length)
    dense = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, 2))
    bits = math.ceil(math.log2(math.comb(EXPANSION * length, length)))
    projected = table @ np.random.default_rng(dense).standard_normal((inputs, bits))
    yield "dense, signs", projected[:, :length] > 0
    yield "dense, as many bits", projected > 0
    yield "dense, values", projected[:, :length]


def _distances(points: Floats) -> Floats:
    """Squared distance of each point to each other, (points, points); infinite to itself."""
    squares = np.square(points).sum(axis=1)
    table = squares[:, None] + squares - 2 * points @ points.T
    np.fill_diagonal(table, np.inf)
    return np.asarray(table)


HASHES = ("array, ideal", "array, wires", "dense, signs", "dense, as many bits", "dense, values")
"""Names of the hashes, in the order in which `flyhash_rows` yields them."""

_ARRAYS: dict[str, SimulatorName] = {"array, ideal": "ideal", "array, wires": "nodal"}
