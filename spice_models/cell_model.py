"""A subcircuit, shipped or a user's own, that stands for one branch of a cell in a netlist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from spice_models.checks import finite_number
from spice_models.errors import CircuitError

__all__ = ["CellModel", "check_subcircuit_name"]

PORTS = ("word", "bit", "enable", "ground")
TAKES = ("ohm", "enabled", "on_ohm", "off_ohm")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_RESERVED = re.compile(r"(?:\w+_)?tile_\d+_\d+|layer|\w+_cell_[01]+", re.IGNORECASE)
_DEFINED = re.compile(r"^\s*\.subckt\s+(\S+)", re.IGNORECASE | re.MULTILINE)
_ALLOWED = frozenset(
    (".subckt", ".ends", ".model", ".param", ".func", ".if", ".elseif", ".else", ".endif")
)
_REFUSED_ELEMENTS = "a"
"""Code models of XSPICE can read files and start programs."""
_REFUSED_MODELS = re.compile(r"\bd_(?:process|cosim)\b", re.IGNORECASE)


@dataclass(frozen=True)
class CellModel:
    """A subcircuit for one branch: its resistor and its switch, whatever that is.

    The library's text goes into the netlist, so it may hold only subcircuits, models, parameters
    and functions: a line that could run a command or read a file (``.control``, ``.include``,
    ``.lib``, ``*#``, XSPICE's ``A`` elements, ...) is refused. A library that includes others
    has to be given as one text.

    Parameters
    ----------
    library : str or Path
        Text of the library (a string of several lines), or the path of its file, which is read
        at once; the field then holds the text.
    name : str
        The subcircuit: letters, digits and underscores.
    ports : tuple of str
        What its ports are, in their order: ``word``, ``bit``, ``enable`` (the voltage of the
        switch, from a source of its own) and ``ground`` (node 0).
    parameters : mapping of str to float
        Parameters given to each instance.
    takes : tuple of str
        Which of its parameters are set from the array: ``ohm`` (the branch without its switch),
        ``on_ohm`` and ``off_ohm`` (the switch) [ohm], ``enabled`` (0 or 1).
    enable_volt : tuple of two floats
        Voltage of the port ``enable`` for off and on [V].

    Raises
    ------
    CircuitError
        If the library cannot be read, holds a line that is refused, or does not define the
        subcircuit with as many ports; or if a name or a number is not valid.
    """

    library: str | Path
    name: str
    ports: tuple[str, ...] = ("word", "bit", "enable")
    parameters: Mapping[str, float] = field(default_factory=dict)
    takes: tuple[str, ...] = ("ohm",)
    enable_volt: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        _check_name("name", self.name)
        ports = _chosen("ports", self.ports, PORTS)
        if not {"word", "bit"} <= set(ports):
            raise CircuitError(f"ports = {ports!r}; give 'word' and 'bit' among them")
        takes = _chosen("takes", self.takes, TAKES)
        parameters = {
            key: finite_number(f"parameters[{key!r}]", value)
            for key, value in _items(self.parameters)
        }
        for key in parameters:
            _check_name("parameters", key)
            if key.lower() in takes:
                raise CircuitError(f"parameters and takes both set {key!r}; give it once")
        off, on = (finite_number("enable_volt", volt) for volt in _two(self.enable_volt))
        text = _read(self.library)
        _check_library(text, self.name, len(ports))
        for name, value in (
            ("library", text),
            ("ports", ports),
            ("takes", takes),
            ("parameters", parameters),
            ("enable_volt", (off, on)),
        ):
            object.__setattr__(self, name, value)

    def __hash__(self) -> int:
        return hash((self.library, self.name, self.ports, tuple(self.parameters.items())))


def check_subcircuit_name(name: str, library: str) -> None:
    """Raise a CircuitError unless a layer can have this name beside the library's subcircuits."""
    if name != "layer":
        _check_name("name", name)
    if name.lower() in (taken.lower() for taken in _DEFINED.findall(library)):
        raise CircuitError(f"name = {name!r} is a subcircuit of the library; give another")


def _check_name(field_name: str, value: str) -> None:
    if not (isinstance(value, str) and _NAME.fullmatch(value)):
        raise CircuitError(
            f"{field_name} = {value!r}; give letters, digits and underscores, a letter first"
        )
    _refuse_reserved(field_name, value)


def _refuse_reserved(field_name: str, value: str) -> None:
    if _RESERVED.fullmatch(value):
        raise CircuitError(
            f"{field_name} = {value!r}; give another name, since tile_<r>_<c>, layer and "
            "<name>_cell_<bits> are taken"
        )


def _chosen(field_name: str, values: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    try:
        chosen = (values,) if isinstance(values, str) else tuple(values)
        good = len(set(chosen)) == len(chosen) and set(chosen) <= set(known)
    except TypeError:
        good = False
    if not good:
        raise CircuitError(f"{field_name} = {values!r}; give some of {known}, each once")
    return chosen


def _items(parameters: Mapping[str, float]) -> list[tuple[str, float]]:
    if not isinstance(parameters, Mapping):
        raise CircuitError(f"parameters = {parameters!r}; give a mapping of names to numbers")
    return sorted(parameters.items(), key=lambda pair: str(pair[0]))


def _two(volts: tuple[float, float]) -> tuple[float, float]:
    try:
        off, on = volts
    except (TypeError, ValueError):
        raise CircuitError(f"enable_volt = {volts!r}; give (off, on) in volts") from None
    return off, on


def _read(library: str | Path) -> str:
    if not isinstance(library, str | Path):
        raise CircuitError(f"library = {library!r}; give its text, or the path of its file")
    text = str(library)
    if isinstance(library, Path) or "\n" not in library:
        try:
            text = Path(library).read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            raise CircuitError(
                f"library = {str(library)!r} cannot be read ({error}); give the path of a "
                "library, or its text"
            ) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    plain = text.isascii() and text.replace("\n", "").replace("\t", "").isprintable()
    if not plain or "\\" in text:
        raise CircuitError("library holds other than printable ASCII, or a backslash; remove it")
    return text.rstrip()


def _check_library(text: str, name: str, ports: int) -> None:
    """Refuse all lines but definitions, and look for the subcircuit among them."""
    depth, found = 0, -1
    for number, line in _logical_lines(text):
        words = line.lower().split()
        where = f"library line {number}, {line[:60]!r},"
        if _REFUSED_MODELS.search(line):
            raise CircuitError(f"{where} starts a program; remove it")
        if words[0].startswith("."):
            if words[0] not in _ALLOWED:
                raise CircuitError(f"{where} is not allowed; leave {', '.join(sorted(_ALLOWED))}")
            depth += {".subckt": 1, ".ends": -1}.get(words[0], 0)
            if depth < 0:
                raise CircuitError(f"{where} ends no subcircuit; remove it")
            if words[0] == ".subckt":
                _refuse_reserved(f"{where} subcircuit", " ".join(words[1:2]))
            if words[0] == ".subckt" and depth == 1 and words[1:2] == [name.lower()]:
                found = _port_count(words[2:])
        elif depth == 0 or not words[0][0].isalpha() or words[0][0] in _REFUSED_ELEMENTS:
            raise CircuitError(
                f"{where} is not allowed; give elements inside a subcircuit, no A elements"
            )
    if depth > 0:
        raise CircuitError("library leaves a .subckt open; add its .ends")
    if found != ports:
        has = "does not define it" if found < 0 else f"gives it {found} ports"
        raise CircuitError(f"name = {name!r} has {ports} ports here; the library {has}")


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, continuations joined, each with its number."""
    start, whole = 0, ""
    for number, raw in enumerate(text.split("\n"), 1):
        line = re.split(r";|(?:^|\s)\$", raw.strip())[0].strip()
        if line.startswith("*#"):
            raise CircuitError(f"library line {number}, {line[:60]!r}, runs a command; remove it")
        if not line or line.startswith("*"):
            continue
        if line.startswith("+"):
            if not whole:
                raise CircuitError(f"library line {number} continues nothing; remove it")
            whole += " " + line[1:]
            continue
        if whole:
            yield start, whole
        start, whole = number, line
    if whole:
        yield start, whole


def _port_count(words: list[str]) -> int:
    text = re.split(r"\bparams:|\S+\s*=", " ".join(words), maxsplit=1)[0]
    return len(text.split())
