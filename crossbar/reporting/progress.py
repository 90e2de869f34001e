"""How far an experiment is, in a sentence."""

from __future__ import annotations

from math import prod
from typing import Any

from crossbar.reporting.runs import Run
from crossbar.reporting.views import view_of

__all__ = ["progress_text"]


def progress_text(run: Run) -> str:
    """The name, whether it is complete, and else how many results there are of how many."""
    version = run.identity.get("version")
    by = f"; resistive-crossbar {version}" if version else ""
    if run.complete:
        return f"{run.name}: complete{by}."
    planned = _planned(run.settings)
    done = _finished(run)
    so_far = f"{done} of {planned} chips" if planned else f"{done} results"
    return f"{run.name}: NOT COMPLETE, {so_far} so far{by}."


def _finished(run: Run) -> int:
    """Results in the table: one for each chip of each setting, whatever layers it has."""
    view = view_of(run.table)
    if view is None:
        return len(run.table.rows)
    table = run.table.where(view.where)
    series = [name for name in view.series if name not in ("wires", "converter_bits", "simulator")]
    keys = dict.fromkeys((*series, *view.swept(table), *view.points, *view.repeats))
    return len(table.groups(tuple(keys)))


def _planned(settings: dict[str, Any]) -> int | None:
    """Chips of a study that sweeps nothing but designs and resistors; None for others."""
    counts, chips = settings.get("resistors"), settings.get("chips")
    designs = settings.get("designs", [None])
    if settings.get("sweep") or not isinstance(counts, list) or not isinstance(chips, int):
        return None
    return prod((len(counts), chips, len(designs)))
