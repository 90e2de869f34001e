"""Reader of the binary rawfiles in which ngspice returns its results."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spice_models.errors import BadRawfile

__all__ = ["Plot", "parse", "single_plot"]

_MARK = b"Binary:\n"
_CONSTANTS = "constants"


@dataclass(frozen=True, eq=False)
class Plot:
    """The result of one analysis.

    Parameters
    ----------
    name : str
        Such as ``DC transfer characteristic``.
    vectors : dict of str to ndarray, shape (points,)
        Values by lower-case name, such as ``i(vs0)``; float, or complex for ``.ac``.
    """

    name: str
    vectors: dict[str, NDArray[np.inexact]]


def parse(content: bytes) -> list[Plot]:
    """Read every plot of a rawfile.

    Raises
    ------
    BadRawfile
        If a header cannot be read or the file ends early.
    """
    plots: list[Plot] = []
    position = 0
    while content[position:].strip():
        mark = content.find(_MARK, position)
        if mark < 0:
            raise BadRawfile("the rawfile is not in the binary format of ngspice, or is cut short")
        header = content[position:mark].decode("utf-8", "replace")
        names, points, kind = _header(header)
        position = mark + len(_MARK)
        size = points * len(names) * np.dtype(kind).itemsize
        if len(content) - position < size:
            raise BadRawfile(
                f"the rawfile is cut short: {points} points of {len(names)} vectors need {size} "
                f"bytes, {len(content) - position} are there"
            )
        values = np.frombuffer(content, kind, points * len(names), position)
        table = values.reshape(points, len(names))
        vectors = {name: table[:, k].copy() for k, name in enumerate(names)}
        plots.append(Plot(_field(header, "Plotname"), vectors))
        position += size
    return plots


def single_plot(
    content: bytes, vectors: Collection[str] = (), points: int | None = None
) -> dict[str, NDArray[np.inexact]]:
    """Vectors of a rawfile with one plot, complete and finite.

    Parameters
    ----------
    content : bytes
        The whole file.
    vectors : collection of str
        Names that must be there.
    points : int, optional
        Number of points that must be there; at least one otherwise.

    Raises
    ------
    BadRawfile
        If anything is missing or not finite.
    """
    plots = parse(content)
    if len(plots) != 1:
        raise BadRawfile(f"the rawfile holds {len(plots)} analyses; give one in each netlist")
    if plots[0].name == _CONSTANTS:
        raise BadRawfile("the rawfile holds no analysis; give one in the netlist, such as .op")
    found = plots[0].vectors
    missing = sorted(set(vectors) - set(found))
    if missing:
        raise BadRawfile(f"the rawfile lacks {', '.join(missing[:5])} ({len(missing)} vectors)")
    for name, values in found.items():
        if values.size == 0 or values.size != (values.size if points is None else points):
            raise BadRawfile(f"{name} has {values.size} points, not {points or 'at least 1'}")
        if not np.isfinite(values).all():
            raise BadRawfile(f"{name} holds values that are not finite")
    return found


def _header(header: str) -> tuple[list[str], int, str]:
    try:
        variables = int(_field(header, "No. Variables"))
        points = int(_field(header, "No. Points"))
        kind = "<c16" if "complex" in _field(header, "Flags").split() else "<f8"
        listed = header.split("Variables:\n", 1)[1].splitlines()
        names = [line.split()[1].lower() for line in listed if line.strip()]
    except (IndexError, ValueError) as error:
        raise BadRawfile(f"the header of the rawfile cannot be read: {error}") from None
    if len(names) != variables or len(set(names)) != variables or points < 0:
        raise BadRawfile(f"the rawfile names {len(set(names))} vectors and promises {variables}")
    return names, points, kind


def _field(header: str, name: str) -> str:
    found = re.search(rf"^{re.escape(name)}:[ \t]*(.*?)[ \t]*$", header, re.MULTILINE)
    if not found:
        raise BadRawfile(f"the rawfile has no field {name!r}")
    return found[1]
