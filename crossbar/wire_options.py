"""Wires and tiles on the command line, alike for all commands that place a chip on tiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from crossbar.errors import InputError

if TYPE_CHECKING:
    from crossbar.simulation import Tile
    from spice_models import Wires


def wire_options(of_chip: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Wires and tiles; `of_chip`: those that a chip was programmed for come before the defaults."""
    options: list[tuple[str, float, str]] = [
        ("--segment-ohm", 1.0, "Wire between cells."),
        ("--driver-ohm", 10.0, "Word-line driver."),
        ("--sense-ohm", 10.0, "Bit-line sense."),
        ("--tile-rows", 32, "Word lines of a tile."),
        ("--tile-lines", 32, "Bit lines of a tile."),
    ]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for name, value, text in reversed(options):
            shown = f"{value:g}, or a wire-aware chip's" if of_chip else True
            command = click.option(name, default=value, show_default=shown, help=text)(command)
        return command

    return decorate


def used(options: dict[str, Any], wire_aware: bool, scaling: str) -> dict[str, Any]:
    """The options of wires and tiles, or an InputError for one that programming has no use for."""
    context = click.get_current_context()
    for name in options:
        of_use = wire_aware or (scaling == "tile" and name.startswith("tile"))
        if not of_use and context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{option}: without --wire-aware wires are not looked at; drop it")
    return options


def recorded(options: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """The options, those not given as the chip was programmed for, where it knows its wires."""
    context = click.get_current_context()
    known = settings.get("wire_aware") or {}
    left = {
        name: value
        for name, value in known.items()
        if name in options and context.get_parameter_source(name) is ParameterSource.DEFAULT
    }
    return options | left


def wires_and_tile(options: dict[str, Any]) -> tuple[Wires, Tile]:
    """The wires and tiles that the options say."""
    from crossbar.simulation import Tile
    from spice_models import Wires
    from spice_models.checks import resistance

    names = ("segment_ohm", "segment_ohm", "driver_ohm", "sense_ohm")
    ohms = [resistance(f"--{name.replace('_', '-')}", options[name]) for name in names]
    return Wires(*ohms), Tile(options["tile_rows"], options["tile_lines"])
