"""The head of every netlist: what it is, design, seed, version, units. No date: text is the same
each time."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from spice_models.errors import CircuitError

__all__ = ["check_line", "header"]

_SCRIPT = re.compile(r"\s*ng_script", re.IGNORECASE)


def header(
    title: str,
    about: Iterable[str],
    *,
    design: str = "",
    seed: int | None = None,
    comments: Sequence[str] = (),
) -> list[str]:
    """Write the first lines of a netlist, each a comment.

    Parameters
    ----------
    title : str
        The first line, which SPICE takes for the title.
    about : iterable of str
        Lines about the circuit.
    design : str
        What the cells are; said to be not given if empty.
    seed : int, optional
        Of the chip; said to be not given if None.
    comments : sequence of str
        Further lines, the last ones.

    Raises
    ------
    CircuitError
        If a text is not one line of printable ASCII, or the seed is no integer from 0 on.
    """
    if isinstance(comments, str | bytes) or not isinstance(comments, Iterable):
        raise CircuitError(f"comments = {comments!r}; give a list of lines")
    named = check_line("design", design) or "not given"
    lines = [
        check_line("title", title),
        *about,
        f"design: {named}; seed: {'not given' if seed is None else _check_seed(seed)}",
        "units: V, A, ohm, F, s; no suffixes",
        f"written by resistive-crossbar {_version()}",
        *(check_line("title or comment", line) for line in comments),
    ]
    return [f"* {line}" for line in lines]


def check_line(field: str, line: str) -> str:
    """Return the line if it is printable ASCII that SPICE takes for nothing but a comment.

    Raises
    ------
    CircuitError
        If it holds other characters, ends in a backslash, which could draw the next line into
        it, or begins with ``ng_script``, by which ngspice knows a file of commands.
    """
    if not (isinstance(line, str) and line.isascii() and line.isprintable()):
        raise CircuitError(f"{field} = {line!r}; give one line of printable ASCII")
    if line.rstrip().endswith("\\") or _SCRIPT.match(line):
        raise CircuitError(
            f"{field} = {line!r}; give a line without 'ng_script' at its start and without a "
            "backslash at its end"
        )
    return line


def _check_seed(seed: int) -> int:
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if number < 0 or isinstance(seed, bool):
        raise CircuitError(f"seed = {seed!r}; give an integer from 0 on, or None")
    return number


@lru_cache(maxsize=1)
def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("resistive-crossbar")
    except PackageNotFoundError:
        return "of unknown version"
