"""Checkpoints of a training: weights, masks, optimiser, random numbers and epoch in safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from crossbar.errors import InputError
from crossbar.models.model_files import read_tensors, write_tensors
from crossbar.models.pruning import restore_masks

MODEL, OPTIMIZER, RANDOM = "model/", "optimizer/", "random"
EPOCH, IDENTITY = "epoch", "identity"
State = tuple[dict[str, Tensor], dict[str, Any]]


def checkpoint_path(out: Path) -> Path:
    """Where the checkpoint of a training stands that will write `out`."""
    return out.with_name(f"{out.stem}.checkpoint.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """The file that a training goes on from.

    Parameters
    ----------
    path : Path
        The file, which need not exist.
    identity : mapping
        What the training's result follows from; a checkpoint of anything else is refused.
    """

    path: Path
    identity: Mapping[str, Any]

    def write(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        generator: torch.Generator,
        epoch: int,
    ) -> None:
        """Write the file whole, or leave the one before."""
        tensors = {MODEL + name: value.contiguous() for name, value in model.state_dict().items()}
        for name, parameter in model.named_parameters():
            for key, value in optimizer.state[parameter].items():
                tensors[f"{OPTIMIZER}{name}/{key}"] = value
        tensors[RANDOM] = generator.get_state()
        write_tensors(self.path, tensors, {IDENTITY: self.identity, EPOCH: epoch})

    def read(self) -> State | None:
        """Read the file; None when there is none.

        Raises
        ------
        InputError
            For a file that is no checkpoint, or one of another training.
        """
        if not self.path.exists():
            return None
        tensors, about = read_tensors(self.path, "checkpoint")
        if IDENTITY not in about or EPOCH not in about or RANDOM not in tensors:
            raise InputError(f"checkpoint = {self.path}: is no checkpoint; move it away")
        differing = [
            key for key, value in self.identity.items() if about[IDENTITY].get(key) != value
        ]
        if differing:
            raise InputError(
                f"checkpoint = {self.path}: is of another training (other {', '.join(differing)}); "
                "delete it, or give another --out"
            )
        return tensors, about

    def model_state(self, stored: State) -> dict[str, Tensor]:
        """Return the model's state in the checkpoint, masks included."""
        return {
            name.removeprefix(MODEL): value
            for name, value in stored[0].items()
            if name.startswith(MODEL)
        }

    def restore_model(self, model: nn.Module, stored: State) -> None:
        """Give a fresh model the masks and weights of the checkpoint."""
        state = self.model_state(stored)
        restore_masks(model, state)
        model.load_state_dict(state)

    def restore_state(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        generator: torch.Generator,
        stored: State,
    ) -> int:
        """Give optimiser and generator their state back, and return the epochs done."""
        tensors, about = stored
        for name, parameter in model.named_parameters():
            prefix = f"{OPTIMIZER}{name}/"
            optimizer.state[parameter] = {
                key.removeprefix(prefix): value
                for key, value in tensors.items()
                if key.startswith(prefix)
            }
        generator.set_state(tensors[RANDOM])
        return int(about[EPOCH])
