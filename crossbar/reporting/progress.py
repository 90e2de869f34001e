"""How far an experiment is, in a sentence."""

from __future__ import annotations

from math import prod
from typing import Any

from crossbar.reporting.charts import known_table
from crossbar.reporting.runs import Run

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
    if (known := known_table(run)) is None:
        return len(run.table.rows)
    view, table = known
    series = [name for name in view.series if name not in ("wires", "converter_bits", "simulator")]
    return len(table.groups(tuple(dict.fromkeys((*series, *view.points, *view.repeats)))))


def _planned(settings: dict[str, Any]) -> int | None:
    """Chips of a study; None for other experiments."""
    counts, chips = settings.get("resistors"), settings.get("chips")
    designs, sweep = settings.get("designs", [None]), settings.get("sweep") or {}
    if not isinstance(counts, list) or not isinstance(chips, int) or not isinstance(sweep, dict):
        return None
    grid, points = sweep.get("grid", {}), sweep.get("points", [])
    return prod((len(counts), chips, len(designs), *map(len, grid.values()), len(points) or 1))
