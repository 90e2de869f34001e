"""Networks in a folder, so that a run that was stopped does not make them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from crossbar.errors import InputError
from crossbar.models.model_files import read_tensors, write_tensors
from crossbar.models.pruning import plain_state
from crossbar.pruning.pruned import copied


@dataclass(frozen=True)
class KeptNetworks:
    """A folder of networks.

    Parameters
    ----------
    path : Path, optional
        The folder, made when needed; without it nothing is kept.
    identity : mapping
        What all networks in it follow from.
    """

    path: Path | None
    identity: Mapping[str, Any]

    def made(
        self,
        name: str,
        more: Mapping[str, Any],
        like: nn.Module,
        make: Callable[[], nn.Module],
    ) -> nn.Module:
        """Read a network, or make it and write it.

        Parameters
        ----------
        name : str
            Of the file.
        more : mapping
            What this network follows from besides.
        like : torch.nn.Module
            A network of the same shape.
        make : callable
            Makes it.

        Raises
        ------
        InputError
            For a file that is damaged or holds a network of another run.
        """
        if self.path is None:
            return make()
        file = self.path / f"{name}.safetensors"
        identity = {**self.identity, **more}
        if file.exists():
            tensors, about = read_tensors(file, "network")
            if about.get("identity") != identity:
                raise InputError(f"{file}: is of another run; name another folder")
            found = copied(like)
            found.load_state_dict(tensors)
            return found
        self.path.mkdir(parents=True, exist_ok=True)
        made = make()
        write_tensors(file, state_on_cpu(made), {"identity": identity})
        return made


def state_on_cpu(model: nn.Module) -> dict[str, Tensor]:
    """Return the state without masks, wherever the model is."""
    return {name: value.cpu() for name, value in plain_state(model).items()}
