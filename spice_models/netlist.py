"""An array as SPICE text that plain ``ngspice -b file.cir`` runs and whose currents it prints.

Numbers are written so that they read back to the same float. Input vectors become one ``.dc``
sweep of an index: source ``Vpoint`` counts 0, 1, 2, ... and each word line looks its voltage up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spice_models.array import Array, Wires, volts
from spice_models.cell_model import CellModel
from spice_models.cells import (
    Cells,
    cells_text,
    check_cells,
    is_linear,
    left_out,
    library,
    node_names,
)
from spice_models.checks import check_array
from spice_models.dialects import Dialect, translate
from spice_models.header import check_line, header
from spice_models.hierarchy import cell_definitions, cell_instances, instance, ports, subcircuit
from spice_models.topology import connected, may_float, topology

__all__ = ["Cells", "library", "netlist"]

Floats = NDArray[np.float64]

OPTIONS = ".options reltol=1e-9 abstol=1e-18 vntol=1e-15 pivrel=0.5 gmin=1e-15 klu"
"""Large pivots, since with KLU's default a ``.dc`` sweep over a 64 x 64 array with wires was
wrong by 7e-9 of full scale, with these by 3e-13, in the same time."""

NONLINEAR_OPTIONS = ".options reltol=1e-6 abstol=1e-15 vntol=1e-9 gmin=1e-15 klu"
_PRINTED = 8
_WRAP = 10


def netlist(
    array: Array,
    inputs_volt: ArrayLike | None = None,
    *,
    cells: Cells = "folded",
    title: str = "resistive crossbar array",
    comments: Sequence[str] = (),
    dialect: Dialect = "ngspice",
    design: str = "",
    seed: int | None = None,
    hierarchical: bool = False,
) -> str:
    """Write an array and its inputs as a self-contained SPICE netlist.

    Parameters
    ----------
    array : Array
    inputs_volt : array_like, shape (rows,) or (points, rows), optional
        Word-line voltages [V]. If not given, 1 V on each word line in turn, so that the printed
        table is the transposed transfer matrix if the cells are linear.
    cells : {"folded", "branches", "switches", "transistors"} or CellModel
        How deep the cells are written; see `spice_models.cells`.
    title : str
        One line of printable ASCII.
    comments : sequence of str
        Further such lines for the head of the file.
    dialect : {"ngspice", "xyce", "ltspice"}
        Only that of ngspice has been run; see `spice_models.dialects`.
    design : str
        What the cells are, for the head of the file; one line like the title.
    seed : int, optional
        Of the chip, for the head of the file.
    hierarchical : bool
        Write the array as the subcircuit ``tile_0_0``, and cells of several elements as one
        subcircuit for each kind; see `spice_models.hierarchy`.

    Returns
    -------
    str
        The current of bit line j is ``i(vs<j>)`` [A], positive into the sense ground.

    Raises
    ------
    CircuitError
        If the inputs do not fit the array, or a text, the seed or `cells` is not valid.
    """
    check_array(array)
    check_cells(cells)
    inputs = np.eye(array.rows) if inputs_volt is None else volts(array.rows, inputs_volt)
    about = _description(array, len(inputs), cells)
    lines = [
        *header(title, about, design=design, seed=seed, comments=comments),
        *library(cells),
        *_placed(array, cells, hierarchical),
        *(f"Vs{j} s{j} 0 0" for j in range(array.lines)),
        *sources(inputs),
        *analysis(len(inputs), terminal_currents(array, len(inputs)), cells),
        *printing([f"i(vs{j})" for j in range(array.lines)]),
        ".end\n",
    ]
    return translate("\n".join(lines), dialect)


def array_text(array: Array, cells: Cells, prefix: str | None = None) -> str:
    """Cells and wires between the nodes in<i> and s<j>, without sources or ammeters.

    With a prefix the cells are instances of what `cell_definitions` writes with it.
    """
    alive = _connected(array) if may_float(array) else None
    wires = _wires_text(array.rows, array.lines, array.wires, alive)
    flat = prefix is None
    written = cells_text(array, cells) if flat else cell_instances(array, cells, prefix or "")
    return "\n".join(part for part in (wires, written) if part)


def sources(inputs: Floats) -> Iterable[str]:
    """Sources of the word lines: constant, or looked up by the index v(point)."""
    yield "Vpoint point 0 0"
    if len(inputs) == 1:
        yield from (f"Vin{i} in{i} 0 {volt!r}" for i, volt in enumerate(inputs[0].tolist()))
        return
    for i, column in enumerate(inputs.T):
        yield f"Bin{i} in{i} 0 V=pwl(v(point), {_breakpoints(column)})"


def terminal_currents(array: Array, points: int) -> list[str]:
    """Names of all currents to save: those of the word-line sources, then of the ammeters."""
    kind = "vin" if points == 1 else "bin"
    return [f"i({kind}{i})" for i in range(array.rows)] + [f"i(vs{j})" for j in range(array.lines)]


def analysis(points: int, saved: Sequence[str], cells: Cells = "folded") -> list[str]:
    """Options, saved currents and the sweep over the points."""
    saves = [f".save {group}" for group in _groups(saved)]
    return [
        OPTIONS if is_linear(cells) else NONLINEAR_OPTIONS,
        *saves,
        f".dc Vpoint 0 {points - 1} 1",
    ]


def printing(names: Sequence[str], kind: str = "dc") -> list[str]:
    """Print statements, eight currents a table."""
    return [".width out=160", *(f".print {kind} {group}" for group in _groups(names))]


def check_title(title: str) -> str:
    """Return the title if it is one line that can do no harm; see `header.check_line`."""
    return check_line("title", title)


def wires_comment(wires: Wires) -> str:
    """One line about the wires."""
    values = [
        ("word segment", wires.word_segment_ohm),
        ("bit segment", wires.bit_segment_ohm),
        ("driver", wires.driver_ohm),
        ("sense", wires.sense_ohm),
        ("far driver", wires.far_driver_ohm),
        ("far sense", wires.far_sense_ohm),
    ]
    written = [
        f"{name} {'of each its own' if np.ndim(value) else repr(value)}"
        for name, value in values
        if value is not None
    ]
    return f"wires [ohm]: {', '.join(written)}"


def _placed(array: Array, cells: Cells, hierarchical: bool) -> list[str]:
    if not hierarchical:
        return [array_text(array, cells)]
    body, ends = array_text(array, cells, ""), ports(array)
    return [
        *cell_definitions([array], cells),
        subcircuit("tile_0_0", ends, body),
        instance("tile_0_0", ends),
    ]


def _description(array: Array, points: int, cells: Cells) -> list[str]:
    return [
        f"{array.rows} word lines (rows i), {array.lines} bit lines (lines j)",
        "in<i> -driver- w<i>_0 - .. - w<i>_last; cell i,j joins w<i>_<j> and b<i>_<j>;",
        "b0_<j> - .. - b_last_<j> -sense- s<j>, held at 0 V. Wires of 0 ohm merge their nodes.",
        wires_comment(array.wires),
        f"cells: {cells_name(cells)}; open ones, left out: {left_out(array, cells)}; "
        f"switch on {array.switch.on_ohm!r} ohm, off {array.switch.off_ohm!r} ohm",
        f"{points} input vectors: point k of the sweep is vector k (from 0)",
        "printed: current of each bit line [A], vs<j>#branch, positive into the ground",
    ]


def cells_name(cells: Cells) -> str:
    """How the head of a file names the cells."""
    return f"model {cells.name}" if isinstance(cells, CellModel) else cells


def _connected(array: Array) -> bytes:
    plan = topology(array.rows, array.lines, array.wires)
    return connected(plan, array.siemens).tobytes()


@lru_cache(maxsize=4)
def _wires_text(rows: int, lines: int, wires: Wires, alive: bytes | None) -> str:
    plan = topology(rows, lines, wires)
    names = node_names(rows, lines, wires)
    text = []
    for part in plan.segments:
        index = part.index.tolist()
        pairs = part.index.shape[1] == 2
        labels = [f"{i}_{j}" for i, j in index] if pairs else [str(k) for (k,) in index]
        ohms = np.broadcast_to(part.ohm, part.tail.shape).tolist()
        ends = zip(part.tail.tolist(), part.head.tolist(), ohms, strict=True)
        text += [
            f"R{part.kind}{label} {names[tail]} {names[head]} {ohm!r}"
            for label, (tail, head, ohm) in zip(labels, ends, strict=True)
            if alive is None or alive[tail]
        ]
    return "\n".join(text)


def _breakpoints(column: Floats) -> str:
    """Return the pairs of a lookup table, without the inner points of constant stretches."""
    kept = np.ones(column.size, dtype=np.bool_)
    kept[1:-1] = (column[1:-1] != column[:-2]) | (column[1:-1] != column[2:])
    index = np.flatnonzero(kept)
    pairs = [
        f"{k}, {volt!r}" for k, volt in zip(index.tolist(), column[kept].tolist(), strict=True)
    ]
    lines = [", ".join(pairs[k : k + _WRAP]) for k in range(0, len(pairs), _WRAP)]
    return ",\n+ ".join(lines)


def _groups(names: Sequence[str]) -> list[str]:
    return [" ".join(names[k : k + _PRINTED]) for k in range(0, len(names), _PRINTED)]
