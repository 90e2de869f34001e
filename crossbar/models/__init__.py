"""Bring your own model: PyTorch networks whose linear layers and convolutions are analog.

Only the names that need torch load it, and only when they are asked for.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from crossbar.models.converters import Converters
from crossbar.models.optional import require

if TYPE_CHECKING:
    from crossbar.models.comparison import compare as compare
    from crossbar.models.conversion import convert as convert
    from crossbar.models.conversion import digital_twin as digital_twin
    from crossbar.models.layers import AnalogConv1d as AnalogConv1d
    from crossbar.models.layers import AnalogConv2d as AnalogConv2d
    from crossbar.models.layers import AnalogLinear as AnalogLinear
    from crossbar.models.model_files import load_model as load_model
    from crossbar.models.onnx import load_onnx as load_onnx

__all__ = ["Converters"]

_WITH_TORCH = {
    "convert": "conversion",
    "digital_twin": "conversion",
    "AnalogConv1d": "layers",
    "AnalogConv2d": "layers",
    "AnalogLinear": "layers",
    "compare": "comparison",
    "load_model": "model_files",
    "load_onnx": "onnx",
}


def __getattr__(name: str) -> Any:
    if name not in _WITH_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("torch")
    return getattr(import_module(f"{__name__}.{_WITH_TORCH[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *(_WITH_TORCH if find_spec("torch") else ())})
