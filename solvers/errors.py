"""The one exception that bad input to `solvers` raises."""

from __future__ import annotations


class InvalidInput(ValueError):
    """Bad input; the message names the field, the value and the remedy."""
