import inspect

import numpy as np
import pytest

from crossbar import Design, InputError, Measurement, fabricate, measure, program, target_siemens
from crossbar.fabrication import Chip
from crossbar.metrics import worst_bits
from crossbar.programming import checked_weights

DESIGN = Design(resistors=8)


def measured(rows=4, columns=3, error=0.0, design=DESIGN):
    return measure(fabricate(design, rows, columns, seed=1), error=error, seed=2)


def test_programming_never_sees_the_true_resistances():
    kinds = {parameter.annotation for parameter in inspect.signature(program).parameters.values()}
    assert "Measurement" in kinds
    assert "Chip" not in kinds
    assert not any(isinstance(value, Chip) for value in vars(measured()).values())


def test_pruned_weights_leave_every_switch_open():
    target = np.zeros((4, 3))
    target[1, 2] = DESIGN.full_scale_siemens / 3
    enabled = program(measured(), target).enabled
    assert enabled[1, 2].any()
    assert enabled.sum() == enabled[1, 2].sum()


def test_leakage_of_open_branches_is_allowed_for():
    design = Design(resistors=12, off_ohm=1e7)  # leaks 1 % of full scale a branch
    chip = fabricate(design, 10, 10, seed=1)
    full_scale = design.full_scale_siemens
    target = np.random.default_rng(0).uniform(-full_scale, full_scale, (10, 10))
    error = chip.cell_siemens(program(measure(chip, error=0, seed=0), target).enabled) - target
    assert worst_bits(error, full_scale) > 5


def test_measurement_error_limits_the_bits():
    design = Design(resistors=16)
    chip = fabricate(design, 10, 10, seed=1)
    full_scale = design.full_scale_siemens
    target = np.random.default_rng(0).uniform(-full_scale, full_scale, (10, 10))
    bits = []
    for error in (0, 1e-4, 1e-2):
        programmed = program(measure(chip, error=error, seed=3), target)
        bits.append(worst_bits(chip.cell_siemens(programmed.enabled) - target, full_scale))
    assert bits[0] > bits[1] > bits[2]


def test_every_exact_method_finds_cells_as_good():
    target = np.random.default_rng(0).uniform(-1, 1, (4, 3)) * DESIGN.full_scale_siemens
    known = measured()
    errors = {}
    for method in ("milp", "meet-in-the-middle"):
        enabled = program(known, target, method=method).enabled
        signed = np.where(enabled, known.on_siemens, known.off_siemens) @ DESIGN.signs
        errors[method] = np.abs(signed - target)
    # CP-SAT works on a grid of 2^-40 of full scale or finer
    np.testing.assert_allclose(
        errors["milp"], errors["meet-in-the-middle"], atol=1e-11 * DESIGN.full_scale_siemens
    )


def test_nominal_programming_ignores_the_measurement():
    design = Design(ladder="binary", programmed_by="nominal", resistors=8)
    target = np.full((4, 3), design.full_scale_siemens / 3)
    enabled = program(measured(design=design), target).enabled
    assert (enabled == enabled[0, 0]).all()


@pytest.mark.parametrize(
    ("target", "named"),
    [
        (np.zeros((3, 4)), r"target has shape \(3, 4\), the chip \(4, 3\)"),
        (np.full((4, 3), 2e-5), r"target\[0, 0\] = 2e-05 S"),
        (np.full((4, 3), np.nan), r"target\[0, 0\] = nan S"),
        (np.full((4, 3), 1e-6j), "target has type complex"),
    ],
)
def test_a_bad_target_is_refused(target, named):
    with pytest.raises(InputError, match=named):
        program(measured(), target)


@pytest.mark.parametrize(
    ("weights", "named"),
    [
        ([[1.0, np.nan]], r"weights\[0, 1\] = nan"),
        ([[1.0, np.inf]], r"weights\[0, 1\] = inf"),
        ([1.0, 2.0], r"weights have shape \(2,\)"),
        (np.zeros((0, 3)), r"weights have shape \(0, 3\)"),
        (np.zeros((2, 3)), "weights are all zero"),
        ([["a"]], "weights have type"),
        ([[1.0, 2.0], [3.0]], "weights are ragged"),
        ([[1j]], "weights have type complex"),
        (np.ma.masked_less([[1.0, -2.0]], 0), r"weights are masked: give weights.filled\(0\)"),
    ],
)
def test_bad_weights_are_refused(weights, named):
    with pytest.raises(InputError, match=named):
        target_siemens(DESIGN, weights)


def test_the_weights_of_a_torch_layer_are_taken_as_they_stand():
    torch = pytest.importorskip("torch")
    weight = torch.nn.Linear(3, 2).weight
    assert np.array_equal(checked_weights(weight), weight.detach().numpy().astype(float))


@pytest.mark.parametrize("error", [-0.1, np.nan, 0.5])
def test_a_bad_measurement_error_is_refused(error):
    with pytest.raises(InputError, match="measurement error"):
        measured(error=error)


def test_a_measurement_of_another_shape_is_refused():
    with pytest.raises(InputError, match="on_siemens has shape"):
        Measurement(DESIGN, np.ones((2, 2, 5)))
