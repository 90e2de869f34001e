"""The direct solve of an array: one sparse factorisation of Kirchhoff's law, the reference.

The unknowns are not the node voltages but their *drops*: how far each word-line node lies from
its input and each bit-line node from 0 V. Small wire resistances then cost no digits, and
resistances of 0 are exact because their nodes are one.

Kirchhoff's law at node k reads ``sum_e D[e, k] g[e] (E[e] + (D x)[e]) = 0`` with the incidence
matrix D (edges x nodes), conductances g, and E the voltage across edge e when all drops are 0,
which is the input voltage for a cell and 0 for a wire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spice_models.array import Array
from spice_models.errors import CircuitError
from spice_models.topology import connected, topology

if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import SuperLU

__all__ = ["TOO_FAR_APART", "Network"]

Floats = NDArray[np.float64]

TOO_FAR_APART = (
    "wires and cells: their resistances lie too far apart for double precision; "
    "give 0 for what is negligible, or smaller wire resistances"
)
_BLOCK = 32
_MOST_SOLVES = 5
_GOOD_ENOUGH = 3e-10
_WORST = 1e-6


class Network:
    """The array as a graph, its conductance matrix factorised."""

    def __init__(self, array: Array) -> None:
        from scipy.sparse import csr_array

        plan = topology(array.rows, array.lines, array.wires)
        alive = connected(plan, array.siemens)
        self.plan, self.alive = plan, alive
        self.cells: Any = np.nonzero(np.where(alive[plan.word], array.siemens, 0.0))
        tails = [plan.word[self.cells], *(part.tail for part in plan.segments)]
        heads = [plan.bit[self.cells], *(part.head for part in plan.segments)]
        wires = [1 / part.ohm for part in plan.segments]
        tail, head = np.concatenate(tails), np.concatenate(heads)
        self.siemens: Floats = np.concatenate([array.siemens[self.cells], *wires])
        edge = np.arange(tail.size)
        incidence: csr_array = csr_array(
            (
                np.repeat([1.0, -1.0], tail.size),
                (np.tile(edge, 2), np.concatenate([tail, head])),
            ),
            shape=(tail.size, plan.nodes),
        )
        columns = incidence.tocsc()
        self.inner = columns[:, np.flatnonzero(alive[: plan.unknowns])].tocsr()
        self.inward = (-columns[:, plan.sense].T).tocsr()
        self.outward = (-columns[:, plan.source].T).tocsr()
        self.inner_t = self.inner.T.tocsr()
        self.factor: SuperLU | None = self._factorise()

    def _factorise(self) -> SuperLU | None:
        from scipy.sparse import diags_array
        from scipy.sparse.linalg import splu

        if self.inner.shape[1] == 0:
            return None
        matrix = self.inner_t @ diags_array(self.siemens) @ self.inner
        try:
            return splu(
                matrix.tocsc(),
                permc_spec="MMD_AT_PLUS_A",
                options={"SymmetricMode": True},
                diag_pivot_thresh=0.0,
            )
        except RuntimeError:  # exactly singular
            raise CircuitError(TOO_FAR_APART) from None

    def solve(self, applied: Floats, backward: bool) -> tuple[Floats, float]:
        """Terminal currents for voltages (terminals, points) applied at one side.

        `backward` applies them to the sense nodes and returns the currents into the inputs.
        Also returns the estimated largest error of a current.
        """
        parts, error = [], 0.0
        for start in range(0, applied.shape[1], _BLOCK):
            block = applied[:, start : start + _BLOCK]
            part, part_error = self._solve_block(block, backward)
            parts.append(part)
            error = max(error, part_error)
        return np.concatenate(parts, axis=1), error

    def _solve_block(self, applied: Floats, backward: bool) -> tuple[Floats, float]:
        return self._refined(applied, backward)[:2]

    def _refined(self, applied: Floats, backward: bool) -> tuple[Floats, float, Floats, Floats]:
        across = np.zeros((self.siemens.size, applied.shape[1]))
        row, line = self.cells
        across[: row.size] = -applied[line] if backward else applied[row]
        terminals = self.outward if backward else self.inward
        flow = self.siemens[:, None] * across
        drops = np.zeros((self.inner.shape[1], applied.shape[1]))
        if self.factor is None:
            return np.asarray(terminals @ flow), 0.0, drops, flow
        found, error = np.zeros(0), np.inf
        # Refinement against the edge currents repairs what rounding took from the diagonal.
        for step in range(_MOST_SOLVES):
            drops += self.factor.solve(-np.asarray(self.inner_t @ flow))
            flow = self.siemens[:, None] * (across + self.inner @ drops)
            before, found = found, np.asarray(terminals @ flow)
            error = float(np.abs(self.inner_t @ flow).sum(axis=0).max())
            if step > 0:
                error = min(error, float(np.abs(found - before).max()))
            if error <= _GOOD_ENOUGH * np.abs(found).max():
                break
        return found, error, drops, flow

    def operating_point(self, inputs: Floats) -> tuple[Floats, Floats]:
        """Drops of all unknown nodes [V] and the currents of cells, then segments [A]."""
        _, error, drops, flow = self._refined(inputs[:, None], False)
        if not error <= _WORST * float(np.abs(flow).max()):
            raise CircuitError(TOO_FAR_APART)
        every = np.zeros(self.plan.unknowns)
        every[np.flatnonzero(self.alive[: self.plan.unknowns])] = drops[:, 0]
        return every, flow[:, 0]
