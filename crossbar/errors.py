"""The one exception that bad input to `crossbar` raises."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input; the message names the field, the value and the remedy."""
