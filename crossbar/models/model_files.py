"""Networks in files: safetensors with a description, and weights from elsewhere. No pickles run."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crossbar.errors import InputError
from crossbar.files import write_atomically
from crossbar.models.lenet import BUILDERS, ImageShape, build_model
from crossbar.models.optional import require
from crossbar.models.pruning import plain_state
from crossbar.models.structures import restructure

KEY = "crossbar"
"""The one key of the metadata: several would stand in any order, and the bytes would differ."""

CHECKSUM = "sha256"

LAYERS = "layers"
"""The detail that holds a `structures.Structure`, where layers are not the architecture's."""

TORCH_SUFFIXES = (".pt", ".pth", ".bin")
DEFAULT_SHAPES: dict[str, ImageShape] = {"lenet-5-digits": (1, 8, 8)}


@dataclass(frozen=True)
class About:
    """What a model file says of its network.

    Parameters
    ----------
    architecture : str
        A name that `lenet.build_model` knows.
    image_shape : tuple of int
        Channels, height and width of an image [pixels].
    classes : int
        Outputs.
    details : mapping
        What training adds: version, settings, dataset and its checksum, accuracy; empty for
        weights from elsewhere.
    """

    architecture: str
    image_shape: ImageShape
    classes: int
    details: Mapping[str, Any]


@dataclass(frozen=True)
class LoadedModel:
    """A network and what is known of it.

    Parameters
    ----------
    module : torch.nn.Sequential
        The network, ready to evaluate.
    about : About
        Its description.
    """

    module: nn.Sequential
    about: About


def save_model(path: str | Path, model: nn.Module, about: About) -> None:
    """Write a network to a ``.safetensors`` file, whole or not at all; masks become zeros.

    The same network and description give the same bytes.
    """
    write_tensors(Path(path), plain_state(model), asdict(about))


def write_tensors(path: Path, tensors: dict[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write named tensors, a description and a checksum to a ``.safetensors`` file, atomically."""
    from safetensors.torch import save

    described = json.dumps({**about, CHECKSUM: tensors_sha256(tensors)}, sort_keys=True)
    write_atomically(path, save(tensors, {KEY: described}))


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors: name, type, shape and bytes of each, in the order of the names."""
    digest = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().numpy().tobytes())
    return digest.hexdigest()


def read_tensors(path: Path, field: str = "model") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read named tensors and their description, empty where the file has none.

    Raises
    ------
    InputError
        For a missing library, a file that is missing, unreadable or no safetensors file, or
        tensors that are not those of the checksum in its description.
    """
    require("safetensors")
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise InputError(f"{field} = {path}: no such file; check the path")
    try:
        with safe_open(path, framework="pt") as file:
            about = dict(json.loads((file.metadata() or {}).get(KEY, "{}")))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if about and about.pop(CHECKSUM, None) != tensors_sha256(tensors):
            raise ValueError("its checksum does not fit")
        return tensors, about
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{field} = {path}: no safetensors file, or a damaged one ({_line(error)}); "
            "write it again"
        ) from None


def load_model(
    path: str | Path,
    architecture: str | None = None,
    *,
    image_shape: ImageShape | None = None,
    classes: int = 10,
) -> LoadedModel:
    """Read a network from a file.

    Parameters
    ----------
    path : str or Path
        ``.safetensors``: what `save_model` wrote, or named tensors from elsewhere; ``.npz``: named
        arrays, or ``weight_0``, ``bias_0``, ``weight_1``...; ``.pt``, ``.pth``, ``.bin``: a torch
        file, read with ``weights_only=True``, holding a state dict, alone or as ``state_dict``.
    architecture : str, optional
        A name that `lenet.build_model` knows; needed where the file does not say.
    image_shape : tuple of int, optional
        Channels, height and width of an image, where the file does not say; by default 28 x 28
        pixels of one channel, 8 x 8 for ``lenet-5-digits``.
    classes : int
        Outputs, where the file does not say.

    Returns
    -------
    LoadedModel
        The network in evaluation mode; of doubles where the file has doubles, else of 32-bit
        floats.

    Raises
    ------
    InputError
        For a missing or unreadable file, another kind of file, one that holds code, an unknown
        architecture, missing or unexpected names, wrong shapes, values that are not finite.
    """
    path = Path(path)
    state, described = _read_state(path)
    about = _about(path, described, architecture, image_shape, classes)
    module = build_model(about.architecture, about.image_shape, about.classes)
    restructure(module, about.details.get(LAYERS, {}))
    _fill(module, _by_position(state, module), path, about.architecture)
    return LoadedModel(module.eval(), about)


def _read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if path.suffix == ".safetensors":
        return read_tensors(path)
    if not path.is_file():
        raise InputError(f"model = {path}: no such file; check the path")
    if path.suffix == ".npz":
        return _read_npz(path), {}
    if path.suffix in TORCH_SUFFIXES:
        return _read_torch(path), {}
    known = ", ".join((".safetensors", ".npz", *TORCH_SUFFIXES))
    raise InputError(f"model = {path}: give a file that ends in one of {known}")


def _read_npz(path: Path) -> dict[str, Tensor]:
    try:
        with path.open("rb") as stream:
            file = np.load(stream, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")
            arrays = {name: file[name] for name in file.files if name != "meta"}
        return {name: torch.tensor(array) for name, array in arrays.items()}
    except Exception as error:  # a damaged file fails in any way
        raise InputError(
            f"model = {path}: no .npz file of plain arrays ({_line(error)}); write one with savez"
        ) from None


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles, which are refused in any case
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        raise InputError(
            f"model = {path}: holds more than weights, and is not run; save its state_dict()"
        ) from None
    except Exception as error:  # a damaged file fails in any way
        raise InputError(
            f"model = {path}: no torch file, or a damaged one ({_line(error)}); save it again"
        ) from None
    state = loaded.get("state_dict", loaded) if isinstance(loaded, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(f"model = {path}: holds no state dict; save model.state_dict()")
    return {str(name): value.detach() for name, value in state.items()}


def _about(
    path: Path,
    described: Mapping[str, Any],
    architecture: str | None,
    image_shape: ImageShape | None,
    classes: int,
) -> About:
    try:
        if described:
            shape = tuple(int(size) for size in described["image_shape"])
            channels, height, width = shape
            about = About(
                str(described["architecture"]),
                (channels, height, width),
                int(described["classes"]),
                dict(described["details"]),
            )
        elif architecture is not None:
            shape_of = image_shape or DEFAULT_SHAPES.get(architecture, (1, 28, 28))
            about = About(architecture, shape_of, classes, {})
        else:
            raise InputError(
                f"model = {path}: does not say which network it holds; "
                f"name it (--architecture): {', '.join(BUILDERS)}"
            )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"model = {path}: its description is no network's; it may be a checkpoint"
        ) from None
    if architecture is not None and architecture != about.architecture:
        raise InputError(f"model = {path}: is a {about.architecture}, not {architecture}")
    return about


def _by_position(state: dict[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Rename weight_0, bias_0, ... to the names of the layers in their order."""
    if not state or not all(re.fullmatch(r"(weight|bias)_\d+", name) for name in state):
        return state
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in module.state_dict()))
    names = {
        f"{kind}_{number}": f"{layer}.{kind}"
        for number, layer in enumerate(layers)
        for kind in ("weight", "bias")
    }
    return {names.get(name, name): value for name, value in state.items()}


def _fill(module: nn.Module, state: Mapping[str, Tensor], path: Path, architecture: str) -> None:
    wanted = module.state_dict()
    missing, surplus = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    if missing or surplus:
        found = [f"lacks {', '.join(missing)}"] if missing else []
        found += [f"has {', '.join(surplus[:6])} besides"] if surplus else []
        raise InputError(
            f"model = {path}: {' and '.join(found)}; {architecture} holds {', '.join(wanted)}"
        )
    for name, value in state.items():
        if value.shape != wanted[name].shape:
            raise InputError(
                f"model = {path}: {name} has shape {tuple(value.shape)}; {architecture} "
                f"needs {tuple(wanted[name].shape)}"
            )
        if not value.is_floating_point():
            raise InputError(f"model = {path}: {name} holds {value.dtype}; give real numbers")
        if not bool(torch.isfinite(value).all()):
            raise InputError(f"model = {path}: {name} holds NaN or infinity; train it again")
    if any(value.dtype == torch.float64 for value in state.values()):
        module.double()
    module.load_state_dict(state)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
