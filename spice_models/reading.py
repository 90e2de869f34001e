"""The text of a netlist that this package wrote, taken apart: wires and branches, level by level.

Shipped subcircuits are trusted only if the text defines them as they are shipped, in any of the
dialects. Nothing is evaluated but numbers, parameters by name, and the choice of an enable bit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, get_args

from spice_models.cells import OPEN, Depth, shipped_library
from spice_models.dialects import Dialect, translate
from spice_models.errors import CircuitError

__all__ = [
    "Definition",
    "Element",
    "NetlistElements",
    "Parsed",
    "Path",
    "check_surroundings",
    "elements",
    "parse",
]

_SHIPPED: dict[str, tuple[Depth, frozenset[str]]] = {
    "branch": ("branches", frozenset(("ohm", "enabled", "on_ohm", "off_ohm"))),
    "branch_lossless": ("branches", frozenset(("ohm", "enabled", "off_ohm"))),
    "branch_switch": ("switches", frozenset(("ohm", "on_ohm", "off_ohm"))),
    "branch_switch_lossless": ("switches", frozenset(("ohm", "off_ohm"))),
    "branch_transistor": ("transistors", frozenset(("ohm", "on_ohm", "off_ohm"))),
}
_CELL = re.compile(rf"(?:\w+_)?(?:{'|'.join(_SHIPPED)})_cell_[01]+")
_MODEL = re.compile(rf"(\w+_)??({'|'.join(_SHIPPED)})")
_NAME = re.compile(r"\{(\w+)\}")
_CHOICES = (
    re.compile(r"\{(\w+) > 0\.5 \? (\S+) : (\S+)\}"),
    re.compile(r"\{if\((\w+) > 0\.5, (\S+), (\S+)\)\}"),
)
_HARMLESS = re.compile(
    r"Vs(\w+) s\1 0 0|Vin(\d+) in\2 0 (?:\S+|pwl\(.*\))|Bin(\d+) in\3 0 V=.*|Vpoint point 0 0"
    r"|Ven\S+ en\S+ 0 \S+|\.(?:options|save|dc|tran|print|width|end|param|model)\b.*"
)


class Element(NamedTuple):
    """A resistance between two nodes [ohm]."""

    node: str
    other: str
    ohm: float


class Path(NamedTuple):
    """What a branch is made of [ohm]: resistor, switch on or off, and the switch's values."""

    ohm: float
    enabled: bool
    on_ohm: float
    off_ohm: float

    @property
    def total(self) -> float:
        """Resistance with the switch as it stands; inf where open."""
        return self.ohm + (self.on_ohm if self.enabled else self.off_ohm)


@dataclass(frozen=True)
class NetlistElements:
    """The elements of an array in a netlist, by name.

    Parameters
    ----------
    resistors : dict
        Wires and folded cells, each (node, node, value) [ohm].
    branches : dict
        Branches of cells, their switch included, in the same way; the nominal resistance where
        the switch is a transistor.
    paths : dict
        The same branches in parts.
    cells : str
        The depth at which the cells are written.
    """

    resistors: dict[str, Element]
    branches: dict[str, Element]
    paths: dict[str, Path] = field(default_factory=dict)
    cells: Depth = "folded"


class Definition(NamedTuple):
    """A subcircuit: its ports, the defaults of its parameters, and its lines."""

    ports: tuple[str, ...]
    defaults: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Parsed:
    """The subcircuits of a text by name, and its other lines; continued lines are joined."""

    definitions: dict[str, Definition]
    lines: list[str]


def parse(text: str) -> Parsed:
    """Take a netlist apart into its subcircuits and the rest, without comments.

    Raises
    ------
    CircuitError
        If a subcircuit is defined twice, inside another, or has no end.
    """
    definitions: dict[str, Definition] = {}
    top: list[str] = []
    head: list[str] = []
    body: list[str] = []
    plain = re.sub(r"^\*[^\n]*\n", "", text, flags=re.MULTILINE)
    for line in re.sub(r"\n\+\s*", " ", plain).splitlines():
        words = line.split(maxsplit=1)
        kind = words[0].lower() if words else ""
        if kind == ".subckt":
            if head:
                raise CircuitError(f"line {line[:80]!r} begins inside a subcircuit; move it out")
            head, body = line.split(), []
            if len(head) < 2 or head[1] in definitions:
                raise CircuitError(f"line {line[:80]!r} defines it twice, or nothing; remove one")
        elif kind == ".ends":
            if not head or line.split()[1:] not in ([], [head[1]]):
                raise CircuitError(f"line {line[:80]!r} ends no such subcircuit; mend it")
            ports = tuple(word for word in head[2:] if "=" not in word)
            defaults = tuple(word for word in head[2:] if "=" in word)
            definitions[head[1]] = Definition(ports, defaults, tuple(body))
            head = []
        elif kind:
            (body if head else top).append(line.strip())
    if head:
        raise CircuitError(f"subcircuit {head[1]!r} has no end; add its .ends")
    return Parsed(definitions, top)


def elements(parsed: Parsed, lines: Iterable[str]) -> NetlistElements:
    """Read wires and cells from the lines of an array.

    Raises
    ------
    CircuitError
        If a line is none that the package writes for an array, an element occurs twice, a
        shipped subcircuit differs from the shipped one, or an enable bit has no source.
    """
    flat = [part for line in lines for part in _expanded(parsed, line)]
    volts = _enable_volts(flat)
    resistors: dict[str, Element] = {}
    branches: dict[str, Element] = {}
    paths: dict[str, Path] = {}
    depths: set[Depth] = set()
    for line in flat:
        words = line.split()
        kind, name = line[0].upper(), words[0]
        if name in resistors or name in branches:
            raise CircuitError(f"line {line[:80]!r} names an element twice; remove one")
        if kind == "R" and len(words) == 4:
            resistors[name] = Element(words[1], words[2], _number(words[3], line))
        elif kind == "X":
            depth, path = _branch(parsed, words, volts, line)
            depths.add(depth)
            branches[name], paths[name] = Element(words[1], words[2], path.total), path
        elif not _HARMLESS.fullmatch(line):
            raise CircuitError(f"line {line[:80]!r} is no wire or cell; give a netlist as written")
    if len(depths) > 1:
        raise CircuitError(f"the cells are written as {sorted(depths)}; give one depth")
    return NetlistElements(resistors, branches, paths, depths.pop() if depths else "folded")


def check_surroundings(lines: Iterable[str]) -> None:
    """Raise a CircuitError at a line that is no instance, source, ammeter or analysis."""
    for line in lines:
        if line[0] not in "xX" and not _HARMLESS.fullmatch(line):
            raise CircuitError(f"line {line[:80]!r} is none of a layer; give a netlist as written")


def _expanded(parsed: Parsed, line: str) -> Iterator[str]:
    """Replace a cell that is a subcircuit by its branches; other lines stay as they are."""
    words = line.split()
    nodes, model, given = _instance(words)
    if words[0][0] not in "xX" or not _CELL.fullmatch(model) or model not in parsed.definitions:
        yield line
        return
    cell = parsed.definitions[model]
    if len(nodes) != len(cell.ports):
        raise CircuitError(f"line {line[:80]!r} gives {len(nodes)} nodes; give {len(cell.ports)}")
    values = dict(pair.split("=", 1) for pair in (*cell.defaults, *given))
    local = dict(zip(cell.ports, nodes, strict=True)) | {"0": "0"}
    label = words[0].removeprefix("Xcell")
    for inner in cell.lines:
        name, *rest = _substituted(inner, values, line).split()
        ends, _, _ = _instance([name, *rest]) if name[0] in "xX" else (rest[:2], "", [])
        renamed = [local.get(node, f"{node}_{label}") for node in ends]
        number = re.sub(r"^\D*", "", name)
        whole = f"{words[0]}_{number}" if name[0] in "xX" else f"{name}_{label}"
        yield " ".join([whole, *renamed, *rest[len(ends) :]])


def _instance(words: list[str]) -> tuple[list[str], str, list[str]]:
    """Nodes, subcircuit and parameters of an X line."""
    end = next((k for k, word in enumerate(words) if "=" in word), len(words))
    return words[1 : end - 1], words[end - 1], words[end:]


def _substituted(text: str, values: Mapping[str, str], line: str) -> str:
    def chosen(found: re.Match[str]) -> str:
        return found[2] if _number(values.get(found[1], ""), line) > 0.5 else found[3]

    for choice in _CHOICES:
        text = choice.sub(chosen, text)
    return _NAME.sub(lambda found: values.get(found[1], found[0]), text)


def _enable_volts(lines: Iterable[str]) -> dict[str, float]:
    """Voltage of each enable bit by its node [V]."""
    volts: dict[str, float] = {}
    for line in lines:
        if line.startswith("Ven"):
            words = line.split()
            if len(words) != 4 or words[1] in volts:
                raise CircuitError(f"line {line[:80]!r} is no source of one enable bit; mend it")
            volts[words[1]] = _number(words[3], line)
    return volts


def _branch(
    parsed: Parsed, words: list[str], volts: Mapping[str, float], line: str
) -> tuple[Depth, Path]:
    nodes, model, given = _instance(words)
    if not (shipped := _MODEL.fullmatch(model)):
        raise CircuitError(
            f"line {line[:80]!r} is an instance of {model!r}; only the shipped cells "
            f"({', '.join(_SHIPPED)}) can be read back"
        )
    prefix = shipped[1] or ""
    _check_shipped(parsed, shipped[2], prefix)
    depth, takes = _SHIPPED[shipped[2]]
    pairs = [pair.split("=", 1) for pair in given]
    values = {key: _number(value, line) for key, value in pairs}
    if set(values) != takes or len(pairs) != len(takes):
        raise CircuitError(f"line {line[:80]!r} lacks a parameter or has one too many")
    if len(nodes) != (2 if depth == "branches" else 3):
        raise CircuitError(f"line {line[:80]!r} has {len(nodes)} nodes; give it as written")
    state = values.pop("enabled", None)
    if state is None:
        state = _state(parsed, depth, nodes[2], volts, line, prefix)
    off = values["off_ohm"] if values["off_ohm"] < float(OPEN) else math.inf
    return depth, Path(values["ohm"], state > 0.5, values.get("on_ohm", 0.0), off)


def _state(
    parsed: Parsed,
    depth: Depth,
    node: str,
    volts: Mapping[str, float],
    line: str,
    prefix: str,
) -> float:
    """1 or 0 for the voltage of an enable bit."""
    on = 1.0
    if depth == "transistors":
        gate = f".param {prefix}transistor_gate_volt="
        gates = [each.removeprefix(gate) for each in parsed.lines if each.startswith(gate)]
        if len(gates) != 1:
            raise CircuitError(f"transistor_gate_volt is given {len(gates)} times; give it once")
        on = _number(gates[0], line)
    if node not in volts:
        raise CircuitError(f"line {line[:80]!r}: enable bit {node!r} has no source; add it")
    if volts[node] not in (0.0, on):
        raise CircuitError(f"enable bit {node!r} is at {volts[node]!r} V; give 0.0 or {on!r}")
    return float(volts[node] == on)


def _check_shipped(parsed: Parsed, model: str, prefix: str) -> None:
    name = f"{prefix}{model}"
    if name not in parsed.definitions:
        raise CircuitError(f"subcircuit {name!r} is used and not defined; give the whole netlist")
    if parsed.definitions[name] not in _shipped(model, prefix):
        raise CircuitError(f"subcircuit {name!r} is not the shipped one; restore its lines")
    if model == "branch_transistor":
        named = f"{prefix}access"
        access = [line for line in parsed.lines if line.split()[:2] == [".model", named]]
        if access != _access(prefix):
            raise CircuitError(f"model {named!r} is not the shipped one; restore its line")


@lru_cache(maxsize=8)
def _shipped(model: str, prefix: str) -> list[Definition]:
    """Return the definition of a shipped subcircuit in each dialect."""
    library, name = shipped_library(_SHIPPED[model][0], prefix), f"{prefix}{model}"
    return [parse(translate(library, each)).definitions[name] for each in get_args(Dialect)]


@lru_cache(maxsize=8)
def _access(prefix: str) -> list[str]:
    lines = parse(shipped_library("transistors", prefix)).lines
    return [line for line in lines if line.startswith(".model")]


def _number(word: str, line: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise CircuitError(f"line {line[:80]!r}: {word!r} is no plain number") from None
