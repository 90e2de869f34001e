"""The search: of each kind of cell the smallest that meets the specification."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from crossbar.design import Design, Polarity
from crossbar.designing.costs import cell_cost
from crossbar.designing.families import Family, families
from crossbar.designing.proofs import proven_bits, safe_radix, spread_of
from crossbar.designing.specification import Specification
from crossbar.designing.trade import NOT_MET, PROOF, STATISTIC, TradeRow
from crossbar.designing.trials import Trial, alike, try_cells
from crossbar.designing.yields import yield_at_least
from crossbar.errors import InputError

Key = tuple[Any, ...]


def search(
    specification: Specification,
    *,
    known: Mapping[Key, TradeRow] | None = None,
    keep: Callable[[TradeRow], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    workers: int = 1,
) -> list[TradeRow]:
    """Look at every kind of cell, with more and more resistors until the specification is met.

    A ladder that has a proof is searched on until the proof suffices, though fewer resistors
    may do by statistics.

    Parameters
    ----------
    specification : Specification
        What is asked.
    known : mapping, optional
        Rows of an earlier search by their key; these cells are not simulated again.
    keep : callable, optional
        Called with each new row as soon as it is there.
    progress : callable, optional
        Called with the numbers of finished and of all kinds.
    workers : int
        Threads; the rows do not depend on it.

    Returns
    -------
    list of TradeRow
        All cells looked at, kind by kind, in the order of their size; `trade.smallest` and
        `trade.recommended` choose among them.

    Raises
    ------
    InputError
        When there is no cell to look at.

    Examples
    --------
    >>> from crossbar.designing import Specification, search
    >>> asked = Specification(bits=8, polarities=("paired",), ladders=("guaranteed",))
    >>> [(row.resistors, row.certainty) for row in search(asked)][-1]
    (11, 'proof')
    """
    kinds = families(specification)
    rows: list[TradeRow] = []
    for number, family in enumerate(kinds):
        if progress:
            progress(number, len(kinds))
        met = False
        for resistors, simulated, proven in family.sizes(specification):
            certain = proven is not None and proven >= specification.bits
            if met and not certain:  # only a proof is still of interest
                continue
            row = (known or {}).get((family.name, resistors))
            if row is None:
                row = look_at(specification, family, resistors, simulated, workers)
                if keep:
                    keep(row)
            rows.append(row)
            met = row.met
            if certain or (met and proven is None):
                break
    if progress:
        progress(len(kinds), len(kinds))
    if not rows:
        raise InputError(
            f"most_sums = {specification.most_sums}: no kind of cell that is asked for has few "
            f"enough sums to simulate at {specification.bits:g} bits, and none is proven; give "
            "more, or the guaranteed ladder"
        )
    return rows


def left_out(specification: Specification, rows: Sequence[TradeRow]) -> list[str]:
    """Names of the kinds of cell that were not looked at, having too many sums and no proof."""
    seen = {row.family for row in rows}
    return [family.name for family in families(specification) if family.name not in seen]


def look_at(
    specification: Specification,
    family: Family,
    resistors: int,
    simulated: bool = True,
    workers: int = 1,
) -> TradeRow:
    """Prove or simulate one cell.

    A cell that is proven is simulated too, for the bits that it has beyond the proof; the
    outcome changes nothing.
    """
    design = family.design(specification, resistors)
    proven = proven_bits(specification, design)
    certain = proven is not None and proven >= specification.bits
    trial = None
    if simulated:
        trial = try_cells(specification, design, whole=certain, workers=workers)
    certainty = PROOF if certain else STATISTIC if trial is not None and trial.met else NOT_MET
    share = None if proven is None else spread_of(specification, resistors, family.polarity).share
    return _row(specification, family, design, trial, certainty, proven, share)


def _row(
    specification: Specification,
    family: Family,
    design: Design,
    trial: Trial | None,
    certainty: str,
    proven: float | None,
    share: float | None,
) -> TradeRow:
    cost = cell_cost(design, specification.sheet_ohm)
    bound = None
    if trial is not None and trial.met:
        bound = yield_at_least(trial.cells, trial.failures, specification.confidence)
        if alike(specification, design):
            bound = 1.0
    return TradeRow(
        family=family.name,
        resistors=cost.resistors,
        switches=cost.switches,
        certainty=certainty,
        proven_bits=proven,
        proven_share=share,
        cells=trial.cells if trial else 0,
        failures=trial.failures if trial else 0,
        yield_at_least=bound,
        worst_bits=trial.worst_bits if trial else None,
        one_percent_bits=trial.one_percent_bits if trial else None,
        median_bits=trial.median_bits if trial else None,
        polarity=design.polarity,
        ladder=family.ladder,
        programmed_by=design.programmed_by,
        radix=design.radix or (design.safe_radix if design.ladder == "guaranteed" else None),
        usable=design.usable_share,
        total_ohm=cost.total_ohm,
        unit_resistors=cost.unit_resistors,
        squares=cost.squares,
        spread=cost.spread,
        smallest_ohm=cost.smallest_ohm,
        largest_ohm=cost.largest_ohm,
    )


def cliff(specification: Specification) -> str | None:
    """What to say of a radix above the guarantee's cliff; None where there is none.

    Just above the safe radix a gap opens in some cell that no choice of switches can close.
    """
    if specification.radix is None or not specification.seeks_proof:
        return None
    over = []
    for polarity in specification.polarities:
        safe = safe_radix(spread_of(specification, 12, polarity), polarity)
        if specification.radix > safe * (1 + 1e-12):
            over.append(f"{safe:.4g} for {polarity} cells")
    if not over:
        return None
    return (
        f"radix = {specification.radix:g}: above the guarantee's cliff ({', '.join(over)}); gaps "
        "open there that no switches close, and nothing is proven; drop the radix"
    )


def leaky(specification: Specification) -> str | None:
    """What to say where open switches alone leak more than a proof can bear; None if they do not.

    What the switches of a cell leak (`Design.leakage_siemens`) counts in full in
    `proofs.proven_bits`, though simulated cells bear it better.
    """
    if not specification.seeks_proof:
        return None
    leaks = {polarity: least_leakage(specification, polarity) for polarity in get_args(Polarity)}
    over = [p for p in specification.polarities if leaks[p] >= specification.largest_error]
    if not over:
        return None
    shared = all(polarity in ("flip", "steered") for polarity in over)
    return (
        f"off_ohm = {specification.off_ohm:g}: the open switches of {' and '.join(over)} cells "
        f"leak {min(leaks[p] for p in over):.1e} of full scale or more, too much for a proof of "
        f"{specification.bits:g} bits; raise it" + ("" if shared else ", or full_scale_siemens")
    )


def least_leakage(specification: Specification, polarity: Polarity) -> float:
    """What the open switches of the smallest cell with enough sums leak, of full scale."""
    if polarity in ("flip", "steered"):
        return specification.on_ohm / specification.off_ohm
    least = math.ceil(specification.bits)
    return least / specification.off_ohm / specification.full_scale_siemens
