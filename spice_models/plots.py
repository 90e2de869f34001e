"""Figures of circuits: each takes data and, if given, the Axes to draw on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from spice_models.transient import StepResponse

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_step_response"]


def plot_step_response(
    response: StepResponse, ax: Axes | None = None, lines: Sequence[int] | None = None
) -> Axes:
    """Bit-line currents against time after a step, with the settling time of the slowest.

    Parameters
    ----------
    response : StepResponse
    ax : Axes, optional
        A new one if not given.
    lines : sequence of int, optional
        Bit lines to draw; all if not given.
    """
    if ax is None:
        from matplotlib import pyplot as plt

        ax = plt.subplots(layout="constrained")[1]
    chosen = np.arange(response.final.size)[slice(None) if lines is None else list(lines)]
    peak = float(np.abs(response.currents).max())
    time, time_unit = _engineering(float(response.seconds[-1]))
    current, current_unit = _engineering(peak)
    for line in chosen.tolist():
        (curve,) = ax.plot(
            time * response.seconds, current * response.currents[:, line], label=f"bit line {line}"
        )
        ax.axhline(current * response.final[line], color=curve.get_color(), lw=0.6, ls=":")
    settled = time * float(response.settling_seconds[chosen].max())
    ax.axvline(settled, color="#777777", lw=0.8, ls="--")
    ax.set_title(f"settled to {100 * response.precision:g} % after {settled:.3g} {time_unit}s")
    ax.set_xlabel(f"time [{time_unit}s]")
    ax.set_ylabel(f"current [{current_unit}A]")
    if 1 < chosen.size <= 8:
        ax.legend()
    return ax


def _engineering(largest: float) -> tuple[float, str]:
    """Factor and prefix that bring a value to 1 .. 1000."""
    exponent = 3 * int(np.floor(np.log10(largest) / 3)) if largest > 0 else 0
    exponent = min(max(exponent, -18), 0)
    return 10.0**-exponent, {0: "", -3: "m", -6: "µ", -9: "n", -12: "p", -15: "f", -18: "a"}[
        exponent
    ]
