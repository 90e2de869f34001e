"""The methods by name, and the rule by which ``auto`` chooses one."""

from __future__ import annotations

from solvers.method import Method
from solvers.methods import (
    beam,
    enumeration,
    knapsack,
    meet_in_the_middle,
    milp,
    random_window,
    schroeppel_shamir,
)
from solvers.problem import SIGNED, Problem

BY_NAME = {
    method.name: method
    for method in (
        enumeration.METHOD,
        meet_in_the_middle.METHOD,
        schroeppel_shamir.METHOD,
        beam.METHOD,
        random_window.METHOD,
        knapsack.METHOD,
        milp.METHOD,
    )
}

_ENUMERATED = 14
_ENUMERATED_SIGNED = 9


def choose_method(problem: Problem) -> Method:
    """The method that ``auto`` stands for: exact where it fits, else the heuristic.

    1. Up to 14 numbers (9 where coefficients are -1, 0 and 1): enumeration.
    2. Up to 44 (28): meet in the middle.
    3. Beyond: random windows.
    """
    signed = problem.coefficients == SIGNED
    few = _ENUMERATED_SIGNED if signed else _ENUMERATED
    if problem.n <= few and problem.at_most is None:
        return enumeration.METHOD
    exact = meet_in_the_middle.METHOD
    most = exact.most_signed if signed else exact.most
    return exact if most is None or problem.n <= most else random_window.METHOD
