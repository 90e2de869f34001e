"""What was asked and what was found, in lines of plain text that a file's head can carry."""

from __future__ import annotations

from crossbar.designing.specification import Specification
from crossbar.designing.trade import PROOF, TradeRow
from crossbar.messages import counted


def asked(specification: Specification) -> list[str]:
    """The specification, in words."""
    s = specification
    spread = {
        "uniform": f"+-{100 * s.tolerance:g} %, uniform",
        "truncated normal": f"+-{100 * s.tolerance:g} %, normal of a third of it, cut at it",
        "lognormal": f"lognormal, sigma {s.tolerance:g}",
        "uniform conductance": f"of conductances uniform within +-{100 * s.tolerance:g} %",
    }[s.distribution]
    measured = f"{s.measurement_error:g} (one sigma)" if s.measurement_error else "exact"
    stuck = f"{100 * s.stuck:g} % of branches stuck, known" if s.stuck else "no branch stuck"
    return [
        f"asked: {s.bits:g} bits, that is every target from minus to plus full scale within "
        f"2^-{s.bits:g} of full scale,",
        f"in {100 * s.yield_:g} % of cells; resistors {spread}; measurement {measured}; {stuck};",
        f"full scale {s.full_scale_siemens:g} S, switches {s.on_ohm:g} ohm on, "
        f"{s.off_ohm:g} ohm off",
    ]


def found(specification: Specification, row: TradeRow) -> list[str]:
    """How sure a cell is, in words: which is proven, which was simulated."""
    lines = [f"cell: {row.family}, {row.resistors} resistors, {row.switches} switches"]
    if row.ladder == "uniform":
        lines.append(
            "uniform: the slides' model, conductances uniform from 0 to twice nominal; these are "
            "not the resistors that were asked for"
        )
    if row.certainty == PROOF:
        share = row.proven_share or 1.0
        whole = "every cell within the tolerance" if share == 1 else f"{100 * share:g} % of cells"
        lines.append(
            f"proof: {row.proven_bits:.2f} bits in {whole}, at every target, by the radix "
            f"{row.radix:.4f}; no simulation is needed for it"
        )
    elif row.cells == 1:
        lines.append(
            "all cells are alike (tolerance 0, exact measurement, none stuck): one, simulated at "
            "every target, stands for all; this is no statistic"
        )
    else:
        lines.append(
            f"statistic: {row.failures} of {row.cells:,} simulated cells failed, so the yield is "
            f"at least {100 * (row.yield_at_least or 0):.4g} % with "
            f"{100 * specification.confidence:g} % confidence (exact binomial bound)"
        )
    if row.cells:
        lines.append(
            f"simulated: {counted(row.cells, 'cell')}, every target of each; worst "
            f"{row.worst_bits:.2f} bits, 1 % quantile {row.one_percent_bits:.2f}, median "
            f"{row.median_bits:.2f}"
        )
    if row.polarity == "offset":
        lines.append(
            "offset: each weight is a small difference of large currents, that of the line and "
            "that of the reference; wires destroy it first, and this is verified without wires"
        )
    lines.append(
        f"cost: {row.total_ohm:.4g} ohm in all, {row.unit_resistors:.4g} smallest resistors, "
        f"{row.squares:.4g} squares of {specification.sheet_ohm:g} ohm"
    )
    lines.append(
        f"spread {row.spread:.4g} ({row.smallest_ohm:.4g} to {row.largest_ohm:.4g} ohm); full "
        f"scale is {100 * row.usable:.0f} % of what {_reaching(specification, row)} reaches"
    )
    return lines


def _reaching(specification: Specification, row: TradeRow) -> str:
    """The cell whose reach the full scale is a share of; see `crossbar.Design.usable`."""
    unsure = row.ladder == "uniform" or specification.distribution == "uniform conductance"
    if unsure or row.programmed_by == "nominal":
        return "a nominal cell"
    if specification.distribution == "lognormal":
        return f"a cell of resistors {100 * specification.tolerance:g} % large"
    return "every cell"


def made_by(specification: Specification) -> str:
    """Version and seed."""
    from crossbar import __version__

    return f"crossbar design, resistive-crossbar {__version__}, seed {specification.seed}"
