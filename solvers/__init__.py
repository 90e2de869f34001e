"""Subset sums: which of these numbers add up closest to a target.

`solve` answers one problem, `solve_batch` many of the same size; `METHODS` names the
ways to do it. All return a `Solution`, all raise `InvalidInput` for bad input.

Examples
--------
>>> import solvers
>>> solution = solvers.solve([0.5, -0.25, 0.125], 0.3)
>>> solution.mask.tolist(), float(solution.achieved)
([True, True, False], 0.25)
"""

from __future__ import annotations

from solvers.api import METHODS, solve, solve_batch
from solvers.covering import CoveringRadius, covering_radius
from solvers.errors import InvalidInput, SearchInterrupted
from solvers.misjudged import misjudged_radius
from solvers.prepared import Prepared, prepare
from solvers.solution import Certificate, Solution
from solvers.vectors import VECTOR_METHODS, solve_vectors
from solvers.verification import Verification, verify

__all__ = [
    "METHODS",
    "VECTOR_METHODS",
    "Certificate",
    "CoveringRadius",
    "InvalidInput",
    "Prepared",
    "SearchInterrupted",
    "Solution",
    "Verification",
    "covering_radius",
    "misjudged_radius",
    "prepare",
    "solve",
    "solve_batch",
    "solve_vectors",
    "verify",
]
