"""What the tables of the package's experiments mean: what is swept, repeated and measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from crossbar.limits.cases import PANELS, cases
from crossbar.limits.plots import TITLES
from crossbar.limits.study import LimitsStudy
from crossbar.reporting.runs import Table, Value, is_number
from crossbar.tables import NETWORK

__all__ = ["Panel", "View", "view_of"]

Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class Panel:
    """One chart: some columns of the table against the view's x.

    Parameters
    ----------
    title, label : str
        Of the chart; of its y axis, with the unit.
    columns : mapping of str to str
        Columns to draw, and what each is called beside its series: empty for nothing. The first
        is solid, the second dashed.
    scale : {"linear", "log"}
        Of the y axis.
    digital : bool
        Whether the digital accuracy is drawn as well.
    omits : frozenset
        Names of lines that are left to other charts.
    """

    title: str
    label: str
    columns: Mapping[str, str]
    scale: Scale = "linear"
    digital: bool = False
    omits: frozenset[Value] = frozenset()


@dataclass(frozen=True)
class View:
    """How to read a table.

    Parameters
    ----------
    needs : frozenset of str
        Columns by which the table is known.
    x, x_label : str
        Column on the x axis of all charts, and what it is called.
    series : tuple of str
        Columns that name a line.
    repeats : tuple of str
        Columns over whose values means are taken.
    panels : tuple of Panel
    measures : tuple of str
        Columns of the summary.
    by : tuple of str
        Columns that name a point of a line; (x,) if not given.
    where : mapping
        Lines that charts and summary are about.
    x_scale : {"linear", "log"}
    """

    needs: frozenset[str]
    x: str
    x_label: str
    series: tuple[str, ...]
    repeats: tuple[str, ...]
    panels: tuple[Panel, ...]
    measures: tuple[str, ...]
    by: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    x_scale: Scale = "linear"

    @property
    def points(self) -> tuple[str, ...]:
        """Columns that name a point of a line."""
        return self.by or (self.x,)

    def with_swept(self, table: Table, swept: Sequence[str], heading: Callable[[str], str]) -> View:
        """The same with what a study varies besides: further names of lines, or the x axis.

        A swept number is the x axis where the usual x has one value.
        """
        varied = [
            name
            for name in swept
            if name in table.columns and name not in self.series and _several(table, name)
        ]
        numbers = [name for name in varied if all(map(is_number, table.column(name)))]
        if not numbers or _several(table, self.x):
            return replace(self, series=(*self.series, *varied))
        x = numbers[0]
        others = [self.x, *(name for name in varied if name != x)]
        return replace(
            self,
            x=x,
            x_label=heading(x),
            x_scale=_scale([float(value) for value in table.column(x) if is_number(value)]),
            by=(),
            series=(*self.series, *others),
        )


def _several(table: Table, name: str) -> bool:
    return len(set(table.column(name))) > 1


def _scale(values: Sequence[float]) -> Scale:
    """Logarithmic where values span more than a decade and a half."""
    low, high = min(values), max(values)
    return "log" if low > 0 and high / low > 30 else "linear"


def view_of(table: Table) -> View | None:
    """The view that fits a table's columns; None for a table of something else."""
    return next((view for view in VIEWS if view.needs <= set(table.columns)), None)


def _accuracy(column: str = "accuracy_percent") -> Panel:
    return Panel("Accuracy", "test accuracy [%]", {column: ""}, digital=True)


_LOGITS = Panel("Logit error", "rms logit error [% of range]", {"logit_error_percent": ""}, "log")
_FLIPS = Panel("Flipped labels", "flips [test images]", {"flips": ""})

STUDY = View(
    needs=frozenset(("design", "weight_median_bits", "ideal_wires_product_effective_bits")),
    x="resistors_per_weight",
    x_label="resistors per weight",
    series=("design",),
    repeats=("chip",),
    where={"layer": NETWORK},
    panels=(
        Panel(
            "Weights",
            "bits of precision of a weight",
            {"weight_median_bits": "median", "weight_worst_bits": "worst"},
        ),
        Panel(
            "Logits",
            "effective bits of the logits",
            {
                "product_effective_bits": "with wires",
                "ideal_wires_product_effective_bits": "ideal wires",
            },
        ),
        _LOGITS,
        _FLIPS,
        _accuracy(),
    ),
    measures=(
        "weight_median_bits",
        "weight_worst_bits",
        "product_effective_bits",
        "ideal_wires_product_effective_bits",
        "logit_error_percent",
        "flips",
        "accuracy_percent",
    ),
)

MODEL = View(
    needs=frozenset(("design", "wires", "converter_bits", "product_effective_bits")),
    x="resistors_per_weight",
    x_label="resistors per weight",
    series=("design", "wires", "converter_bits"),
    repeats=("chip",),
    where={"layer": NETWORK},
    panels=(
        Panel("Weights", "effective bits of the weights", {"weight_effective_bits": ""}),
        Panel("Logits", "effective bits of the logits", {"product_effective_bits": ""}),
        _LOGITS,
        _FLIPS,
        _accuracy(),
    ),
    measures=(
        "weight_worst_bits",
        "weight_effective_bits",
        "product_effective_bits",
        "logit_error_percent",
        "flips",
        "accuracy_percent",
    ),
)

PRUNING = View(
    needs=frozenset(("family", "level", "stored_bits", "accuracy_percent")),
    x="stored_bits",
    x_label="stored bits",
    x_scale="log",
    series=("family",),
    by=("level",),
    repeats=("seed",),
    panels=(_accuracy(),),
    measures=("stored_bits", "kept_weights", "resistors", "array_resistors", "accuracy_percent"),
)

TICKETS = View(
    needs=frozenset(("name", "n", "random_per_weight", "relative_weight_error")),
    x="n",
    x_label="random numbers n for each weight",
    series=("name",),
    repeats=(),
    panels=(
        Panel(
            "Errors of the weights",
            "largest error of a weight / largest weight",
            {"relative_weight_error": ""},
            "log",
        ),
    ),
    measures=(
        "kept_per_weight",
        "relative_weight_error",
        "missed",
        "target_percent",
        "percent",
        "flips",
        "seconds",
    ),
)

TICKET_ERRORS = View(
    needs=frozenset(("name", "n", "seed", "relative_weight_error")),
    x="n",
    x_label="random numbers n for each weight",
    series=("name",),
    repeats=("seed",),
    panels=TICKETS.panels,
    measures=("relative_weight_error",),
)

NEURONS = View(
    needs=frozenset(("kind", "d", "n", "median_error")),
    x="n",
    x_label="neurons n to choose from",
    series=("kind", "d"),
    repeats=(),
    panels=(Panel("Errors", "median of the largest error", {"median_error": ""}, "log"),),
    measures=("median_error", "worst_error", "expected", "kept"),
)

FILTERS = replace(
    NEURONS,
    needs=NEURONS.needs | {"kernel", "output_error"},
    x_label="filters n to choose from",
    x_scale="log",
    series=("kind", "outputs", "channels", "kernel"),
    panels=(
        Panel("Errors of the weights", "median of the largest error", {"median_error": ""}, "log"),
        Panel("Errors of the outputs", "median of the largest error", {"output_error": ""}, "log"),
    ),
    measures=(*NEURONS.measures, "output_error"),
)

RECALL = View(
    needs=frozenset(("name", "length", "recall", "deviation")),
    x="length",
    x_label="length of the hash: winners or projections",
    x_scale="log",
    series=("name",),
    repeats=(),
    panels=(Panel("Recall", "recall of the nearest 2 %", {"recall": ""}),),
    measures=("recall", "deviation"),
)

HARDWARE = View(
    needs=frozenset(("kind", "resistors_per_weight", "simulator", "closed_resistors")),
    x="resistors_per_weight",
    x_label="random resistors per weight",
    series=("kind", "simulator"),
    repeats=("chip",),
    panels=(
        Panel("Errors of the weights", "largest error of a weight", {"weight_error": ""}, "log"),
        _LOGITS,
        _FLIPS,
        Panel("Accuracy", "test accuracy [%]", {"percent": ""}),
    ),
    measures=("weight_error", "logit_error_percent", "flips", "target_percent", "percent"),
)

_STAGE_OF = {case.name: case.panel for case in cases(LimitsStudy())}

LIMITS = View(
    needs=frozenset(("case", "resistors_per_weight", "chip", "effective_bits", "gain")),
    x="resistors_per_weight",
    x_label="resistors per weight",
    series=("case",),
    repeats=("chip",),
    panels=tuple(
        Panel(
            TITLES[stage],
            "effective bits of the products",
            {"effective_bits": ""},
            omits=frozenset(name for name, own in _STAGE_OF.items() if own not in ("", stage)),
        )
        for stage in PANELS
    ),
    measures=(
        "effective_bits",
        "effective_bits_without_gain",
        "gain",
        "weight_effective_bits",
        "unreachable_weights",
    ),
)

LEEWAY = View(
    needs=frozenset(("tolerance", "sets", "kept_per_weight", "worst_error")),
    x="tolerance",
    x_label="tolerance of the solver",
    x_scale="log",
    series=("sets",),
    repeats=(),
    panels=(
        Panel("Numbers that stay", "random numbers kept for a weight", {"kept_per_weight": ""}),
    ),
    measures=("weights", "kept_per_weight", "worst_error", "seconds"),
)

VIEWS = (
    STUDY,
    MODEL,
    PRUNING,
    TICKETS,
    TICKET_ERRORS,
    FILTERS,
    NEURONS,
    RECALL,
    HARDWARE,
    LIMITS,
    LEEWAY,
)
