"""What the command line says when something is wrong: one line on stderr each."""

from __future__ import annotations

import os
import sys
from typing import TextIO

import click

from crossbar.errors import InputError

__all__ = ["BAD_INPUT", "counted", "drop_stdout", "fail", "is_input_error", "show_warning", "warn"]

BAD_INPUT = 2


def fail(message: str) -> int:
    """Say what is wrong, and return the exit status of bad input."""
    click.echo(f"crossbar: error: {' '.join(message.split())}", err=True)
    return BAD_INPUT


def warn(message: str) -> None:
    """Say what may be wrong."""
    click.echo(f"crossbar: warning: {' '.join(message.split())}", err=True)


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning without its place in the source; in place of `warnings.showwarning`."""
    from spice_models import SlowSolverWarning

    text = str(message)
    if issubclass(category, SlowSolverWarning):
        text = text.split("; use ")[0] + "; use --simulator nodal, or smaller tiles"
    warn(text)


def drop_stdout() -> None:
    """Let nothing that is still buffered fail once more when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_input_error(error: ValueError) -> bool:
    """Whether an error is about what the user gave."""
    from solvers import InvalidInput
    from spice_models import CircuitError

    return isinstance(error, InputError | InvalidInput | CircuitError)


def counted(count: int, thing: str) -> str:
    """A number of things in words.

    Examples
    --------
    >>> counted(1, "cell"), counted(2995, "cell")
    ('1 cell', '2,995 cells')
    """
    return f"{count:,} {thing}" + ("" if count == 1 else "s")
