"""Studies of networks on arrays: the table, its resumption, what is refused."""

import copy
import shutil
from collections import OrderedDict

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

import multiprocessing  # noqa: E402
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor  # noqa: E402
from dataclasses import replace  # noqa: E402

from crossbar import Design, InputError  # noqa: E402
from crossbar.datasets import load_dataset  # noqa: E402
from crossbar.folders import read_digital_accuracy  # noqa: E402
from crossbar.models.converters import Converters  # noqa: E402
from crossbar.models.lenet import build_model  # noqa: E402
from crossbar.models.rows import read_model_results  # noqa: E402
from crossbar.models.studies import ModelStudy, run_model_study  # noqa: E402
from crossbar.models.training import image_tensors  # noqa: E402
from crossbar.tables import NETWORK  # noqa: E402
from spice_models import Wires  # noqa: E402

STUDY = ModelStudy(design=Design(), resistors=(4, 8), chips=2, images=60)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


@pytest.fixture(scope="module")
def model(digits):
    return build_model("lenet-5-digits", digits.image_shape)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, digits, model):
    out = tmp_path_factory.mktemp("study") / "out"
    return out, run_model_study(STUDY, model, digits, out)


def test_a_table_holds_every_chip_setting_and_layer(finished):
    out, rows = finished
    assert read_model_results(out / "results.csv") == rows
    layers = ["conv1", "conv2", "fc1", "fc2", NETWORK]
    assert [row.layer for row in rows] == layers * (2 * 2 * 4)
    settings = {(row.resistors_per_weight, row.chip, row.wires, row.converter_bits) for row in rows}
    assert len(settings) == 16
    assert {row.weights for row in rows if row.layer == "conv2"} == {8 * 4 * 9}
    assert all((row.flips is None) == (row.layer != NETWORK) for row in rows)
    *parts, network = rows[:5]
    for column in ("tiles", "resistors", "enabled_resistors", "weights", "kept_weights"):
        assert getattr(network, column) == sum(getattr(row, column) for row in parts)
    assert network.enabled_resistors < network.resistors == 4 * network.kept_weights
    assert network.weight_worst_bits == min(row.weight_worst_bits for row in parts)
    assert network.simulator_mismatch == max(row.simulator_mismatch for row in parts)


def test_the_digital_accuracy_is_that_of_the_same_images(finished, digits, model):
    out, _ = finished
    images, labels = image_tensors(digits, train=False)
    with torch.no_grad():
        right = (model(images[:60]).argmax(1) == labels[:60]).double().mean()
    assert read_digital_accuracy(out) == pytest.approx(100 * float(right), rel=1e-12)


def test_more_resistors_and_no_converters_are_better(finished):
    _, rows = finished
    network = [row for row in rows if row.layer == NETWORK]

    def bits(count, converters, wires="ideal"):
        setting = (count, converters, wires)
        return min(
            row.product_effective_bits
            for row in network
            if (row.resistors_per_weight, row.converter_bits, row.wires) == setting
        )

    assert bits(8, None) > bits(4, None) + 2
    assert bits(8, None) > bits(8, 8)
    assert bits(8, None) > bits(8, None, "real")


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"measurement_error": 1e-2},
        {"wires": Wires(9.0, 9.0)},
        {"images": 30},
        {"converters": Converters(dac_bits=5, adc_bits=5)},
    ],
)
def test_every_setting_counts_and_every_chip_is_another(finished, digits, model, tmp_path, change):
    first = [row for row in finished[1] if (row.resistors_per_weight, row.chip) == (4, 0)]
    second = [row for row in finished[1] if (row.resistors_per_weight, row.chip) == (4, 1)]
    assert [replace(row, chip=0) for row in second] != first
    changed = replace(STUDY, resistors=(4,), chips=1, **change)
    rows = run_model_study(changed, model, digits, tmp_path / "out")
    assert [row.product_effective_bits for row in rows] != [
        row.product_effective_bits for row in first
    ]


def test_processes_of_their_own_change_no_bit(finished, digits, model, tmp_path):
    """Those that are no forks have neither the model nor one thread: both come with the task."""
    study = replace(STUDY, resistors=(4,), chips=1)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        rows = run_model_study(study, model, digits, tmp_path / "out", executor=executor)
    chosen = [row for row in finished[1] if (row.resistors_per_weight, row.chip) == (4, 0)]
    assert rows == chosen


def test_a_stopped_study_goes_on_and_workers_change_nothing(finished, digits, model, tmp_path):
    out, rows = finished
    again = tmp_path / "again"

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_model_study(STUDY, model, digits, again, progress=stop)
    with ThreadPoolExecutor(2) as executor:
        assert run_model_study(STUDY, model, digits, again, executor=executor) == rows
    assert (again / "results.csv").read_bytes() == (out / "results.csv").read_bytes()
    assert (again / "run.json").read_bytes() == (out / "run.json").read_bytes()


def test_a_folder_of_another_network_is_refused(finished, digits):
    out, _ = finished
    other = build_model("lenet-5-digits", digits.image_shape, seed=1)
    with pytest.raises(InputError, match="model_sha256"):
        run_model_study(STUDY, other, digits, out)


def test_the_same_weights_in_another_forward_pass_are_another_network(finished, digits, model):
    out, _ = finished
    named = copy.deepcopy(model)
    named.relu1 = torch.nn.Tanh()  # another text
    silent = copy.deepcopy(model)
    silent.forward = lambda images: -torch.nn.Sequential.forward(silent, images)  # the same text
    for other, said in ((named, "architecture_sha256"), (silent, "predicted_labels_sha256")):
        with pytest.raises(InputError, match=f"another study .{said}"):
            run_model_study(STUDY, other, digits, out)


def test_an_unreadable_table_names_the_command_that_makes_it(finished, digits, model, tmp_path):
    shutil.copytree(finished[0], tmp_path / "out")
    (tmp_path / "out/results.csv").unlink()
    (tmp_path / "out/results.csv").mkdir()
    with pytest.raises(InputError, match="'crossbar lenets'"):
        run_model_study(STUDY, model, digits, tmp_path / "out")


def test_a_layer_called_as_the_whole_is_refused(digits, tmp_path):
    layers = {"flat": torch.nn.Flatten(), "network": torch.nn.Linear(64, 10)}
    model = torch.nn.Sequential(OrderedDict(layers))
    with pytest.raises(InputError, match="^layer = 'network': .* rename it$"):
        run_model_study(STUDY, model, digits, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("field", ["logit_error_percent", "flips", "accuracy_percent"])
def test_what_is_of_the_network_stands_on_its_lines_only(finished, field):
    layer, network = finished[1][0], finished[1][4]
    for row, value in ((layer, 1), (network, None)):
        with pytest.raises(InputError, match=f"{field} = {value}: is for network lines only"):
            replace(row, **{field: value})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"resistors": ()}, "resistors"),
        ({"resistors": (8, 8)}, "resistors"),
        ({"resistors": (1,)}, "resistors = 1"),
        ({"chips": 0}, "chips = 0"),
        ({"images": 0}, "images = 0"),
        ({"simulator": "ideal"}, "simulator = 'ideal'"),
    ],
)
def test_bad_settings_are_refused_at_once(change, said):
    with pytest.raises(InputError, match=said):
        ModelStudy(**change)


def test_a_network_for_other_images_is_refused(digits, tmp_path):
    with pytest.raises(InputError, match="does not take images of shape"):
        run_model_study(STUDY, build_model("lenet-5", (1, 28, 28)), digits, tmp_path / "out")


def test_wire_aware_chips_have_more_bits_with_real_wires_only(digits, model, tmp_path):
    wires = Wires(20.0, 20.0, 20.0, 20.0)
    plain = replace(STUDY, resistors=(8,), chips=1, images=20, wires=wires)
    bits = {}
    for aware in (False, True):
        study = replace(plain, wire_aware=aware)
        rows = run_model_study(study, model, digits, tmp_path / str(aware))
        bits[aware] = {
            (row.wires, row.layer): row.product_effective_bits
            for row in rows
            if row.converter_bits is None
        }
    for (kind, layer), before in bits[False].items():
        gained = bits[True][kind, layer] - before
        assert gained == 0 or kind != "ideal", layer
        if kind != "ideal" and layer in ("fc1", NETWORK):  # conv1 has 9 short lines
            assert gained > 1, layer
    # a table from before there was wire-aware programming goes on
    assert "wire_aware" not in (tmp_path / "False" / "run.json").read_text()
    assert "wire_aware" in (tmp_path / "True" / "run.json").read_text()
