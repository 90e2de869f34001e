"""The files of a design: its TOML, its cell as a SPICE library, its resistors as a table."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import fields
from pathlib import Path

from crossbar.design import Design
from crossbar.designing.families import Family, families
from crossbar.designing.specification import Specification
from crossbar.designing.trade import TradeRow
from crossbar.designing.wording import asked, found, made_by
from crossbar.errors import InputError
from crossbar.files import write_atomically

CELL_NAME = "cell"


def design_of(specification: Specification, row: TradeRow) -> Design:
    """The cell that a row of the trade stands for.

    Raises
    ------
    InputError
        When the row belongs to another specification.
    """
    kinds: dict[str, Family] = {family.name: family for family in families(specification)}
    if row.family not in kinds:
        raise InputError(f"family = {row.family!r}: is not searched by this specification")
    return kinds[row.family].design(specification, row.resistors)


def design_toml(specification: Specification, row: TradeRow, why: str = "") -> str:
    """The cell as TOML that every command takes; the comments say why it is so.

    Fields that are None are left out: `crossbar.Design` has its own rule for them.
    """
    design = design_of(specification, row)
    lines = [made_by(specification), *asked(specification), *found(specification, row)]
    if why:
        lines.append(f"chosen for {why}")
    text = [f"# {line}" for line in lines] + [""]
    for field in fields(design):
        value = getattr(design, field.name)
        if value is None or value == "":
            continue
        text.append(f"{field.name} = {_toml(value)}")
    return "\n".join(text) + "\n"


def _toml(value: str | float) -> str:
    if isinstance(value, str):
        return f'"{value}"'  # one of the design's own words
    if isinstance(value, float) and math.isinf(value):
        return "inf"
    return repr(value)


def resistors_csv(specification: Specification, row: TradeRow) -> str:
    """The resistors of a cell: branch, the line or lines it goes to, nominal value, tolerance."""
    design = design_of(specification, row)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["branch", "sign", "nominal_ohm", "tolerance", "distribution", "switches"])
    for branch, ohm in enumerate(design.nominal_ohm.tolist()):
        sign = "either" if design.takes_either_line else "+-"[int(design.signs[branch] < 0)]
        switches = design.switches_per_branch
        spread = [repr(float(design.tolerance)), design.distribution, switches]
        table.writerow([branch, sign, repr(ohm), *spread])
    return text.getvalue()


def cell_lib(specification: Specification, row: TradeRow) -> str:
    """The cell with its nominal resistors as a SPICE library, see `spice_models.cell_library`."""
    from spice_models import Switch, cell_library

    design = design_of(specification, row)
    ends = [(0,) if sign > 0 else (1,) for sign in design.signs.tolist()]
    lines = [(0, 1)] * design.resistors if design.takes_either_line else ends
    weight = "(i(s0) - i(s1))" if design.lines_per_column == 2 else "i(s0) less the reference"
    return cell_library(
        design.nominal_ohm.tolist(),
        lines,
        Switch(on_ohm=design.on_ohm, off_ohm=design.off_ohm),
        name=CELL_NAME,
        title=f"cell of {row.family}, {row.resistors} resistors",
        design=design.label,
        comments=[
            *asked(specification),
            *found(specification, row),
            f"weight = {weight} / volt on word / {design.full_scale_siemens!r} S",
            made_by(specification),
        ],
    )


def write_design(folder: Path, specification: Specification, row: TradeRow, why: str) -> list[Path]:
    """Write ``design.toml``, ``cell.lib`` and ``resistors.csv``; return their paths."""
    texts = {
        "design.toml": design_toml(specification, row, why),
        "cell.lib": cell_lib(specification, row),
        "resistors.csv": resistors_csv(specification, row),
    }
    for name, text in texts.items():
        write_atomically(folder / name, text)
    return [folder / name for name in texts]
