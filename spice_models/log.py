"""What ngspice says, turned into typed errors, even where it went on and exited with 0."""

from __future__ import annotations

import re

from spice_models.errors import (
    DiskFull,
    NgspiceError,
    NgspiceNotFound,
    NgspiceTooOld,
    NoConvergence,
    SingularMatrix,
)

__all__ = ["judge", "tail"]

_FAILURES: tuple[tuple[re.Pattern[str], type[NgspiceError], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind, remedy)
    for pattern, kind, remedy in (
        (r"the oldest supported one is", NgspiceTooOld, "install a newer one"),
        (
            r"cannot load library",
            NgspiceNotFound,
            "set NGSPICE_LIBRARY_PATH to the path of libngspice",
        ),
        (
            r"rawfile write error|no space left",
            DiskFull,
            "make room, or set TMPDIR to a folder on a larger disk",
        ),
        (
            r"singular matrix",
            SingularMatrix,
            "give every node a path to ground and leave no loop of voltage sources",
        ),
        (
            r"stepping failed|iteration limit|no convergence|timestep too small",
            NoConvergence,
            "look for steep or contradicting elements, or loosen reltol",
        ),
        (
            r"\berror\b|can't find model|could not find|unknown subckt|resistance to low"
            r"|no such (?:vector|parameter|function)|unable to find|undefined|fatal",
            NgspiceError,
            "correct the netlist",
        ),
    )
)
_HARMLESS = re.compile(r"^(?:Circuit:|Note: No compatibility|\.print line ignored).*$", re.M)
_STATISTICS = re.compile(
    r"^(?:Total |DRAM |Maximum |Current |Shared |Text |Stack |Library |Doing analysis).*$", re.M
)
_LONGEST = 300


def judge(log: str) -> None:
    """Raise the error that a log tells of.

    Raises
    ------
    NgspiceNotFound, DiskFull, SingularMatrix, NoConvergence, NgspiceError
        With the line of the log, the next one, and the remedy.
    """
    told = _HARMLESS.sub("", log)
    for pattern, kind, remedy in _FAILURES:
        found = pattern.search(told)
        if found:
            start = told.rfind("\n", 0, found.start()) + 1
            said = "; ".join(_lines(told[start:])[:2])[:_LONGEST]
            raise kind(f"ngspice says: {said} ({remedy})")


def tail(log: str) -> str:
    """Return the end of a log in one line."""
    said = "; ".join(_lines(_STATISTICS.sub("", _HARMLESS.sub("", log))))
    return said[-_LONGEST:] or "it said nothing"


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]
