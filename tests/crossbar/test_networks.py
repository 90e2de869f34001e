import numpy as np
import pytest

from crossbar import Design, InputError, Wires
from crossbar.datasets import load_dataset
from crossbar.evaluation import Setting, analog_layer
from crossbar.networks import Layer, Network, load_network
from crossbar.simulation import Tile


def setting(simulator="ideal", wires=None, measurement_error=0.0):
    return Setting(
        network=load_network("digits"),
        dataset=load_dataset("digits"),
        seed=1,
        measurement_error=measurement_error,
        simulator=simulator,
        method="auto",
        wires=wires or Wires(),
        tile=Tile(),
    )


@pytest.mark.parametrize("simulator", ["ideal", "ngspice"])
def test_with_many_resistors_and_ideal_wires_every_image_gets_the_digital_label(simulator):
    common = setting(simulator, Wires.ideal())
    design = Design(resistors=20)
    layers = [
        analog_layer(common, design, 0, number) for number in range(len(common.network.layers))
    ]
    inputs = common.dataset.test_inputs
    digital = common.network.activations(inputs)[-1]
    analog = common.network.activations(inputs, [layer.product for layer in layers])[-1]
    assert np.array_equal(analog.argmax(axis=1), digital.argmax(axis=1))
    assert np.abs(analog - digital).max() < 1e-3 * np.ptp(digital)


def test_hidden_layers_rectify_and_the_last_does_not():
    network = Network(
        (
            Layer(np.array([[1.0], [-1.0]]), np.array([0.0, 0.5])),
            Layer(np.array([[-1.0, -1.0]]), np.array([0.25])),
        )
    )
    seen = network.activations([[2.0], [-2.0]])
    assert seen[1].tolist() == [[2.0, 0.0], [0.0, 2.5]]
    assert seen[2].tolist() == [[-1.75], [-2.25]]


def test_the_split_is_fixed_and_no_image_is_in_both_parts():
    data = load_dataset("digits")
    assert data.train_inputs.shape == (1348, 64)
    assert data.test_inputs.shape == (449, 64)
    assert data.test_inputs.min() == 0
    assert data.test_inputs.max() == 1
    assert np.bincount(data.test_labels).min() >= 40


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("arrays", "named"),
    [
        ({"other": np.ones(3)}, "has no array weight_0"),
        ({"weight_0": np.ones((3, 2)), "bias0": np.ones(3)}, "array bias0 fits no layer"),
        ({"weight_0": np.ones((3, 2)), "weight_2": np.ones((1, 3))}, "weight_2 fits no layer"),
        ({"weight_0": np.ones((3, 2)), "weight_1": np.ones((1, 4))}, "layer 1 has 3 outputs"),
        ({"weight_0": np.ones((3, 2)), "bias_0": np.ones(2)}, "layer 1: bias has shape"),
        ({"weight_0": np.array([[np.nan]])}, "layer 1: weights.0, 0. = nan"),
        ({"weight_0": np.ones((2, 2)), "bias_0": np.array([0, np.inf])}, "bias: every value"),
        ({"weight_0": np.ones(2)}, r"weights have shape \(2,\)"),
    ],
)
def test_a_bad_network_file_is_explained(tmp_path, arrays, named):
    with pytest.raises(InputError, match=named):
        load_network(save(tmp_path / "net.npz", **arrays))


def test_a_pickle_is_refused(tmp_path):
    path = save(tmp_path / "net.npz", weight_0=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="not a readable"):
        load_network(path)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "net.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a readable"):
        load_network(path)


def test_a_network_for_other_data_is_refused():
    network = Network((Layer(np.ones((10, 63)), np.zeros(10)),))
    with pytest.raises(InputError, match="takes 63 inputs"):
        Setting(
            **{
                **vars(setting()),
                "network": network,
            }
        )
