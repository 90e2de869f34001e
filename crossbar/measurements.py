"""Measured resistances of real arrays, from and to files; the unit is the value's name."""

from __future__ import annotations

import io
import math
import numbers
from pathlib import Path

import numpy as np

from crossbar.branch_files import INDEX, SUFFIXES, read_branches
from crossbar.calibration import Measurement
from crossbar.design import SMALLEST_OHM, Design
from crossbar.errors import InputError
from crossbar.files import check_output, write_atomically

RESISTANCES = {"ohm": 1.0, "kohm": 1e3, "megohm": 1e6}
CONDUCTANCES = {"siemens": 1.0, "millisiemens": 1e-3, "microsiemens": 1e-6, "nanosiemens": 1e-9}
LARGEST_OHM = 1e15
_FAR_OFF = 5.0


def read_measurement(
    path: str | Path,
    design: Design,
    *,
    rows: int | None = None,
    columns: int | None = None,
    switch_included: bool = True,
) -> Measurement:
    """Read the measured branches of a real array.

    Parameters
    ----------
    path : str or Path
        A ``.csv`` with the columns row, column, branch and a unit, a line for each branch; or
        a ``.npz`` with an array (rows, columns, branches) named by its unit, or with the
        CSV's columns as arrays. Units: ohm, kohm, megohm, siemens, millisiemens,
        microsiemens, nanosiemens. Numbers count from 0; row: word line (input), column:
        output (of an offset design the last one is the reference), branch: place in the
        design's ladder. A missing line, an empty value, NaN and infinite ohm are open branches.
    design : Design
        What each cell was meant to be; it gives signs, switches and the number of branches.
    rows, columns : int, optional
        The array's size in cells. When not given, every number from 0 to the largest must occur.
    switch_included : bool
        True when each branch was measured through its closed switch, which is best; False
        when the values are those of the resistors alone, to which `Design.on_ohm` is added
        (see `branches.closed_siemens`).

    Returns
    -------
    Measurement
        Programming takes it as it is; to simulate, see `as_measured`.

    Raises
    ------
    InputError
        For a wrong file, in one line: file, line, field, value, remedy.
    """
    for field, size in (("rows", rows), ("columns", columns)):
        if size is not None and (not isinstance(size, numbers.Integral) or size < 1):
            raise InputError(f"{field} = {size}: give a whole number, at least 1, or nothing")
    names = (*RESISTANCES, *CONDUCTANCES)
    given = read_branches(path, names, design.resistors, rows, columns)
    value, unit = given.values, given.name
    with np.errstate(divide="ignore", over="ignore"):
        ohm = value * RESISTANCES[unit] if unit in RESISTANCES else 1 / (value * CONDUCTANCES[unit])
    no_value = "an open branch has no value"
    given.refuse(value <= 0, f"give a positive number; {no_value}")
    beyond = (ohm < SMALLEST_OHM) | ((ohm > LARGEST_OHM) & (value < np.inf))
    given.refuse(beyond, f"give what is {SMALLEST_OHM:g} to {LARGEST_OHM:g} ohm; {no_value}")
    if switch_included:
        given.refuse(
            ohm - design.on_ohm < SMALLEST_OHM,
            f"less resistance than the design's closed switch alone, on_ohm = {design.on_ohm}; "
            "if it was measured without the switch say so (switch_included=False, "
            "--switch-excluded)",
        )
    else:
        ohm = ohm * (1 + design.open_share) + design.on_ohm
    opened = np.isnan(ohm)
    if (opened | (ohm == np.inf)).all():
        raise InputError(f"{path}: every branch is open: give the {unit} of those that conduct")
    return Measurement(design, np.where(opened, 0.0, 1 / ohm))


def unlike_design(measurement: Measurement) -> str:
    """What to say of values whose median lies more than 5 x off nominal; empty if it does not."""
    nominal = np.broadcast_to(measurement.design.nominal_siemens, measurement.on_siemens.shape)
    there = ~measurement.open
    ratio = float(np.median(nominal[there] / measurement.on_siemens[there]))
    if 1 / _FAR_OFF <= ratio <= _FAR_OFF:
        return ""
    thousands = round(math.log10(ratio) / 3)
    likely = "check the unit and the design"
    if thousands and max(ratio / 1000.0**thousands, 1000.0**thousands / ratio) <= _FAR_OFF:
        swapped = "kohm for ohm, or nanosiemens for microsiemens"
        if thousands < 0:
            swapped = "ohm for kohm, or microsiemens for nanosiemens"
        likely = f"is the unit wrong ({swapped})?" if abs(thousands) == 1 else "is the unit wrong?"
    return f"the median branch has {ratio:.2g} x the resistance of the design; {likely}"


def write_measurement(path: str | Path, measurement: Measurement, *, unit: str = "ohm") -> None:
    """Write measured branches, their closed switches included, for `read_measurement`.

    Parameters
    ----------
    path : str or Path
        A ``.csv``, a line for each branch, or a ``.npz`` with an array (rows, columns,
        branches). Open branches have no value, or NaN.
    measurement : Measurement
        What to write.
    unit : str
        One of those of `read_measurement`.

    Raises
    ------
    InputError
        For another unit or ending, or a folder that cannot be written.
    """
    path = Path(path)
    check_output(path, SUFFIXES)
    scale = (RESISTANCES | CONDUCTANCES).get(unit)
    if scale is None:
        known = ", ".join((*RESISTANCES, *CONDUCTANCES))
        raise InputError(f"unit = {unit!r}: choose one of {known}")
    siemens = np.where(measurement.open, np.nan, measurement.on_siemens)
    values = (1 / siemens if unit in RESISTANCES else siemens) / scale
    if path.suffix == ".npz":
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **{unit: values})
        write_atomically(path, buffer.getvalue())
        return
    lines = [
        f"{row},{column},{branch},{'' if np.isnan(value) else repr(value)}"
        for (row, column, branch), value in zip(
            np.ndindex(*values.shape), values.ravel().tolist(), strict=True
        )
    ]
    write_atomically(path, "\n".join([f"{','.join(INDEX)},{unit}", *lines]) + "\n")
