"""The kinds of cell that are searched: a polarity with a ladder, of any number of resistors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from crossbar.design import Design, Polarity, ProgrammedBy, most_resistors
from crossbar.designing.proofs import guaranteed_design, proven_bits
from crossbar.designing.specification import Kind, Specification
from crossbar.errors import InputError

RADIXES = (1.05, 1.1, 1.2, 1.3)
"""Of the stagger."""

CONVENTIONAL: tuple[Polarity, ...] = ("paired", "offset")
"""Polarities of the conventional baseline: a binary ladder programmed by its nominal values."""


@dataclass(frozen=True)
class Family:
    """Cells that differ in the number of resistors alone.

    Parameters
    ----------
    polarity, ladder, radix, programmed_by
        As in `crossbar.Design`, or a ladder of `specification.Kind`; a guaranteed ladder without
        a radix gets its own, from the tail where the resistors have one.
    """

    polarity: Polarity
    ladder: Kind
    radix: float | None = None
    programmed_by: ProgrammedBy = "measured"

    @property
    def name(self) -> str:
        """Name in tables and figures."""
        radix = f" {self.radix:g}" if self.radix else ""
        nominal = ", nominal" if self.programmed_by == "nominal" else ""
        return f"{self.polarity} {self.ladder}{radix}{nominal}"

    def design(self, specification: Specification, resistors: int) -> Design:
        """The cell of so many resistors."""
        if self.ladder == "guaranteed" and self.radix is None:
            return guaranteed_design(specification, self.polarity, resistors)
        cell: dict[str, Any] = {"ladder": self.ladder}
        if self.ladder == "uniform":
            cell = {"ladder": "identical", "distribution": "uniform conductance", "tolerance": 1.0}
            cell["name"] = self.name  # not that of cells of the resistors that were asked for
        return specification.design(
            polarity=self.polarity,
            radix=self.radix,
            programmed_by=self.programmed_by,
            resistors=resistors,
            **cell,
        )

    def sizes(self, specification: Specification) -> Iterator[tuple[int, bool, float | None]]:
        """Numbers of resistors worth a look, ascending; whether they are simulated; proven bits.

        So few that all their sums, evenly spread, would miss the bits are left out. Beyond what
        can be simulated a cell must be proven.
        """
        coefficients = {"steered": 3}.get(self.polarity, 2)
        least = max(2, math.ceil(specification.bits / math.log2(coefficients)))
        for resistors in range(least, most_resistors(self.polarity) + 1):
            if self.ladder == "binary" and self.polarity == "paired" and resistors % 2:
                continue
            simulated = coefficients**resistors <= specification.most_sums
            try:
                proven = proven_bits(specification, self.design(specification, resistors))
            except InputError:  # so many that the largest spread or the switch forbids it
                return
            if not simulated and proven is None:
                return
            yield resistors, simulated, proven


def families(specification: Specification) -> list[Family]:
    """All that a specification wants to see, in the order of its tables."""
    radixes = RADIXES if specification.radix is None else (specification.radix,)
    found = []
    for polarity in specification.polarities:
        for ladder in specification.ladders:
            if ladder == "stagger":
                found += [Family(polarity, ladder, radix) for radix in radixes]
            elif ladder == "guaranteed":
                if specification.seeks_proof:
                    found.append(Family(polarity, ladder, specification.radix))
            elif ladder != "binary":
                found.append(Family(polarity, ladder))
            elif polarity in CONVENTIONAL:
                found.append(Family(polarity, ladder, programmed_by="nominal"))
    if not found:
        raise InputError(
            "polarities, ladders: a binary ladder is searched as paired and offset only, and a "
            "guaranteed one not at all of uniform conductances; give another polarity or ladder"
        )
    return found
