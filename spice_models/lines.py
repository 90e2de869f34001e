"""Currents of large arrays by an iteration that uses their structure: every line is a chain.

With the word-line *drops* x (from their input voltage E) and the bit-line voltages y,
Kirchhoff's law reads ``Aw x - G y = -G E`` and ``Ab y - G x = G E``: G the cells, Aw and Ab
tridiagonal in each line. Eliminating y leaves ``S x = b`` with ``S = Aw - G Ab^-1 G``, which
conjugate gradients solve, preconditioned by Aw (Saad, Iterative Methods for Sparse Linear
Systems, 2nd ed., sections 9.2 and 14.2). Each iteration solves every line once.

What is watched is the power norm ``r . Aw^-1 r`` of the residual and what the last iteration
still changed in any current. The currents are linear in x, so they are followed on the way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spice_models.array import Array
from spice_models.topology import reached

__all__ = ["Answer", "Lines"]

Floats = NDArray[np.float64]

LANES = 8
_MERGED_OHM = 1e-15
_MOST = 2000
_ATTEMPTS = 4
_LOOK_BACK = 4
_ROUNDING = 1e-14
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
    word, bit : ndarray, shape (rows, lines, points), or None
        Drops of the word lines below their inputs and voltages of the bit lines [V], if wanted.
    """

    currents: Floats
    error: float
    residual: float
    iterations: int
    converged: bool
    word: Floats | None = None
    bit: Floats | None = None


@dataclass(frozen=True, eq=False)
class Lines:
    """An array as conductances [S]; 0 where nothing connects, all finite.

    Parameters
    ----------
    cell : ndarray, shape (rows, lines)
    word : ndarray, shape (rows, lines - 1)
        Segments of the word lines.
    bit : ndarray, shape (rows - 1, lines)
        Segments of the bit lines.
    word_first, word_last : ndarray, shape (rows,)
        From the input to the first and the last node of its word line.
    bit_first, bit_last : ndarray, shape (lines,)
        From the first and the last node of a bit line to its sense ground.
    """

    cell: Floats
    word: Floats
    bit: Floats
    word_first: Floats
    word_last: Floats
    bit_first: Floats
    bit_last: Floats

    @classmethod
    def of(cls, array: Array) -> Lines:
        """An array's conductances; drivers and senses of 0 ohm become 1e-15 ohm.

        That changes a current by less than rounding does while lines carry below 1 S in all.
        """
        ohm = array.wires.each(array.rows, array.lines)
        wires = {kind: 1 / np.maximum(value, _MERGED_OHM) for kind, value in ohm.items()}
        cell = np.where(reached(array), array.siemens, 0.0)
        names = ("word", "bit", "driver", "far_driver", "far_sense", "sense")
        return cls(cell, *(wires[name] for name in names))

    def turned(self) -> Lines:
        """Inputs and outputs exchanged: bit lines are driven and word lines sensed."""
        turn = np.ascontiguousarray
        return Lines(
            turn(self.cell.T),
            turn(self.bit.T),
            turn(self.word.T),
            self.bit_first,
            self.bit_last,
            self.word_first,
            self.word_last,
        )

    def solve(self, applied: Floats, tolerance: float, nodes: bool = False) -> Answer:
        """Currents for several inputs, eight at a time.

        Parameters
        ----------
        applied : ndarray, shape (points, rows)
            Voltages of the word lines [V].
        tolerance : float
            For the residual, and for the error relative to each input's largest current.
        nodes : bool
            Whether to keep the voltages of all nodes.

        Returns
        -------
        Answer
            Look at `converged` before anything else.
        """
        system = _System(self)
        applied = applied * (self.word_first + self.word_last > 0)  # where nothing drives, 0
        width = 1 if len(applied) == 1 else LANES
        answers = []
        for start in range(0, len(applied), width):
            part = applied[start : start + width]
            block = np.zeros((self.cell.shape[0], width))
            block[:, : len(part)] = part.T
            answers.append(system.solve(block, tolerance, len(part), nodes))
            if not answers[-1].converged:
                break
        return _joined(answers)


class _System:
    """The factorised lines and the vectors of one block of inputs."""

    def __init__(self, lines: Lines) -> None:
        from spice_models.line_kernels import factor_words

        self.lines = lines
        words = (lines.cell, lines.word, lines.word_first, lines.word_last)
        turned = lines.turned()
        inverse = factor_words(turned.cell, turned.word, turned.word_first, turned.word_last)
        self.bit_inverse = np.ascontiguousarray(inverse.T)
        self.word_inverse = factor_words(*words)
        ends = (lines.word_first[:, None], lines.word, lines.word_last[:, None])
        self.words = (lines.cell, np.hstack(ends))
        self.bits = (np.pad(lines.bit, ((1, 1), (0, 0))), self.bit_inverse)
        self.vectors: list[Floats] = []
        sense = lines.bit_first + lines.bit_last
        self.conductance = float(np.minimum(lines.cell.sum(axis=0), sense).max())

    def solve(self, applied: Floats, tolerance: float, used: int, nodes: bool) -> Answer:
        """Iterate for one block; the residual that counts is computed anew from the solution.

        Where that disagrees with what was followed on the way, the iteration starts again from
        there, towards a smaller tolerance.
        """
        from spice_models import line_kernels as kernels

        rows, lines = self.lines.cell.shape
        width = applied.shape[1]
        lanes = (0,) * width
        if not self.vectors or self.vectors[0].shape[2] != width:
            self.vectors = _staggered(4, (rows + 1, lines + 1, width))
        x, r, p, t = self.vectors
        x[:] = 0.0
        first, last = self.lines.bit_first[:, None], self.lines.bit_last[:, None]
        flow, change, power = np.zeros((3, lines, width))
        error = zero = np.zeros(width)
        rounding = 2 * _EPS * self.lines.cell.max() * np.abs(applied).max(axis=0)
        scale, iterations, bit, product, converged = zero, 0, None, zero, False
        for attempt in range(_ATTEMPTS):
            p[:] = 0.0
            kernels.balance(*self.words, *self.bits, applied, x, r, t, flow, lanes)
            bit = t[:rows, :lines, :used].copy() if nodes else None
            ends = first * t[0, :lines] + last * t[rows - 1, :lines]
            error = np.maximum(error + rounding, np.abs(flow - ends).max(axis=0))
            kernels.update(*self.words, self.word_inverse, zero, x, r, p, t, power, lanes)
            product = power.sum(axis=0)
            scale = product if attempt == 0 else scale
            converged = not _open(product, 2 * tolerance, scale, error / 5, flow)
            if converged or iterations >= _MOST or attempt + 1 == _ATTEMPTS:
                break
            goal = tolerance / 10**attempt
            beta, history = zero, [product]
            while _open(product, goal, scale, error, flow) and iterations < _MOST:
                iterations += 1
                kernels.search(*self.words, *self.bits, beta, p, t, change, power, lanes)
                alpha = _quotient(product, power.sum(axis=0))
                before, start = product, history[max(len(history) - _LOOK_BACK, 0)]
                kernels.update(*self.words, self.word_inverse, alpha, x, r, p, t, power, lanes)
                product = power.sum(axis=0)
                change *= alpha
                flow += change
                pace = _quotient(product, start) ** (0.5 / min(len(history), _LOOK_BACK))
                # No current errs by more than sqrt(its line's conductance x power of the error).
                bound = np.sqrt(self.conductance * alpha * before)
                error = np.maximum(np.abs(change).max(axis=0), 0.1 * bound) * _remaining(pace)
                history.append(product)
                beta = _quotient(product, before)
        return Answer(
            np.ascontiguousarray(flow[:, :used].T),
            float((error + _ROUNDING * np.abs(flow).max(axis=0)).max()),
            float(np.sqrt(_quotient(product, scale).max())),
            iterations,
            converged,
            x[:rows, :lines, :used].copy() if nodes else None,
            bit,
        )


def _staggered(count: int, shape: tuple[int, ...]) -> list[Floats]:
    """Return zeros that begin at different places of a memory page; else caches evict them."""
    size = int(np.prod(shape))
    blocks = [np.zeros(size + 200 * k) for k in range(count)]
    return [block[200 * k :].reshape(shape) for k, block in enumerate(blocks)]


def _open(product: Floats, tolerance: float, scale: Floats, error: Floats, flow: Floats) -> bool:
    """Whether some lane is not yet within the tolerance; true for NaN."""
    peak = np.abs(flow).max(axis=0)
    return not bool(np.all((product <= tolerance**2 * scale) & (error <= tolerance * peak)))


def _remaining(pace: Floats) -> Floats:
    """What is left after a change, relative to it, when each change is `pace` times the last.

    At least 1: the change itself bounds what is left when it falls by half or faster.
    """
    pace = np.minimum(pace, 0.999)
    return np.maximum(pace / (1 - pace), 1.0)


def _quotient(above: Floats, below: Floats) -> Floats:
    """above / below; 0 where nothing is left to do."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _joined(answers: list[Answer]) -> Answer:
    words = [answer.word for answer in answers if answer.word is not None]
    bits = [answer.bit for answer in answers if answer.bit is not None]
    return Answer(
        np.concatenate([answer.currents for answer in answers]),
        max(answer.error for answer in answers),
        max(answer.residual for answer in answers),
        max(answer.iterations for answer in answers),
        answers[-1].converged,
        np.concatenate(words, axis=2) if words else None,
        np.concatenate(bits, axis=2) if bits else None,
    )
