"""TOML files to the dataclasses they describe; every mistake is one clear line."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from crossbar.errors import InputError

T = TypeVar("T")


_REMEDIES = {
    "int_type": "give a whole number",
    "int_from_float": "give a whole number",
    "float_type": "give a number",
    "string_type": "give text in quotes",
    "tuple_type": "give a list",
    "dataclass_type": "give a table",
}


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    InputError
        When it is missing, not text or not TOML.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        if "\0" not in text:
            return tomllib.loads(text)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not valid TOML: {error}") from None
    except UnicodeDecodeError:
        pass
    raise InputError(f"{path}: not a text file (UTF-8); give a TOML file")


def build(kind: type[T], values: Mapping[str, Any], source: str | Path) -> T:
    """Build a dataclass from the values of a TOML file.

    Parameters
    ----------
    kind : type
        The dataclass.
    values : mapping
        Its fields; nested tables for nested dataclasses.
    source : str or Path
        Named in errors.

    Raises
    ------
    InputError
        For a key that is no field, a missing field, or a value that the dataclass refuses.
    """
    from pydantic import ConfigDict, ValidationError, create_model

    # the dataclasses inside inherit the model's configuration
    config = ConfigDict(extra="forbid", strict=True)
    model: Any = create_model("Settings", __config__=config, settings=(kind, ...))
    try:
        # as JSON, because strict checks take its lists for tuples and its integers for floats
        text = json.dumps({"settings": values}, default=str)
        built: T = model.model_validate_json(text).settings
    except ValidationError as error:
        problem = min(error.errors(), key=lambda p: p["type"] != "unexpected_keyword_argument")
        explained = _explain(kind, problem["loc"][1:], problem)
        raise InputError(f"{source}: {explained}") from None
    return built


def convert(hint: Any, value: Any, where: str) -> Any:
    """A value of a TOML file as the type of a setting; what is no such value stays as it is.

    Raises
    ------
    InputError
        For a value of another type, or one that a dataclass in it refuses.
    """
    from pydantic import ValidationError

    try:
        text = json.dumps({"value": value})
    except TypeError:  # an array or a dataclass, from Python
        return value
    try:
        return _model(hint).model_validate_json(text).value
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join([where, *map(str, problem["loc"][1:])])
        said = f"{where} = {problem['input']!r}: {_remedy(problem)}"
        if problem["type"] == "value_error":
            said = f"{where}: {problem['ctx']['error']}"
        elif problem["type"] == "unexpected_keyword_argument":
            said = f"{where}: no such setting"
        raise InputError(said) from None


@lru_cache
def _model(hint: Any) -> Any:
    from pydantic import ConfigDict, create_model

    config = ConfigDict(extra="forbid", strict=True)
    return create_model("Setting", __config__=config, value=(hint, ...))


def _explain(kind: type, location: tuple[int | str, ...], problem: Any) -> str:
    where = ".".join(str(part) for part in location)
    if problem["type"] == "unexpected_keyword_argument":
        known = _fields_at(kind, location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        return f"{where}: no such setting; {remedy}"
    if problem["type"] == "missing":
        return f"{where}: this setting is missing"
    if problem["type"] == "value_error":
        reason = str(problem["ctx"]["error"])
        named = not where or reason.startswith(f"{where}.")
        return reason if named else f"{where}: {reason}"
    return f"{where} = {problem['input']!r}: {_remedy(problem)}"


def _remedy(problem: Any) -> str:
    if problem["type"] == "literal_error":
        return f"choose one of {problem['ctx']['expected']}"
    return _REMEDIES.get(problem["type"], str(problem["msg"]).lower())


def _fields_at(kind: Any, location: tuple[int | str, ...]) -> list[str]:
    """Field names of the dataclass that a location in the settings leads to."""
    from typing import get_args, get_type_hints

    for step in location:
        kind = get_args(kind)[0] if isinstance(step, int) else get_type_hints(kind)[step]
    return [field.name for field in fields(kind)]
