"""Netlists for other simulators: the few lines of ours in which Xyce and LTspice differ.

Only the dialect of ngspice is run in the tests. The others follow the manuals of Xyce and LTspice
and were run with neither. A user's own library is left as it is where none of these lines occur.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from spice_models.errors import CircuitError

__all__ = ["Dialect", "translate"]

Dialect: TypeAlias = Literal["ngspice", "xyce", "ltspice"]

_LOOKUP = re.compile(r"^(Bin\S+ \S+ 0) V=pwl\(v\(point\), ([^)]*)\)$", re.MULTILINE)
_CHOICE = re.compile(r"\{(\w+ > [\d.]+) \? ([^:{}]+) : ([^{}]+)\}")
_CONTACT = re.compile(r"sw\(vt=0\.5 vh=0 (ron=\{[^}]*\} roff=\{[^}]*\})\)")
_OPTIONS = re.compile(r"^\.options (.*?)(?: noinit)? (gmin=\S+) klu$", re.MULTILINE)
_XYCE_OPTIONS = re.compile(r"^\.options (reltol=\S+) .*(gmin=\S+) klu$", re.MULTILINE)
_TRANSIENT = re.compile(r"^\.tran ", re.MULTILINE)


def translate(text: str, dialect: Dialect) -> str:
    """Rewrite a netlist of this package for another simulator.

    Parameters
    ----------
    text : str
        In the dialect of ngspice.
    dialect : {"ngspice", "xyce", "ltspice"}

    Raises
    ------
    CircuitError
        If the dialect is not known.
    """
    if dialect == "ngspice":
        return text
    if dialect == "xyce":
        text = _LOOKUP.sub(r"\1 V={table(v(point), \2)}", text)
        text = _CONTACT.sub(r"vswitch(von=0.75 voff=0.25 \1)", text)
        timing = r"\n.options timeint \1" if _TRANSIENT.search(text) else ""
        text = _XYCE_OPTIONS.sub(rf".options device \2{timing}", text)
        return _without(text, ".save", ".width")
    if dialect == "ltspice":
        text = _LOOKUP.sub(r"\1 V=table(v(point), \2)", text)
        text = _CHOICE.sub(r"{if(\1, \2, \3)}", text)
        text = _OPTIONS.sub(r".options \1 \2", text)
        return _without(text, ".print", ".width")
    raise CircuitError(f"dialect = {dialect!r}; give 'ngspice', 'xyce' or 'ltspice'")


def _without(text: str, *commands: str) -> str:
    lines = text.split("\n")
    return "\n".join(line for line in lines if not line.startswith(commands))
