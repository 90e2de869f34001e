"""Our rows beside the published values, each difference with what explains it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from crossbar.tables import WholeRow
from crossbar.tickets.experiments import (
    DA_CUNHA,
    DA_CUNHA_PERCENT,
    PENSIA,
    TicketRow,
    WeightErrorRow,
)
from crossbar.tickets.leeway import LeewayRow

PENSIA_N = 21
_TWO_DIGITS = 0.5
ALIKE = 0.1
"""Two means of kept numbers are alike; the published one is four times as far away."""

NETWORK_DIFFERS = (
    "another network: theirs is stochastic gradient descent with weight decay, ours Adam without; "
    "what counts is that the sums change nothing"
)
SCRIPT_TESTS_TARGET = (
    "a version of their script tests the target twice in place of the pruned network; so the "
    "labels that change are counted here"
)
SECONDS = (
    "one core and meet-in-the-middle, which is exact, for theirs of 36 cores and a mixed-integer "
    "program for each weight"
)
OTHER_NUMBERS = {
    "plain sums": "; here each weight has numbers of its own, theirs are shared by a row",
    "pensia": "; here they are products of two random weights, as in their proof",
}
PADDING = (
    "another network: their second convolution has an edge of zeros too, ours none; the 2,572 "
    "weights that are replaced are as many"
)
ONE_DRAW = (
    "theirs is one draw; the largest error of 2,572 weights, relative to the largest weight of its "
    "tensor, differs from draw to draw"
)
INSIDE = "it lies in the range of ours"
OUTSIDE = (
    "outside the range of our draws, as it may: another network has other largest weights, and "
    "few numbers cannot reach them"
)
PRODUCTS = (
    "theirs are sums of plain numbers, as in the line of plain sums; these are of products of two, "
    "as in their proof, which are small more often"
)


@dataclass(frozen=True)
class ComparisonRow(WholeRow):
    """One published value and ours.

    Parameters
    ----------
    paper, dataset, name, n : str, str, str, int
        Whose, of which images; our construction, numbers for each weight.
    quantity : str
        What.
    published, ours : float
        Both values; of several draws the median.
    low, high : float or None
        Smallest and largest of several draws.
    draws : int
        How many.
    explanation : str
        Why they differ.
    """

    paper: str
    dataset: str
    name: str
    n: int
    quantity: str
    published: float
    ours: float
    low: float | None
    high: float | None
    draws: int
    explanation: str

    @property
    def key(self) -> tuple[str, str, str, int, str]:
        """What names the row."""
        return self.paper, self.dataset, self.name, self.n, self.quantity


def compare_pensia(
    dataset: str, rows: Iterable[TicketRow], leeway: Sequence[LeewayRow] = ()
) -> list[ComparisonRow]:
    """Rows of `experiments.pensia_experiment` beside the paper's, for n = 21.

    Parameters
    ----------
    dataset : str
        They took MNIST.
    rows : iterable of TicketRow
    leeway : sequence of LeewayRow
        What explains the numbers that stay, see `leeway.leeway_rows`.
    """
    found = []
    for row in rows:
        if row.n != PENSIA_N:
            continue
        values = {
            "accuracy of the target [%]": ("accuracy_percent", row.target_percent, NETWORK_DIFFERS),
            "accuracy, pruned [%]": (
                "accuracy_percent",
                row.percent,
                f"{row.flips} labels differ from the target's; {SCRIPT_TESTS_TARGET}",
            ),
            "numbers kept a weight": (
                "kept_per_weight",
                row.kept_per_weight,
                _kept_explanation(row, leeway),
            ),
            "time of the subset sums [s]": ("seconds", row.seconds, SECONDS),
        }
        for quantity, (name, ours, why) in values.items():
            found.append(
                ComparisonRow(
                    paper="Pensia et al. 2020",
                    dataset=dataset,
                    name=row.name,
                    n=row.n,
                    quantity=quantity,
                    published=PENSIA[name],
                    ours=ours,
                    low=None,
                    high=None,
                    draws=1,
                    explanation=why,
                )
            )
    return found


def compare_da_cunha(
    dataset: str,
    rows: Iterable[TicketRow],
    errors: Iterable[WeightErrorRow],
    *,
    images: int | None = None,
) -> list[ComparisonRow]:
    """Rows of `experiments.da_cunha_table` and `weight_errors` beside the paper's.

    Datasets that the paper does not have are left out.

    Parameters
    ----------
    dataset : str
        Of which images.
    rows, errors : iterable of TicketRow, of WeightErrorRow
    images : int, optional
        How many test images, where it was not all of them: the notes say so.
    """
    if dataset not in DA_CUNHA_PERCENT:
        return []
    draws: dict[tuple[str, int], list[float]] = {}
    for one in errors:
        if one.name in ("plain sums", "da_cunha") and one.n in DA_CUNHA:
            draws.setdefault((one.name, one.n), []).append(one.relative_weight_error)
    found = [_errors_row(dataset, name, n, values) for (name, n), values in draws.items()]
    some = "" if images is None else f"; ours of the first {images:,} test images only"
    for row in rows:
        if row.n == max(DA_CUNHA):
            found.append(
                ComparisonRow(
                    paper="da Cunha et al. 2022",
                    dataset=dataset,
                    name=row.name,
                    n=row.n,
                    quantity="accuracy, pruned [%]",
                    published=DA_CUNHA_PERCENT[dataset],
                    ours=row.percent,
                    low=None,
                    high=None,
                    draws=1,
                    explanation=f"{PADDING}; {row.flips} labels differ from the target's "
                    f"({row.target_percent:.2f} %){some}",
                )
            )
    return found


def to_markdown(
    compared: Sequence[ComparisonRow],
    constructions: Sequence[TicketRow],
    leeway: Sequence[LeewayRow],
) -> str:
    """All tables as Markdown, the explanations as notes below the first."""
    parts = ["# Strong lottery tickets beside the published values\n"]
    notes = list(dict.fromkeys(row.explanation for row in compared))
    if compared:
        lines = [
            _line(
                *(row.paper, row.dataset, row.name, row.n, row.quantity),
                *(f"{row.published:,.4g}", f"{row.ours:,.4g}", _range(row)),
                notes.index(row.explanation) + 1,
            )
            for row in compared
        ]
        head = ["paper", "images", "ours by", "n", "quantity", "published", "ours"]
        head += ["range of ours", "note"]
        parts.append(_table(head, lines))
        parts.append("".join(f"{k}. {note}\n" for k, note in enumerate(notes, start=1)))
    if leeway:
        parts.append("## Numbers that stay of those that Pensia et al. drew\n")
        lines = [
            _line(f"{row.tolerance:g}", f"{row.kept_per_weight:.2f}", f"{row.worst_error:.1e}")
            for row in leeway
        ]
        parts.append(_table(["tolerance", "kept a weight", "largest error"], lines))
    if constructions:
        parts.append("## The constructions\n")
        lines = [
            _line(
                *(row.name, row.n, f"{row.random_per_weight:.1f}"),
                *(f"{row.network_kept_per_weight:.1f}", f"{row.weight_error:.2g}"),
                *(f"{row.error:.2g}", f"{row.bound:.2g}", f"{row.percent:.2f}", row.flips),
            )
            for row in constructions
        ]
        head = ["by", "n", "random a parameter", "kept a parameter", "error of a weight"]
        head += ["error of an output", "its bound", "accuracy [%]", "labels that differ"]
        parts.append(_table(head, lines))
    return "\n".join(parts)


def _errors_row(dataset: str, name: str, n: int, values: Sequence[float]) -> ComparisonRow:
    """The largest relative errors of several draws beside the published one."""
    low, middle, high = (float(np.quantile(values, q, method="nearest")) for q in (0, 0.5, 1))
    published = DA_CUNHA[n]
    rounded = _half_digit(published)
    inside = low <= published + rounded and published - rounded <= high
    why = f"{ONE_DRAW}; {INSIDE if inside else OUTSIDE}"
    return ComparisonRow(
        paper="da Cunha et al. 2022",
        dataset=dataset,
        name=name,
        n=n,
        quantity="largest relative error of a weight",
        published=published,
        ours=middle,
        low=low,
        high=high,
        draws=len(values),
        explanation=f"{PRODUCTS}; {why}" if name == "da_cunha" else why,
    )


def _kept_explanation(row: TicketRow, leeway: Sequence[LeewayRow]) -> str:
    """Why another number of random numbers stays, with the evidence if there is some."""
    kept = {row.tolerance: row.kept_per_weight for row in leeway}
    why = "ours is the closest subset, theirs what a solver with tolerances returned"
    if 0.0 in kept and 1e-6 in kept:
        between = kept[1e-6] <= PENSIA["kept_per_weight"] <= kept[0.0]
        why += (
            f": of the numbers that they drew the closest subset keeps {kept[0.0]:.2f}, the "
            f"smallest within 1e-6, the solver's default for a constraint, {kept[1e-6]:.2f}; "
            f"theirs {'lies' if between else 'does not lie'} between; whether Gurobi prefers few "
            "numbers is not shown here, it was not run"
        )
        if abs(row.kept_per_weight - kept[0.0]) < ALIKE:
            why += "; that ours is like the former rules out the network and the range of the draws"
    return why + OTHER_NUMBERS.get(row.name, "")


def _half_digit(value: float) -> float:
    """Half a unit of the second digit: how far a value of two digits may be rounded."""
    return _TWO_DIGITS * 10.0 ** (math.floor(math.log10(value)) - 1)


def _range(row: ComparisonRow) -> str:
    if row.low is None or row.high is None:
        return ""
    return f"{row.low:.2g} to {row.high:.2g} ({row.draws} draws)"


def _line(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _table(head: Sequence[str], lines: Sequence[str]) -> str:
    return "\n".join([_line(*head), _line(*("---" for _ in head)), *lines]) + "\n"
