"""Currents of large arrays by an iteration that uses their structure: every line is a chain.

With the word-line *drops* x (from their input voltage E) and the bit-line voltages y,
Kirchhoff's law reads ``Aw x - G y = -G E`` and ``Ab y - G x = G E``: G the cells, Aw and Ab
tridiagonal in each line. Eliminating y leaves ``S x = b`` with ``S = Aw - G Ab^-1 G``, which
conjugate gradients solve, preconditioned by Aw (Saad, Iterative Methods for Sparse Linear
Systems, 2nd ed., sections 9.2 and 14.2) and, of long lines, by the slowest modes
(`spice_models.modes`). Each iteration solves every line once.

The iteration runs in single precision, which halves what goes through memory, and towards a
residual 1,000 times smaller; then the residual is computed anew from x, which is in double
precision, and replaces the one that was followed, while the direction is kept ("reliable
updates": Clark et al., Comput. Phys. Commun. 181 (2010) 1517, section 5.2). So the answer is as
right as double precision throughout would make it. Word lines of weak drivers lie far from their
inputs: their drops are counted from a level that follows them, or they would have few digits.

What is watched is the power norm ``r . M^-1 r`` of the residual, M the preconditioner, and what
the last iteration still changed in any current. The currents are linear in x, so they are
followed on the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spice_models.array import Array
from spice_models.modes import Modes
from spice_models.topology import reached

__all__ = ["Answer", "Lines"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

LANES = (1, 4, 16)
"""How many inputs the kernels take at once."""
_MERGED_OHM = 1e-15
_MOST = 2000
_MOST_STALLS = 3
_DEPTH = 1e-3
_BOTTOM = 1e-7
_FORETOLD = 1e-4
_LOST = 1e4
_RESTART = 1e6
_DOUBT = 2.0
_LOOK_BACK = 4
_ROUNDING = 1e-13
_NOTHING = 1e-14
_LOOSE = 1e3  # conductance of a word line's segments relative to that of its ends
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Answer:
    """Currents of the bit lines and what is known about them.

    Parameters
    ----------
    currents : ndarray, shape (points, lines)
        Into the bit lines' ends, both together [A].
    error : float
        Estimate of the largest error of a current [A]: what the last iteration changed in it,
        or a tenth of the bound by its power, continued as a geometric series where the changes
        fall slowly; and rounding.
    residual : float
        Residual in the norm of power relative to the right-hand side, recomputed at the end.
    iterations : int
        The most that any block of inputs took.
    converged : bool
        Whether the residual is within twice the tolerance and the error, relative to each input's
        largest current, within ten times. If not, do not use the currents.
    """

    currents: Floats
    error: float
    residual: float
    iterations: int
    converged: bool


@dataclass(frozen=True, eq=False)
class Lines:
    """An array as conductances [S]; 0 where nothing connects, all finite.

    Parameters
    ----------
    cell : ndarray, shape (rows, lines)
    word : ndarray, shape (rows, lines + 1)
        Segment j leads to node j of a word line from the one before; the first and the last are
        those from its input.
    bit : ndarray, shape (rows + 1, lines)
        Segment i leads to node i of a bit line from the one before; the first and the last are
        those to its sense ground.
    """

    cell: Floats
    word: Floats
    bit: Floats

    @classmethod
    def of(cls, array: Array) -> Lines:
        """An array's conductances; drivers and senses of 0 ohm become 1e-15 ohm.

        That changes a current by less than rounding does while lines carry below 1 S in all.
        """
        ohm = array.wires.each(array.rows, array.lines)
        alive = reached(array)
        cell = array.siemens if alive.all() else np.where(alive, array.siemens, 0.0)
        word, bit = np.empty((array.rows, array.lines + 1)), np.empty((array.rows + 1, array.lines))
        word[:, 0], word[:, 1:-1], word[:, -1] = ohm["driver"], ohm["word"], ohm["far_driver"]
        bit[0], bit[1:-1], bit[-1] = ohm["far_sense"], ohm["bit"], ohm["sense"]
        for wires in (word, bit):
            np.divide(1, np.maximum(wires, _MERGED_OHM, out=wires), out=wires)
        return cls(np.ascontiguousarray(cell), word, bit)

    def turned(self) -> Lines:
        """Inputs and outputs exchanged: bit lines are driven and word lines sensed."""
        turn = np.ascontiguousarray
        return Lines(turn(self.cell.T), turn(self.bit.T), turn(self.word.T))

    def solve(self, applied: Floats, tolerance: float) -> Answer:
        """Currents for several inputs, up to sixteen at a time.

        Parameters
        ----------
        applied : ndarray, shape (points, rows)
            Voltages of the word lines [V].
        tolerance : float
            For the residual, and for the error relative to each input's largest current.

        Returns
        -------
        Answer
            Look at `converged` before anything else.
        """
        system = _System(self)
        applied = applied * (self.word[:, 0] + self.word[:, -1] > 0)  # where nothing drives, 0
        answers = []
        for start in range(0, len(applied), LANES[-1]):
            part = applied[start : start + LANES[-1]]
            width = next(lanes for lanes in LANES if lanes >= len(part))
            block = np.zeros((self.cell.shape[0], width))
            block[:, : len(part)] = part.T
            answers.append(system.solve(block, tolerance, len(part)))
            if not answers[-1].converged:
                break
        return _joined(answers)


class _System:
    """The factorised lines and the vectors of one block of inputs."""

    def __init__(self, lines: Lines) -> None:
        from spice_models.line_kernels import factor_bits, factor_words

        self.shape = lines.cell.shape
        self.exact = (lines.cell, lines.word, lines.bit)
        bit_inverse, above = factor_bits(lines.cell, lines.bit)
        word_inverse, onward = factor_words(lines.cell, lines.word)
        cell, word = _single(lines.cell), _single(lines.word)
        self.rough: Any = (cell, word, above, bit_inverse, onward, word_inverse)
        self.largest = float(lines.cell.max())
        senses = lines.bit[0] + lines.bit[-1]
        self.conductance = float(np.minimum(lines.cell.sum(axis=0), senses).max())
        self.modes = Modes.of(*self.exact)
        ends = lines.word[:, 0] + lines.word[:, -1]
        self.loose = np.flatnonzero(lines.word[:, 1:-1].max(axis=1, initial=0.0) > _LOOSE * ends)
        self.vectors: list[NDArray[Any]] = []

    def solve(self, applied: Floats, tolerance: float, used: int) -> Answer:
        """Iterate for one block, every input scaled to 1 V."""
        rows, lines = self.shape
        width = applied.shape[1]
        if not self.vectors or self.vectors[0].shape[2] != width:
            self.vectors.clear()
            self.vectors = _staggered((rows, lines + 2, width))
        self.vectors[0][:] = 0.0
        height = np.abs(applied).max(axis=0)
        block = _Block(self, applied * _inverse(height), (height > 0).astype(float))
        with np.errstate(over="ignore", invalid="ignore"):  # NaN does not converge
            converged = block.run(tolerance)
        error = block.error + _ROUNDING * np.abs(block.flow).max(axis=0)
        height = height[:used]
        return Answer(
            np.ascontiguousarray((block.flow[:, :used] * height).T),
            float((error[:used] * height).max()),
            float(np.sqrt(_quotient(block.product, block.scale).max())),
            block.iterations,
            converged,
        )


class _Block:
    """One block of inputs on the way: what is followed of each lane, (lanes,), and of currents.

    `product` is the power norm of the residual, squared, and `begin` that at the beginning of a
    cycle; `top` the scale of the vectors in single precision, `raw` the product relative to top^2.
    `pull` and `pulled`, (modes, modes, lanes), are the products of the modes with the residual and
    with what the last step took from it.
    """

    def __init__(self, system: _System, applied: Floats, driven: Floats) -> None:
        from spice_models import line_kernels

        rows, lines = system.shape
        width = applied.shape[1]
        self.system, self.applied, self.kernels = system, applied, line_kernels
        self.lanes = (0,) * width
        self.flow, self.sensed, self.square = np.zeros((3, lines, width))
        strip = min(max(line_kernels.STRIP // width, 1), lines)
        self.strip = (
            np.zeros((rows + 1, strip, width)),
            np.zeros((strip, width)),
            np.zeros((rows, strip)),
        )
        self.sums = list(np.zeros((4, lines, width), np.float32))
        self.carried = list(np.zeros((2, width), np.float32))
        self.rounding = 2 * _EPS * system.largest * driven
        self.error, self.product, self.raw, self.scale, self.top = np.zeros((5, width))
        self.begin = self.product
        self.patterns: tuple[Any, Any] = (system.modes.down, system.modes.right)
        self.weight = system.modes.weight[..., None].astype(float)
        modes = len(self.weight)
        self.constants = (self.lanes, (0,) * modes)
        self.pull, self.pulled = np.zeros((2, modes, modes, width))
        self.iterations = 0
        self.history: list[Floats] = []

    def run(self, tolerance: float) -> bool:
        """Iterate in single precision, each cycle from a residual computed in double precision.

        Where that disagrees with what was followed on the way, the next cycle repairs it.
        """
        goal, stalls, begin = tolerance, 0, np.full(len(self.lanes), np.inf)
        while True:
            self._renew()
            open_lanes = self._open(2 * tolerance, self.error / 5)
            if not open_lanes.any():
                return True
            stalls += bool((self.product >= begin / 4)[open_lanes].any())  # 0 stays 0
            if stalls > _MOST_STALLS or self.iterations >= _MOST or np.isnan(self.product).any():
                return False
            self.begin = begin = self.product
            while self.iterations < _MOST:
                open_lanes = self._open(goal, self.error)
                if not open_lanes.any():
                    goal /= 10
                    break
                if (self.product <= _DEPTH**2 * begin)[open_lanes].all():
                    break
                if (self.product > _LOST * begin)[open_lanes].any():
                    break
                self._step(self.product > _BOTTOM**2 * begin)

    def _renew(self) -> None:
        """Compute the currents and the residual from x, in double precision."""
        x, z, p, t = self.system.vectors
        if (loose := self.system.loose).size:
            shift = x[loose, x.shape[1] // 2]
            x[loose] -= shift[:, None]  # with the columns of earth: now what the drivers drop
            self.applied[loose] += shift
        onward, word_inverse = self.system.rough[4:]
        former, followed = self.top, self.product
        sums = (self.flow, self.sensed, self.square, *self.strip)
        self.flow[:] = self.square[:] = 0.0
        self.kernels.balance(*self.system.exact, self.applied, x, t, *sums, self.lanes)
        self.top = np.sqrt(self.square.sum(axis=0))
        ratio = _quotient(former, self.top)
        ratio[(ratio > _RESTART) | (followed > _LOST * self.begin)] = 0.0
        factors = (_single(_inverse(self.top)), _single(ratio))
        share, self.pull = _single(self.weight * self.pull), np.zeros_like(self.pull)
        modes = (*self.patterns, share, self.pull)
        self.kernels.renew(onward, word_inverse, *factors, z, p, t, *modes, *self.constants)
        zero = np.zeros(len(self.lanes))
        self._forward(zero, zero + 1)
        self.scale = self.scale if self.history else self.product
        self.history.append(self.product)
        unforeseen = np.maximum(self.product - followed, 0.0) if len(self.history) > 1 else zero
        unforeseen = np.sqrt(self.system.conductance * unforeseen)
        error = _DOUBT * (self.error + unforeseen) + self.rounding
        self.error = np.maximum(error, np.abs(self.flow - self.sensed).max(axis=0))

    def _forward(self, alpha: Floats, beta: Floats) -> None:
        power = self.sums[0]
        x, z, p, t = self.system.vectors
        cell, word, above = self.system.rough[:3]
        power[:] = 0.0
        lane = (_single(alpha), alpha * self.top, _single(beta))
        self.pull -= alpha * self.pulled
        sums = (*self.patterns, _single(self.weight * self.pull), power)
        self.kernels.forward(cell, word, above, *lane, x, z, p, t, *sums, *self.constants)
        self.raw = power.sum(axis=0, dtype=np.float64) + self._of_modes(self.pull)
        self.product = self.raw * self.top**2

    def _of_modes(self, pull: Floats) -> Floats:
        """What the modes add to a power norm, (lanes,)."""
        return np.asarray((self.weight * pull**2).sum(axis=(0, 1)))

    def _step(self, going: Bools) -> None:
        """Take one step of conjugate gradients; `size` foretells the next product.

        Lanes that are not `going` wait: they have reached the digits of single precision, and what
        is left there would underflow.
        """
        power, change, size, volts = self.sums
        power[:] = change[:] = size[:] = volts[:] = 0.0
        p, t = self.system.vectors[2:]
        last, ahead = self.carried
        self.pulled[:] = 0.0
        sums = (*self.patterns, change, power, size, volts, last, ahead)
        cell, word, above, bit_inverse, onward, word_inverse = self.system.rough
        lines = (cell, word, above, bit_inverse, onward, word_inverse)
        self.kernels.backward(*lines, p, t, *sums, self.pulled, *self.constants)
        raw, before = self.raw, self.product
        alpha = going * _quotient(raw, power.sum(axis=0, dtype=np.float64))
        turned = size.sum(axis=0, dtype=np.float64) + self._of_modes(self.pulled)
        next_raw = alpha**2 * turned - raw
        next_raw[next_raw < _FORETOLD * raw] = 0.0  # rounding: begin again from the residual
        self._forward(alpha, _quotient(next_raw, raw))
        moved = change * (alpha * self.top)
        self.flow += moved
        self.iterations += 1
        start = self.history[max(len(self.history) - _LOOK_BACK, 0)]
        pace = _quotient(self.product, start) ** (0.5 / min(len(self.history), _LOOK_BACK))
        # No current errs by more than sqrt(its line's conductance x power of the error).
        bound = np.sqrt(self.system.conductance * alpha * before)
        error = np.maximum(np.abs(moved).max(axis=0), 0.1 * bound) * _remaining(pace)
        self.error = np.where(going, error, self.error)
        self.history.append(self.product)

    def _open(self, tolerance: float, error: Floats) -> Bools:
        """Which lanes are not yet within the tolerance; true for NaN.

        Currents below the rounding of what the largest cell could carry are 0.
        """
        peak = np.abs(self.flow).max(axis=0)
        nothing = _NOTHING * self.system.largest
        exact = (error <= tolerance * peak) | ((peak <= nothing) & (error <= nothing))
        done: Bools = (self.product <= tolerance**2 * self.scale) & exact
        return ~done


def _staggered(shape: tuple[int, ...]) -> list[NDArray[Any]]:
    """Return zeros that begin at different places of a memory page; else caches evict them.

    One array in double precision, three in single precision.
    """
    size = int(np.prod(shape))
    blocks: list[NDArray[Any]] = [np.zeros(size)]
    blocks += [np.zeros(size + 400 * k, np.float32)[400 * k :] for k in (1, 2, 3)]
    return [block.reshape(shape) for block in blocks]


def _remaining(pace: Floats) -> Floats:
    """What is left after a change, relative to it, when each change is `pace` times the last.

    At least 1: the change itself bounds what is left when it falls by half or faster.
    """
    pace = np.minimum(pace, 0.999)
    return np.maximum(pace / (1 - pace), 1.0)


def _quotient(above: Floats, below: Floats) -> Floats:
    """above / below; 0 where nothing is left to do."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _inverse(values: Floats) -> Floats:
    return _quotient(np.ones_like(values), values)


def _single(values: Floats) -> NDArray[np.float32]:
    return values.astype(np.float32)


def _joined(answers: list[Answer]) -> Answer:
    return Answer(
        np.concatenate([answer.currents for answer in answers]),
        max(answer.error for answer in answers),
        max(answer.residual for answer in answers),
        max(answer.iterations for answer in answers),
        answers[-1].converged,
    )
