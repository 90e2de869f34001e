"""One cell as a SPICE library: branches to one bit line or to either, switched by parameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spice_models.array import Switch
from spice_models.cell_model import check_subcircuit_name
from spice_models.cells import OPEN
from spice_models.checks import resistance
from spice_models.errors import CircuitError
from spice_models.header import header
from spice_models.hierarchy import subcircuit

__all__ = ["cell_library"]


def cell_library(
    ohm: Sequence[float],
    lines: Sequence[Sequence[int]],
    switch: Switch,
    *,
    name: str = "cell",
    title: str = "one cell of a resistive crossbar",
    comments: Sequence[str] = (),
    design: str = "",
) -> str:
    """Write a cell as a subcircuit, to be included.

    Parameters
    ----------
    ohm : sequence of float
        Nominal resistance of each branch without its switch [ohm].
    lines : sequence of sequence of int
        Bit lines that each branch can be joined to: ``(0,)``, ``(1,)`` or ``(0, 1)``. Where it
        is both, one resistor has two switches.
    switch : Switch
        Each of them; its resistance when on is above 0.
    name : str
        Of the subcircuit.
    title, comments, design
        As for `spice_models.netlist`.

    Returns
    -------
    str
        Ports ``word``, ``s0`` and, where a branch takes it, ``s1``. Parameters ``ohm<k>`` and
        ``enabled<k>`` of branch k: 1 on its line (of two: on s0), -1 on s1, 0 off; ``on_ohm``
        and ``off_ohm`` of the switches.

    Raises
    ------
    CircuitError
        If a branch has no line, or a resistance or the name is not valid.
    """
    check_subcircuit_name(name, "")
    if not len(ohm) or len(ohm) != len(lines):
        raise CircuitError(f"ohm has {len(ohm)} branches, lines {len(lines)}; give as many, 1 up")
    values = [resistance(f"ohm[{k}]", value) for k, value in enumerate(ohm)]
    if min(values) <= 0 or switch.on_ohm <= 0:
        raise CircuitError("ohm, switch.on_ohm: SPICE takes no 0 ohm; give a resistance above it")
    body, parameters = [], []
    for k, (value, ends) in enumerate(zip(values, lines, strict=True)):
        if tuple(ends) not in ((0,), (1,), (0, 1)):
            raise CircuitError(f"lines[{k}] = {ends!r}; give (0,), (1,) or (0, 1)")
        parameters += [f"ohm{k}={value!r}", f"enabled{k}=0"]
        body.append(f"Rbranch{k} word m{k} {{ohm{k}}}")
        for line in ends:
            on = f"enabled{k} < -0.5" if line and len(ends) == 2 else f"enabled{k} > 0.5"
            body.append(f"Rswitch{k}_{line} m{k} s{line} {{{on} ? on_ohm : off_ohm}}")
    off = repr(switch.off_ohm) if np.isfinite(switch.off_ohm) else OPEN
    ports = [f"s{line}" for line in sorted({line for ends in lines for line in ends})]
    ends_and_values = ["word", *ports, *parameters, f"on_ohm={switch.on_ohm!r}", f"off_ohm={off}"]
    use = f"X1 <word line> {' '.join(f'<bit line {port}>' for port in ports)} {name}"
    about = [
        f"{len(values)} branches, each a resistor with its switch or two",
        f"use: {use} enabled0=1 enabled3=1 (all branches are off by themselves)",
        f"ports of {name}: word (input [V]), then {', '.join(ports)} (hold each near 0 V)",
        "enabled<k>: 1 joins branch k to its line, 0 opens it; of two lines 1 is s0, -1 is s1",
        "ohm<k>: resistance of branch k [ohm], nominal if not given",
    ]
    head = header(title, about, design=design, comments=comments)
    return "\n".join([*head, subcircuit(name, ends_and_values, "\n".join(body)), ""])
