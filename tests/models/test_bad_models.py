"""Bad input to `crossbar.convert`: one line, before any array is made."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import crossbar
from crossbar import Converters, InputError
from crossbar.models import arrays

DESIGN = crossbar.Design(resistors=8)
BATCH = torch.rand(4, 6)


@pytest.fixture(autouse=True)
def only_a_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where anything but the single cell of the rehearsal is fabricated."""
    produce = arrays.produce

    def refuse_more(design: Any, weights: Any, *args: Any, **options: Any) -> Any:
        assert np.shape(weights) == (1, 1), "long work started"
        return produce(design, weights, *args, **options)

    monkeypatch.setattr(arrays, "produce", refuse_more)


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


def spoilt(value: float, name: str = "2.weight") -> nn.Sequential:
    model = small()
    with torch.no_grad():
        model.get_parameter(name).view(-1)[4 if "weight" in name else 1] = value
    return model


def zero() -> nn.Sequential:
    model = small()
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.weight.zero_()
    return model


def enlarge(layer: nn.Module) -> None:
    if isinstance(layer, nn.Linear):
        layer.weight.data.fill_(1e305)


def bad_norm() -> nn.Sequential:
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    model[1].running_var[1] = -1
    return model


def own_forward() -> nn.Module:
    layer = nn.Linear(2, 2)
    layer.forward = lambda values: values  # type: ignore[method-assign]
    return layer


def quantised() -> nn.Module:
    return torch.ao.nn.quantized.dynamic.Linear(4, 4)


MODELS = {
    "no module": (np.ones((2, 2)), "model is a ndarray"),
    "NaN": (spoilt(float("nan")), r"2\.weight\[0, 4\] = nan: every weight must be finite"),
    "infinite bias": (spoilt(float("inf"), "0.bias"), r"0\.bias\[1\] = inf"),
    "batch-norm": (bad_norm(), r"layer '0' with its batch-norm folded in: weight\[1, 0, 0, 0\]"),
    "zero": (zero(), "every weight of its layers is zero"),
    "nothing": (nn.Sequential(nn.ReLU(), nn.LSTM(2, 2)), "has no Linear or Conv2d layer"),
    "reasons": (
        nn.Sequential(own_forward(), nn.LSTM(2, 2)),
        r"can be analog: 0 \(Linear\): it has a forward method of its own; 1 \(LSTM\): only",
    ),
    "scripted": (torch.jit.script(small()), "model is a scripted module: give the Python one"),
    "traced": (torch.jit.trace(small(), BATCH), "model is a scripted module"),
    "lazy": (nn.Sequential(nn.LazyLinear(3)), r"0\.weight is not initialised yet"),
    "meta": (nn.Sequential(nn.Linear(2, 2, device="meta")), r"0\.weight is on the meta device"),
    "complex": (nn.Sequential(nn.Linear(2, 2).to(torch.cfloat)), "layer '0'.*complex64"),
    "quantised": (nn.Sequential(quantised()), "layer '0' is a quantised Linear"),
    "name": (nn.ModuleDict({"conversion": nn.Linear(2, 2)}), "model.conversion .*rename it"),
    "enormous": (small().double().apply(enlarge), "layer '0': weights of up to .*scale them"),
}


@pytest.mark.parametrize("model, message", MODELS.values(), ids=MODELS)
def test_bad_models(model: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        crossbar.convert(model, DESIGN)
    assert "\n" not in str(caught.value)


OPTIONS = {
    "design": ({"design": "stagger"}, "design is a str: give a crossbar.Design"),
    "tile": ({"tile": (8, 8)}, "tile is a tuple"),
    "wires": ({"wires": 1.0}, "wires is a float"),
    "simulator": ({"simulator": "spice"}, "simulator = 'spice': choose one of"),
    "method": ({"method": "magic"}, "method = 'magic': choose one of auto, "),
    "executor": ({"executor": 4}, "executor is a int: give a concurrent.futures.Executor"),
    "progress": ({"progress": True}, "progress is a bool: give a function"),
    "calibration": ({"converters": Converters(), "calibration": 3}, "calibration is a int: give"),
    "seed": ({"seed": -1}, "seed = -1: give a whole number, 0 or more"),
    "chip": ({"chip": 0.5}, "chip = 0.5"),
    "error": ({"measurement_error": 2.0}, "measurement error = 2.0"),
    "bias": ({"bias": "none"}, "bias = 'none': choose one of digital, word line"),
    "kinds": ({"kinds": ("Conv4d",)}, "kinds = 'Conv4d': choose from Linear, Conv1d, Conv2d"),
    "kinds text": ({"kinds": "Linear"}, "kinds = 'Linear': give a tuple"),
    "converters": ({"converters": 8, "calibration": [BATCH]}, "converters = 8: give a crossbar"),
    "no calibration": ({"converters": Converters()}, "converters without calibration"),
    "no converters": ({"calibration": [BATCH]}, "calibration without converters"),
    "wire arrays": (
        {"wires": crossbar.Wires(driver_ohm=[1.0, 2.0])},
        r"layer '0': wires.driver_ohm has shape \(2,\)",
    ),
}


@pytest.mark.parametrize("options, message", OPTIONS.values(), ids=OPTIONS)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        crossbar.convert(small(), **{"design": DESIGN, **options})


@pytest.mark.parametrize("kind", [nn.ConvTranspose2d, nn.Conv3d])
def test_an_unsupported_kind_is_named_with_its_path(kind: type[nn.Module]) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(kind(2, 2, 1)))
    name = kind.__name__
    with pytest.raises(InputError, match=rf"layer '1\.0' is a {name}: .*stays digital"):
        crossbar.convert(model, DESIGN, kinds=("Linear", name))


class TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Linear(6, 2), nn.Linear(6, 2)

    def forward(self, values: Tensor) -> Tensor:
        return self.used(values)


CALIBRATIONS = {
    "none": ([], "calibration has no batches"),
    "text": ([({"x": "a"},)], "calibration batch 0: give a tensor"),
    "dict": ([{"x": BATCH}], "calibration batch 0: give a tensor"),
    "labels": ([[BATCH, torch.ones(4)]], "calibration batch 0: give a tensor, .*images alone"),
    "shape": ([BATCH, torch.rand(4, 7)], r"batch 1 of shape \(4, 7\): fails in or after layer '0'"),
    "NaN": ([BATCH * float("nan")], "calibration batch 0: every value must be finite"),
}


@pytest.mark.parametrize("batches, message", CALIBRATIONS.values(), ids=CALIBRATIONS)
def test_bad_calibration(batches: list[Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        crossbar.convert(small(), DESIGN, converters=Converters(), calibration=batches)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"dac_bits": 0}, "dac_bits = 0: give a whole number from 1 to 24"),
        ({"adc_bits": 25}, "adc_bits = 25"),
        ({"adc_bits": 8.0}, "adc_bits = 8.0"),
        ({"dac_bits": None, "adc_bits": None}, "give one of them"),
        ({"adc_at": "column"}, "adc_at = 'column': choose one of tile, layer"),
        ({"percentile": 0}, "percentile = 0"),
        ({"percentile": float("nan")}, "percentile = nan"),
    ],
)
def test_bad_converters(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Converters(**options)


class TestAfterConversion:
    @pytest.fixture(autouse=True)
    def only_a_rehearsal(self) -> None:
        """Here arrays may be made."""

    def test_a_layer_that_calibration_does_not_reach_is_named(self) -> None:
        with pytest.raises(InputError, match="layer 'unused': no calibration batch reaches it"):
            crossbar.convert(TwoHeads(), DESIGN, converters=Converters(), calibration=[BATCH])

    def test_a_layer_that_sees_only_zeros_is_named(self) -> None:
        with pytest.raises(InputError, match="layer '0': sees nothing but zeros"):
            crossbar.convert(small(), DESIGN, converters=Converters(), calibration=[0 * BATCH])

    def test_a_layer_whose_sums_vanish_is_named(self) -> None:
        batch = torch.zeros(4, 6)
        batch[0, 0] = 1
        few = Converters(dac_bits=None, percentile=30)
        with pytest.raises(InputError, match="layer '0': .* nothing but zeros"):
            crossbar.convert(small(), DESIGN, converters=few, calibration=[batch])

    def test_inputs_of_a_wrong_shape_name_the_layer(self) -> None:
        model = crossbar.convert(nn.Sequential(nn.Conv2d(2, 2, 1), nn.Linear(6, 2)), DESIGN)
        with pytest.raises(InputError, match=r"layer '0': inputs have shape \(2, 3, 6, 6\)"):
            model(torch.rand(2, 3, 6, 6))
        with pytest.raises(InputError, match=r"layer '1': inputs .* give \(..., 6\)"):
            model(torch.rand(1, 2, 6, 5))


def test_without_torch_one_line_says_how_to_install_it() -> None:
    code = """
import sys
sys.modules["torch"] = None
import crossbar
try:
    crossbar.convert
except crossbar.InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'resistive-crossbar[torch]'" in done.stdout


def test_names_that_need_torch_are_listed_and_import_none_of_it() -> None:
    code = """
import sys
import crossbar, crossbar.models
print({"convert", "compare"} <= {*dir(crossbar)}, "load_onnx" in dir(crossbar.models))
print("torch" in sys.modules, crossbar.compare is crossbar.models.compare)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "False", "True"]
