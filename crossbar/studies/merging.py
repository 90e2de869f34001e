"""The results of several machines as those of one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from crossbar.errors import InputError
from crossbar.results import Row
from crossbar.studies.folder import (
    Done,
    StudyFolder,
    contradiction,
    log_line,
    read_log,
    read_state,
)
from crossbar.studies.runs import in_order
from crossbar.tables import columns


def merge(folders: Sequence[str | Path], out: str | Path) -> list[Row]:
    """Join folders of studies that differ only in how much of one study they are.

    Designs, numbers of resistors, chips and swept values may differ; all other settings, the
    network, the dataset, ngspice and the version may not.

    Parameters
    ----------
    folders : sequence of str or Path
        Those of `studies.run`, finished or not.
    out : str or Path
        A new folder; a study that names all of it continues there.

    Returns
    -------
    list of Row
        The whole table.

    Raises
    ------
    InputError
        For folders of different studies, or a task that has different results in two of them.
    """
    sources, out = [Path(folder) for folder in folders], Path(out)
    states = [read_state(folder) for folder in sources]
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"out = {out}: exists already; name a new folder")
    swept = list(dict.fromkeys(name for state in states for name in state.get("swept", ())))
    for folder, state in zip(sources[1:], states[1:], strict=True):
        if told := contradiction(states[0]["identity"], state["identity"], swept):
            raise InputError(f"{folder}: is of another study than {sources[0]} ({told})")
    done = _joined(sources, swept)
    studies = [state["identity"]["study"] for state in states]
    identity = states[0]["identity"] | {"study": _together(studies, done, swept)}
    percents = {state.get("digital_accuracy_percent") for state in states}
    digital = percents.pop() if len(percents) == 1 else None
    order = sorted(done, key=lambda name: _place(done[name], studies, swept))
    with StudyFolder(out, identity, swept) as joined:
        joined.begin([], _or_nan(digital))
        for name in order:
            joined.append_to_log(log_line(done[name]))
        _copy_netlists(sources[0], out)
        table = list(in_order(done, dict.fromkeys(order), swept))
        if all(state.get("complete") for state in states):
            joined.end(table, _or_nan(digital))
        else:
            joined.begin(table, _or_nan(digital))
        return [row for each in table for row in each.named(swept)]


def _joined(sources: Sequence[Path], swept: Sequence[str]) -> dict[str, Done]:
    joined: dict[str, Done] = {}
    of_key: dict[Any, tuple[str, Path]] = {}
    for folder in sources:
        for name, each in read_log(folder).items():
            key = each.key(swept)
            first, where = of_key.setdefault(key, (name, folder))
            what = f"{key[0]}, {key[1]} resistors, chip {key[2]}"
            if first != name:
                raise InputError(
                    f"{folder}: has other settings than {where} for {what}; "
                    "merge what belongs together"
                )
            if name in joined and (column := _conflict(joined[name], each)):
                raise InputError(
                    f"{folder}: differs from {where} in {column} of {what} (task {name}), though "
                    "both say they did the same; run one of them again"
                )
            joined.setdefault(name, each)
    return joined


def _conflict(one: Done, other: Done) -> str | None:
    """The first column in which two runs of a task differ; the time that it took may."""
    if len(one.rows) != len(other.rows):
        return "layer"
    for pair in zip(one.rows, other.rows, strict=True):
        first, second = (replace(row, seconds=0.0) for row in pair)
        for name in columns(Row):
            if getattr(first, name) != getattr(second, name):
                return name
    return None


def _together(
    studies: Sequence[Mapping[str, Any]], done: Mapping[str, Done], swept: Sequence[str]
) -> dict[str, Any]:
    """The settings of the smallest study that has all of this: its points as a list."""
    first = min(study.get("first_chip", 0) for study in studies)
    last = max(study.get("first_chip", 0) + study["chips"] for study in studies)
    points = {each.key(swept)[3:]: each for each in done.values()}
    together = {
        "resistors": sorted({count for study in studies for count in study["resistors"]}),
        "designs": _distinct([design for study in studies for design in study["designs"]]),
        "first_chip": first,
        "chips": last - first,
        "sweep": {
            "grid": {},
            "points": [{name: each.setting(name) for name in swept} for each in points.values()],
        },
    }
    return {**studies[0], **(together if swept else together | {"sweep": studies[0]["sweep"]})}


def _distinct(values: Sequence[Any]) -> list[Any]:
    return [value for number, value in enumerate(values) if value not in values[:number]]


def _place(each: Done, studies: Sequence[Mapping[str, Any]], swept: Sequence[str]) -> Any:
    """Where a task stands: by its settings, the order of the designs, resistors and chip."""
    *values, label, count, chip = each.order(swept)
    names = [_label(design) for study in studies for design in study["designs"]]
    return *values, names.index(label) if label in names else len(names), label, count, chip


def _label(design: Mapping[str, Any]) -> str:
    return str(design["name"] or f"{design['polarity']} {design['ladder']}")


def _copy_netlists(source: Path, out: Path) -> None:
    if (source / "netlists").is_dir():
        shutil.copytree(source / "netlists", out / "netlists", dirs_exist_ok=True)


def _or_nan(percent: float | None) -> float:
    return float("nan") if percent is None else percent
