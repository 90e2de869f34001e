"""The settings of an experiment as tables for people, with their units."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from crossbar.reporting.markup import data_table
from crossbar.reporting.runs import Run
from crossbar.results import design_label
from crossbar.tables import words_and_unit

__all__ = ["settings_tables"]

_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
_PLAIN = ("s", "%")


def settings_tables(run: Run) -> list[Element]:
    """What the experiment was asked for, its designs in a table of their own, and what it used."""
    settings = dict(run.settings)
    designs = settings.pop("designs", None)
    about = {name: value for name, value in run.identity.items() if value is not run.settings}
    if run.digital_percent is not None:
        about["digital_accuracy_percent"] = run.digital_percent
    named = (("Settings", settings), ("Made with", about))
    tables = [_table(caption, _flat(values)) for caption, values in named if values]
    if isinstance(designs, dict) and all(isinstance(one, dict) for one in designs.values()):
        designs = [one | {"name": name} for name, one in designs.items()]
    if isinstance(designs, list) and all(isinstance(one, dict) for one in designs) and designs:
        tables.insert(1, _designs(designs))
    elif designs is not None:
        tables.insert(1, _table("Designs", _flat({"designs": designs})))
    return tables


def _table(caption: str, values: Iterator[tuple[str, Any]]) -> Element:
    rows = []
    for name, value in values:
        text, unit = with_unit(name, value)
        rows.append(((name, None), (text, None), (unit, None)))
    return data_table(caption, ("setting", "value", "unit"), rows)


def _designs(designs: list[dict[str, Any]]) -> Element:
    names = list(dict.fromkeys(name for one in designs for name in one if name != "name"))
    rows = []
    for name in names:
        values = [one.get(name) for one in designs]
        if name == "resistors" or all(value is None for value in values):
            continue
        texts = [" ".join(with_unit(name, value)).strip() for value in values]
        rows.append(((name, None), *((text, None) for text in texts)))
    labels = [design_label(one) for one in designs]
    return data_table("Designs", ("setting", *labels), rows)


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by their dotted names."""
    for name, value in values.items():
        where = f"{above}{name.rstrip('_')}"  # a word that Python has taken
        if isinstance(value, Mapping):
            yield from _flat(value, f"{where}.")
        elif isinstance(value, list) and any(isinstance(one, Mapping | list) for one in value):
            yield from _flat({str(k): one for k, one in enumerate(value)}, f"{where}.")
        else:
            yield where, value


def with_unit(name: str, value: Any) -> tuple[str, str]:
    """A setting's value and unit; the unit follows from the last word of its name."""
    _, unit = words_and_unit(name.rpartition(".")[2])
    if isinstance(value, list):
        pairs = [with_unit(name, one) for one in value]
        same = len({found for _, found in pairs}) == 1
        texts = [text if same else f"{text} {found}".strip() for text, found in pairs]
        return ", ".join(texts), pairs[0][1] if same else ""
    if value is None:
        return "–", ""
    if isinstance(value, bool):
        return ("yes" if value else "no"), ""
    if isinstance(value, int | float) and unit and unit not in _PLAIN:
        return _engineering(float(value), unit)
    return str(value), unit if isinstance(value, int | float) or value in ("inf", "nan") else ""


def _engineering(value: float, unit: str) -> tuple[str, str]:
    """The same number with a prefix of its unit, all its digits kept."""
    if value == 0 or not math.isfinite(value):
        return repr(value), unit
    power = min(max(3 * math.floor(math.log10(abs(value)) / 3), -15), 12)
    digits = f"{value / 10**power:.12g}"
    return digits, f"{_PREFIXES[power]}{unit}"
