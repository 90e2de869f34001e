"""The cells of an array as SPICE text, at the depth that is asked for by name.

======================  =================================================================
``"folded"``            one resistor a cell
``"branches"``          each branch with its switch as a resistance
``"switches"``          each branch with a voltage-controlled switch and its enable bit
``"transistors"``       each branch with an NMOS (1T1R) and its enable bit; not linear
a `CellModel`           each branch as a user's subcircuit; taken to be not linear
======================  =================================================================

The first three are the same circuit. Enable bits are voltage sources ``Ven<i>_<j>_<branch>``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spice_models.array import Array, Wires
from spice_models.cell_model import CellModel
from spice_models.errors import CircuitError
from spice_models.topology import reached, topology

__all__ = ["Cells", "Depth", "is_linear", "transistor"]

Depth: TypeAlias = Literal["folded", "branches", "switches", "transistors"]
Cells: TypeAlias = Depth | CellModel

_NAMES = ("folded", "branches", "switches", "transistors")
OPEN = "1e30"
"""How an open switch is written [ohm]."""
_DEFINED = re.compile(r"^\.(?:subckt|param|model) (\w+)", re.MULTILINE)
_PARAMETER = r"^(\.param transistor_{name})=\S+$"


def transistor(
    *,
    gate_volt: float = 1.8,
    threshold_volt: float = 0.45,
    gain: float = 300e-6,
    body: float = 0.4,
    surface_volt: float = 0.8,
    modulation: float = 0.05,
    length: float = 0.18e-6,
) -> CellModel:
    """Build the shipped 1T1R branch with other values of its NMOS (level 1 of SPICE).

    The defaults are those of ``cells="transistors"``: a generic 1.8 V process, no foundry's. The
    width follows from the array's ``switch.on_ohm``, the resistance at 0 V from drain to
    source; ``switch.off_ohm`` is a resistor beside the transistor, since level 1 has no
    subthreshold current.

    Parameters
    ----------
    gate_volt : float
        Gate of an enabled branch [V]; the others are at 0 V.
    threshold_volt, surface_volt : float
        ``vto`` and ``phi`` [V].
    gain : float
        ``kp`` [A/V^2].
    body : float
        ``gamma`` [V^0.5].
    modulation : float
        ``lambda`` [1/V].
    length : float
        Of the channel [m].

    Raises
    ------
    CircuitError
        Unless the gate lies above the threshold, and gain and length are positive.
    """
    values = dict(locals())
    for name, value in values.items():
        if not (np.isscalar(value) and np.isfinite(value)):
            raise CircuitError(f"{name} = {value!r}; give a finite number")
    for name in ("gain", "length", "surface_volt"):
        if not values[name] > 0:
            raise CircuitError(f"{name} = {values[name]!r}; give a number above 0")
    if not gate_volt > threshold_volt:
        raise CircuitError(
            f"gate_volt = {gate_volt!r}; give more than threshold_volt = {threshold_volt!r}"
        )
    text = _shipped("transistor")
    for name, value in values.items():
        pattern = re.compile(_PARAMETER.format(name=name), re.MULTILINE)
        text, count = pattern.subn(rf"\g<1>={float(value)!r}", text)
        assert count == 1, name
    takes = ("ohm", "on_ohm", "off_ohm")
    return CellModel(text, "branch_transistor", takes=takes, enable_volt=(0.0, float(gate_volt)))


def is_linear(cells: Cells) -> bool:
    """Whether these cells are resistances, so that an array has a transfer matrix.

    Raises
    ------
    CircuitError
        If `cells` is no way to write cells.
    """
    check_cells(cells)
    return cells in ("folded", "branches", "switches")


def check_cells(cells: Cells) -> None:
    """Raise unless `cells` is a known way to write cells."""
    if not (isinstance(cells, CellModel) or (isinstance(cells, str) and cells in _NAMES)):
        shown = " ".join(repr(cells).split())[:60]
        raise CircuitError(
            f"cells = {shown}; give 'folded' or 'branches', 'switches' or 'transistors', "
            "or a CellModel"
        )


def library(cells: Cells, prefix: str = "") -> list[str]:
    """Subcircuits that this way to write cells needs, so that every netlist is self-contained.

    The prefix begins each name that the library of `has_prefix` cells defines.
    """
    check_cells(cells)
    if cells == "folded":
        return []
    text = str(cells.library) if isinstance(cells, CellModel) else shipped_library(cells)
    return [_prefixed(text, prefix) if has_prefix(cells) else text]


def has_prefix(cells: Cells) -> bool:
    """Whether names may be put before: shipped cells, and those of `transistor`; a user's not."""
    if not isinstance(cells, CellModel):
        return True
    return _DEFINED.findall(str(cells.library)) == _DEFINED.findall(_shipped("transistor"))


def shipped_library(depth: Depth, prefix: str = "") -> str:
    """Text of the library that is shipped for a depth other than "folded", see `library`."""
    text = _shipped({"branches": "branch", "switches": "switch"}.get(depth, "transistor"))
    return _prefixed(text, prefix)


def _prefixed(text: str, prefix: str) -> str:
    if not prefix:
        return text
    names = re.compile(rf"\b({'|'.join(_DEFINED.findall(text))})\b")
    return "\n".join(
        line if line.startswith("*") else names.sub(rf"{prefix}\1", line)
        for line in text.split("\n")
    )


def cells_text(array: Array, cells: Cells) -> str:
    """All cells of an array, one element or subcircuit a line, without those that are open."""
    check_cells(cells)
    if cells == "folded":
        return _folded_text(array)
    return _branches_text(array, branch_model(cells, array))


def left_out(array: Array, cells: Cells) -> int:
    """Count the cells of which `cells_text` writes nothing."""
    if cells == "folded":
        return int((array.siemens == 0).sum())
    return int((~written(array, branch_model(cells, array))).all(axis=2).sum())


@lru_cache(maxsize=8)
def _shipped(name: str) -> str:
    return files("spice_models").joinpath(f"{name}.lib").read_text(encoding="ascii").rstrip()


@lru_cache(maxsize=16)
def _shipped_model(cells: str, lossless: bool) -> CellModel:
    if cells == "transistors":
        return transistor()
    switch = ("off_ohm",) if lossless else ("on_ohm", "off_ohm")
    suffix = "_lossless" if lossless else ""
    if cells == "switches":
        return CellModel(_shipped("switch"), f"branch_switch{suffix}", takes=("ohm", *switch))
    ports, takes = ("word", "bit"), ("ohm", "enabled", *switch)
    return CellModel(_shipped("branch"), f"branch{suffix}", ports=ports, takes=takes)


def branch_model(cells: Cells, array: Array) -> CellModel:
    """The subcircuit of one branch, shipped or the user's.

    Raises
    ------
    CircuitError
        If it takes a resistance of the switch that the array does not have.
    """
    lossless = array.switch.on_ohm == 0
    if isinstance(cells, CellModel):
        model = cells
    else:
        model = _shipped_model(cells, lossless and cells != "transistors")
    if lossless and "on_ohm" in model.takes:
        raise CircuitError(
            f"switch.on_ohm = 0.0; give a resistance above 0, which subcircuit {model.name} takes"
        )
    return model


def written(array: Array, model: CellModel) -> NDArray[np.bool_]:
    """Branches that are written; an enable bit can close one that is open now."""
    there = np.isfinite(array.ohm if "enable" in model.ports else array.path_ohm)
    return np.logical_and(there, reached(array)[:, :, None])


@lru_cache(maxsize=4)
def node_names(rows: int, lines: int, wires: Wires) -> list[str]:
    """Name of each node of an array, kept for the next netlist of this size."""
    return topology(rows, lines, wires).names()


@lru_cache(maxsize=4)
def crosspoints(rows: int, lines: int, wires: Wires) -> list[str]:
    """For each cell in row order "<i>_<j> <word node> <bit node>"."""
    plan = topology(rows, lines, wires)
    names = node_names(rows, lines, wires)
    ends = zip(plan.word.ravel().tolist(), plan.bit.ravel().tolist(), strict=True)
    return [
        f"{k // lines}_{k % lines} {names[word]} {names[bit]}" for k, (word, bit) in enumerate(ends)
    ]


def _folded_text(array: Array) -> str:
    siemens = np.where(reached(array), array.siemens, 0.0).ravel()
    kept = np.flatnonzero(siemens)
    where = crosspoints(array.rows, array.lines, array.wires)
    ohms = (1 / siemens[kept]).tolist()
    return "\n".join(
        [f"Rcell{where[k]} {ohm!r}" for k, ohm in zip(kept.tolist(), ohms, strict=True)]
    )


def _branches_text(array: Array, model: CellModel) -> str:
    kept = np.flatnonzero(written(array, model))
    where = crosspoints(array.rows, array.lines, array.wires)
    own = [key for key in model.takes if key in ("ohm", "enabled")]
    before = "".join(f" {key}={{{key}}}" for key in own)
    after = "".join(f" {key}={value}" for key, value in shared_parameters(array, model).items())
    short = _short(array, model)
    off, on = (repr(volt) for volt in model.enable_volt)
    text = []
    values = zip(
        kept.tolist(),
        array.ohm.ravel()[kept].tolist(),
        array.enabled.ravel()[kept].tolist(),
        strict=True,
    )
    for k, ohm, enabled in values:
        cell, branch = divmod(k, array.branches)
        label, word, bit = where[cell].split(" ")
        label += f"_{branch}"
        nodes = {"word": word, "bit": bit, "enable": f"en{label}", "ground": "0"}
        ends = " ".join([nodes[port] for port in model.ports])
        pattern = f"{model.name}{before}{after}" if ohm else short
        text.append(f"Xcell{label} {ends} {pattern.format(ohm=repr(ohm), enabled=int(enabled))}")
        if "enable" in model.ports:
            text.append(f"Ven{label} en{label} 0 {on if enabled else off}")
    return "\n".join(text)


def _short(array: Array, model: CellModel) -> str:
    """Return the pattern of a branch of 0 ohm, which SPICE cannot write: its switch alone."""
    names = {"branch": " enabled={enabled}", "branch_switch": ""}
    if model.name not in names:
        refuse_short(array, f"subcircuit {model.name} cannot hold a short")
    on, off = array.switch.on_ohm, array.switch.off_ohm
    more = repr(off - on) if np.isfinite(off) else OPEN
    return f"{model.name}_lossless ohm={on!r}{names.get(model.name, '')} off_ohm={more}"


def refuse_short(array: Array, why: str) -> None:
    """Raise a CircuitError where a branch has 0 ohm."""
    for i, j, k in np.argwhere(array.ohm == 0)[:1].tolist():
        raise CircuitError(
            f"ohm[{i}, {j}, {k}] = 0.0: {why}; give at least 0.001 ohm, or use cells 'folded', or "
            "flat 'branches' or 'switches'"
        )


def shared_parameters(array: Array, model: CellModel) -> dict[str, str]:
    """Parameters that all branches of an array share: its switch, then the model's own."""
    switch = array.switch
    off = repr(switch.off_ohm) if np.isfinite(switch.off_ohm) else OPEN
    shared = {"on_ohm": repr(switch.on_ohm), "off_ohm": off}
    shared = {key: shared[key] for key in model.takes if key in shared}
    return shared | {key: repr(value) for key, value in model.parameters.items()}
