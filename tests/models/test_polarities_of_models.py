"""Models on arrays of offset, flip and steered cells."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import crossbar
from crossbar.models import compare
from crossbar.production import produce
from crossbar.pruning.counting import count, resistors_for

OTHERS = ("offset", "flip", "steered")
TILE = crossbar.Tile(8, 6)


def mlp():
    torch.manual_seed(0)
    layers = torch.nn.Linear(20, 12), torch.nn.ReLU(), torch.nn.Linear(12, 5)
    return torch.nn.Sequential(*layers).double()


def cell(polarity, **fields):
    return crossbar.Design(polarity=polarity, **{"resistors": 8, **fields})


@pytest.mark.parametrize("polarity", OTHERS)
def test_weights_are_those_of_the_numpy_path_bit_for_bit(polarity):
    model, design = mlp(), cell(polarity)
    analog = crossbar.convert(model, design, tile=TILE, seed=5)
    for index, path in enumerate(("0", "2")):
        weights = model.get_parameter(f"{path}.weight").detach().numpy()
        seed = np.random.SeedSequence(5, spawn_key=(0, index))
        made = produce(design, weights, seed, measurement_error=1e-5)
        found = crossbar.transfer(made.chip, made.program, crossbar.Wires(), tile=TILE)
        expected = found.siemens / made.siemens_per_weight
        assert (analog.get_buffer(f"{path}.weight").numpy() == expected).all()
        layer = analog.conversion.converted[index]
        reference = polarity == "offset"
        assert layer.resistors == 8 * weights.shape[1] * (weights.shape[0] + reference)
        assert layer.enabled == np.count_nonzero(made.program.enabled)
        assert layer.tiles == found.tiles


@pytest.mark.parametrize("polarity", OTHERS)
def test_converters_at_tiles_and_biases_on_a_line_work_as_with_pairs(polarity):
    model = mlp()
    images = torch.rand(30, 20, dtype=torch.float64)
    options = {"wires": crossbar.Wires.ideal(), "tile": TILE, "calibration": [images]}
    converters = crossbar.Converters(dac_bits=12, adc_bits=12, adc_at="tile")
    design = cell(polarity, resistors=10, ladder="guaranteed")
    analog = crossbar.convert(model, design, converters=converters, bias="word line", **options)
    with torch.no_grad():
        wanted, found = model(images), analog(images)
    # ten resistors give 7 bits and more, of which two layers and converters may lose some
    assert float((found - wanted).abs().max()) < 0.05 * float(wanted.abs().max())
    assert compare(model, analog, images).flips <= 3


def test_wires_of_a_wrong_shape_are_named_for_lines_of_one_a_column():
    wires = crossbar.Wires(sense_ohm=np.full(12, 1.0))
    with pytest.raises(crossbar.InputError, match=r"layer '0': wires.sense_ohm has shape \(12,\)"):
        crossbar.convert(mlp(), cell("offset"), wires=wires)
    fitting = crossbar.Wires(sense_ohm=np.full(13, 1.0))  # twelve outputs and the reference
    model = torch.nn.Sequential(torch.nn.Linear(20, 12).double())
    assert crossbar.convert(model, cell("offset"), wires=fitting).conversion.converted[0].tiles == 1


def test_resistors_are_counted_with_the_reference_and_steered_cells_take_fewest():
    ideal = {"ladder": "guaranteed", "tolerance": 0.1, "on_ohm": 0.0, "off_ohm": np.inf}
    needed = {p: resistors_for(8, cell(p, **ideal)) for p in ("paired", *OTHERS)}
    assert needed["steered"] < needed["paired"] == needed["offset"] == needed["flip"]
    with pytest.raises(crossbar.InputError, match="no number of resistors guarantees"):
        resistors_for(8, cell("steered"))
    sizes = {p: count(mlp(), 8, design=cell(p, **ideal)) for p in ("paired", "offset")}
    more = sizes["offset"].array_resistors - sizes["paired"].array_resistors
    assert more == (20 + 12) * needed["offset"]
