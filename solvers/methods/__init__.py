"""The methods by name, and the rule by which ``auto`` chooses one."""

from __future__ import annotations

from solvers.method import Method
from solvers.methods import meet_in_the_middle, milp, random_window, schroeppel_shamir
from solvers.problem import SIGNED, Problem

BY_NAME = {
    method.name: method
    for method in (
        meet_in_the_middle.METHOD,
        schroeppel_shamir.METHOD,
        milp.METHOD,
        random_window.METHOD,
    )
}


def choose_method(problem: Problem) -> Method:
    """The method that ``auto`` stands for: exact where it fits, else the heuristic."""
    exact = meet_in_the_middle.METHOD
    most = exact.most_signed if problem.coefficients == SIGNED else exact.most
    return exact if most is None or problem.n <= most else random_window.METHOD
