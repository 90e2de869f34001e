"""One clear line when an optional library is missing."""

from __future__ import annotations

from importlib.util import find_spec

from crossbar.errors import InputError


def require(*libraries: str) -> None:
    """Raise an InputError when one of the libraries is not installed; import none of them."""
    missing = [library for library in libraries if find_spec(library) is None]
    if missing:
        raise InputError(
            f"{', '.join(missing)}: not installed; run: pip install 'resistive-crossbar[torch]'"
        )
