"""The methods by name, and the rule by which ``auto`` chooses one."""

from __future__ import annotations

from solvers.method import Method, Options
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

_EXACT = ((enumeration.METHOD, 14, 9), (meet_in_the_middle.METHOD, 40, 25))
_HARD, _HARD_SIGNED = 60, 34


def choose_method(problem: Problem, options: Options) -> Method:
    """The method that ``auto`` stands for; numbers for coefficients of -1, 0, 1 in brackets.

    Numbers whose coefficients are fixed do not count.

    1. Up to 14 (9) numbers: enumeration.
    2. Up to 40 (25): meet in the middle.
    3. Up to 60 (34), and up to 64 (40) where a time limit is given: Schroeppel-Shamir.
    4. Beyond: beam, a heuristic.
    5. Where only some may be enabled: meet in the middle up to 44 (28), then random windows.
    """
    signed, n = problem.coefficients == SIGNED, problem.most_searched
    if problem.at_most is not None:
        halves = meet_in_the_middle.METHOD
        return halves if n <= (halves.largest(signed) or 0) else random_window.METHOD
    for method, most, most_signed in _EXACT:
        if n <= (most_signed if signed else most):
            return method
    hard = schroeppel_shamir.METHOD
    most = _HARD_SIGNED if signed else _HARD
    if options.get("time_limit") is not None:
        most = hard.largest(signed) or most
    return hard if n <= most else beam.METHOD
