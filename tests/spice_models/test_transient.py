import math

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from matplotlib.axes import Axes

from spice_models import Array, CircuitError, Wires, ngspice, nodal
from spice_models.plots import plot_step_response
from spice_models.transient import (
    Capacitances,
    StepResponse,
    step_response,
    transient_netlist,
)

FIVE_FEMTOFARAD = Capacitances(bit_farad=5e-15)
SENSE = Wires(0.0, 0.0, 0.0, 1e3)


def one_cell(ohm=1e4, sense_ohm=1e3):
    return Array.from_siemens([[1 / ohm]], Wires(0.0, 0.0, 0.0, sense_ohm))


@pytest.mark.parametrize("precision", [0.1, 1e-3, 1e-5])
@pytest.mark.parametrize("cells", ["folded", "switches"])
def test_one_cell_settles_like_an_rc_circuit(precision, cells):
    """i(t) = V / (R + Rs) (1 - exp(-t / tau)) with tau = C R Rs / (R + Rs)."""
    ohm, sense, farad, volt = 1e4, 1e3, 5e-15, 0.2
    tau = farad * ohm * sense / (ohm + sense)
    found = step_response(
        one_cell(), [volt], Capacitances(bit_farad=farad), precision=precision, cells=cells
    )
    final = volt / (ohm + sense)
    assert found.final == pytest.approx([final], rel=1e-9, abs=0)
    # The rise of 0.5 % tau delays by half of it; the steps of integration are 2 % tau.
    wanted = tau * math.log(1 / precision)
    assert found.settling_seconds == pytest.approx([wanted], abs=0.01 * tau)
    rest = np.exp(-found.seconds / tau)
    later = found.seconds > 0.1 * tau
    assert found.currents[later, 0] == pytest.approx(final * (1 - rest[later]), abs=0.005 * final)
    until = found.settling_seconds[0]
    bit_volt = final * sense
    # The source gives V (V - v_b) / R with v_b = V Rs / (R + Rs) (1 - exp(-t / tau)).
    decayed = tau * (1 - math.exp(-until / tau))
    energy = volt / ohm * ((volt - bit_volt) * until + bit_volt * decayed)
    assert found.energy_joule == pytest.approx(energy, rel=2e-3, abs=0)


def test_sixteen_by_sixteen_cells_of_five_femtofarad_settle_in_half_a_nanosecond():
    random = np.random.default_rng(0)
    siemens = random.uniform(1e-6, 1e-4, (16, 16))
    array = Array.from_siemens(siemens, Wires(1.0, 1.0, 10.0, 1e3))
    found = step_response(array, np.full(16, 0.2), FIVE_FEMTOFARAD)
    # Each bit line is 80 fF on 1 kohm beside its 16 cells; the wires add little.
    tau = 80e-15 / (1e-3 + siemens.sum(axis=0))
    assert found.settling_seconds == pytest.approx(tau * math.log(1e3), rel=0.05, abs=0)
    assert 200e-12 < found.settling_seconds.max() < 600e-12
    assert found.power[-1] == pytest.approx(
        0.2 * nodal.currents(array, [0.2] * 16).sum(), rel=1e-2, abs=0
    )


def test_charging_the_word_lines_costs_half_their_energy_twice():
    """Sources that charge C to V through a resistance give C V^2, half of it lost."""
    array = Array.from_siemens(np.full((2, 2), 1e-12), Wires(1.0, 0.0, 100.0, 0.0))
    farad, volt = 1e-12, 0.5
    found = step_response(array, [volt, volt], Capacitances(word_farad=farad), precision=1e-3)
    total = ((found.power[1:] + found.power[:-1]) / 2 * np.diff(found.seconds)).sum()
    # Four cells; 1e-3 of time constants remain and the rise takes little.
    assert total == pytest.approx(4 * farad * volt**2, rel=5e-3, abs=0)


def test_capacitance_across_the_cells_lets_the_step_through_at_once():
    found = step_response(one_cell(), [0.2], Capacitances(5e-15, 0.0, 5e-15))
    # A divider of equal capacitances brings the bit line to 0.1 V, above its 18 mV at rest.
    assert found.currents.max() == pytest.approx(0.1 / 1e3, rel=0.02, abs=0)
    assert found.settling_seconds[0] > 0


def test_transistors_settle_to_their_own_currents(make_array):
    array = make_array(4, 3, 2)
    found = step_response(array, np.full(4, 0.3), FIVE_FEMTOFARAD, cells="transistors")
    wanted = ngspice.sweep(array, np.full((1, 4), 0.3), cells="transistors").currents[0]
    assert found.final == pytest.approx(wanted, rel=1e-9, abs=0)
    tolerance = found.precision * np.abs(wanted).max()
    assert np.abs(found.currents[-1] - wanted).max() <= tolerance


def test_a_line_that_carries_nothing_is_settled_from_the_start():
    array = Array.from_siemens([[1e-4, 0.0]], SENSE)
    found = step_response(array, [0.2], FIVE_FEMTOFARAD)
    assert found.settling_seconds[1] == 0.0
    assert found.settling_seconds[0] > 0


def test_a_slow_rise_delays_by_half_of_itself():
    tau = 5e-15 * 1e7 / 11e3
    slow = step_response(one_cell(), [0.2], FIVE_FEMTOFARAD, rise_seconds=tau / 2)
    fast = step_response(one_cell(), [0.2], FIVE_FEMTOFARAD)
    delay = slow.settling_seconds[0] - fast.settling_seconds[0]
    # exp(x) averaged over x in 0 .. 1/2 is exp(0.26).
    assert delay == pytest.approx(tau * math.log(2 * (math.exp(0.5) - 1)), rel=0.05, abs=0)


def test_the_netlist_is_plain_and_deterministic(make_array):
    array = make_array(2, 2)
    text = transient_netlist(
        array,
        [0.1, 0.2],
        Capacitances(1e-15, 2e-15, 3e-15),
        stop_seconds=1e-9,
        rise_seconds=1e-12,
        comments=["seed 7"],
    )
    assert "* seed 7\n" in text
    assert "Ccell1_0 w1_0 b1_0 3e-15\n" in text
    assert "Cbit0_1 b0_1 0 1e-15\n" in text
    assert "Vin1 in1 0 pwl(0 0 1e-12 0.2)\n" in text
    assert ".control" not in text


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: Capacitances(), "all 0"),
        (lambda: Capacitances(bit_farad=-1e-15), r"capacitances.bit_farad = -1e-15"),
        (lambda: Capacitances(cell_farad="x"), r"capacitances.cell_farad = 'x'"),
        (lambda: step_response(one_cell(), [[0.1], [0.2]], FIVE_FEMTOFARAD), "holds 2 points"),
        (lambda: step_response(one_cell(), [0.1], FIVE_FEMTOFARAD, precision=0.0), "precision"),
        (lambda: step_response(one_cell(), [0.1], FIVE_FEMTOFARAD, rise_seconds=0.0), "rise"),
        (
            lambda: step_response(one_cell(sense_ohm=0.0), [0.1], FIVE_FEMTOFARAD),
            "nothing to charge",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(call, text):
    with pytest.raises(CircuitError, match=text):
        call()


def test_the_plot_shows_the_chosen_lines():
    seconds = np.linspace(0, 1e-9, 50)
    currents = np.outer(1 - np.exp(-seconds / 1e-10), [1e-6, 2e-6, 0.0])
    settling = np.array([6e-10, 7e-10, 0.0])
    final = np.array([1e-6, 2e-6, 0.0])
    response = StepResponse(seconds, currents, seconds, final, 1e-3, settling, 1e-15)
    ax = plot_step_response(response)
    assert isinstance(ax, Axes)
    assert len(ax.lines) == 7
    assert "0.1 % after 0.7 ns" in ax.get_title()
    again = plot_step_response(response, ax.figure.subplots(), lines=[0])
    assert again.lines[0].get_ydata()[-1] == pytest.approx(1.0, rel=1e-3)
    assert again.get_ylabel() == "current [µA]"
