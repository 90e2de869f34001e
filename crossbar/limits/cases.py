"""The curves: which non-idealities are on, and what the figure calls them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from crossbar.compensation import check_wire_aware
from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.limits.study import LimitsStudy
from crossbar.nonidealities import Nonidealities
from spice_models import Wires

NONE = "subset sums alone"
ALL = "all together"
PANELS = ("made", "used", "read")
IDEAL_WIRES = Wires(0.0, 0.0, 0.0, 0.0)

_SWITCHES = (
    "gradient_relative",
    "gradient_field_relative",
    "stuck_open_probability",
    "stuck_closed_probability",
    "stuck_unknown_share",
    "temperature_rise_kelvin",
    "drift_seconds",
    "noise_bandwidth_hertz",
    "flicker_relative",
    "dac_bits",
    "adc_bits",
)
"""Fields that turn something on; the others say how it is then."""


@dataclass(frozen=True)
class Case:
    """One curve.

    Parameters
    ----------
    name : str
        In the table.
    text : str
        In the figure, with values and units.
    panel : str
        One of `PANELS`, or empty: in every panel.
    design : Design
        The cell.
    measurement_error : float
    wires : Wires
    nonidealities : Nonidealities
        What the chip suffers.
    wire_aware : bool
        Whether its switches are chosen for the wires.
    """

    name: str
    text: str
    panel: str
    design: Design
    measurement_error: float
    wires: Wires
    nonidealities: Nonidealities
    wire_aware: bool = False


def cases(study: LimitsStudy) -> list[Case]:
    """Nothing, each limit that the study has alone, and all of them."""
    clean = replace(study.design, on_ohm=0.0, off_ohm=math.inf)
    if clean.distribution != "uniform conductance":
        clean = replace(clean, distribution="uniform")
    none = Case(NONE, NONE, "", clean, 0.0, IDEAL_WIRES, only(study.nonidealities))
    every = replace(
        none,
        name=ALL,
        text=ALL,
        design=_tailed(study, study.design),
        measurement_error=study.measurement_error,
        wires=study.wires,
        nonidealities=study.nonidealities,
    )
    return [
        none,
        *_of_making(study, none),
        *_of_chips(study, none),
        *_of_reading(study, none),
        every,
    ]


def why_not_wire_aware(study: LimitsStudy) -> str:
    """Why wire-aware programming does not take the cells; empty where it does."""
    try:
        for count in study.resistors:
            check_wire_aware(replace(study.design, resistors=count))
    except InputError as error:
        return str(error)
    return ""


def only(nonidealities: Nonidealities, **on: Any) -> Nonidealities:
    """The same with everything off but the fields that are given."""
    off = {name: getattr(Nonidealities(), name) for name in _SWITCHES}
    return replace(nonidealities, **(off | on))


def _tailed(study: LimitsStudy, design: Design) -> Design:
    if not study.lognormal_sigma:
        return design
    return replace(design, distribution="lognormal", tolerance=study.lognormal_sigma)


def _of_making(study: LimitsStudy, none: Case) -> list[Case]:
    """Design and measurement."""
    found = []
    design, clean = study.design, none.design
    own = replace(clean, distribution=design.distribution)
    if (tailed := _tailed(study, own)) != clean:
        text = f"{tailed.distribution} tolerance, {_percent(tailed.tolerance)}"
        found.append(replace(none, name=tailed.distribution, text=text, design=tailed))
    if design.on_ohm or math.isfinite(design.off_ohm):
        text = f"switches {_ohm(design.on_ohm)}, {_ohm(design.off_ohm)}"
        switched = replace(clean, on_ohm=design.on_ohm, off_ohm=design.off_ohm)
        found.append(replace(none, name="switches", text=text, design=switched))
    if error := study.measurement_error:
        text = f"measured to {_percent(error)}"
        found.append(replace(none, name="measurement", text=text, measurement_error=error))
    return [replace(one, panel="made") for one in found]


def _of_chips(study: LimitsStudy, none: Case) -> list[Case]:
    """What is wrong with a chip before and after it is measured."""
    n = study.nonidealities
    found = []
    if n.gradient_relative or n.gradient_field_relative:
        shares = f"{_percent(n.gradient_relative)} and {_percent(n.gradient_field_relative)}"
        on: dict[str, Any] = _of(n, "gradient_relative", "gradient_field_relative")
        found.append(_case(none, "gradients", f"gradients of {shares}", "made", on))
    chances = _of(n, "stuck_open_probability", "stuck_closed_probability")
    stuck = sum(chances.values())
    if stuck and n.stuck_unknown_share < 1:
        text = f"{_percent(stuck)} of branches stuck, known"
        found.append(_case(none, "stuck, known", text, "made", chances))
    if stuck and n.stuck_unknown_share:
        late = {name: chance * n.stuck_unknown_share for name, chance in chances.items()}
        text = f"{_percent(stuck * n.stuck_unknown_share)} of branches stuck later"
        late["stuck_unknown_share"] = 1.0
        found.append(_case(none, "stuck, unknown", text, "used", late))
    if rise := n.temperature_rise_kelvin:
        ppm = n.temperature_coefficient_ppm_per_kelvin
        sigma = n.temperature_coefficient_sigma_ppm_per_kelvin
        text = f"{rise:+g} K at {ppm:g} ± {sigma:g} ppm/K"
        found.append(_case(none, "temperature", text, "used", _of(n, "temperature_rise_kelvin")))
    if n.drift_seconds:
        logarithm = math.log1p(n.drift_seconds / n.drift_start_seconds)
        common = 1 - math.exp(-n.drift_exponent * logarithm)
        spread = n.drift_exponent_sigma * logarithm
        hours = f"{n.drift_seconds / 3600:,.0f} h"
        text = f"drift of {100 * common:.2g} ± {100 * spread:.1g} % in {hours}"
        found.append(_case(none, "drift", text, "used", _of(n, "drift_seconds")))
    return found


def _of_reading(study: LimitsStudy, none: Case) -> list[Case]:
    """Wires, noise and converters."""
    n = study.nonidealities
    found = []
    if study.wires != IDEAL_WIRES:
        text = f"wires {_ohm_of(study.wires)}, one gain"
        wired = replace(none, name="wires", text=text, panel="read", wires=study.wires)
        found.append(wired)
        if not why_not_wire_aware(study):
            text = f"wires {_ohm_of(study.wires)}, wire-aware"
            found.append(replace(wired, name="wires, wire-aware", text=text, wire_aware=True))
    texts: dict[str, tuple[str, Callable[[Any], str]]] = {
        "noise_bandwidth_hertz": (
            "thermal noise",
            lambda hertz: f"thermal noise, {hertz / 1e6:g} MHz at {study.read_volt:g} V",
        ),
        "flicker_relative": ("1/f noise", lambda share: f"1/f noise of {_percent(share)}"),
        "dac_bits": ("DAC", lambda bits: f"DAC of {bits} bits"),
        "adc_bits": ("ADC", lambda bits: f"ADC of {bits} bits"),
    }
    for field, (name, said) in texts.items():
        if value := getattr(n, field):
            found.append(_case(none, name, said(value), "read", {field: value}))
    return found


def _case(none: Case, name: str, text: str, panel: str, on: dict[str, Any]) -> Case:
    suffered = only(none.nonidealities, **on)
    return replace(none, name=name, text=text, panel=panel, nonidealities=suffered)


def _of(nonidealities: Nonidealities, *names: str) -> dict[str, Any]:
    return {name: getattr(nonidealities, name) for name in names}


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _ohm(ohm: float) -> str:
    for scale, unit in ((1e9, "Gohm"), (1e6, "Mohm"), (1e3, "kohm")):
        if scale <= ohm < math.inf:
            return f"{ohm / scale:g} {unit}"
    return f"{ohm:g} ohm"


def _ohm_of(wires: Wires) -> str:
    word, bit = wires.word_segment_ohm, wires.bit_segment_ohm
    if isinstance(word, int | float) and word == bit:
        return f"of {word:g} ohm a segment"
    return "as given"
