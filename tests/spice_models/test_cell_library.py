"""A cell as a library: plain ngspice includes it and finds what the branches conduct."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from spice_models import CircuitError, Switch, cell_library, ngspice

OHM = [1e5, 2.2e5, 3.3e5, 5e5]
SWITCH = Switch(on_ohm=1e3, off_ohm=1e9)


def currents(library: Path, name: str, ports: int, states: list[int]) -> list[float]:
    """Of each bit line at 1 V on the word line, from a deck that includes the file."""
    given = " ".join(f"enabled{k}={state}" for k, state in enumerate(states))
    lines = " ".join(f"s{k}" for k in range(ports))
    deck = [
        "a user's own deck", f".include {library}", "Vin in 0 1", f"X1 in {lines} {name} {given}",
        *(f"Vs{k} s{k} 0 0" for k in range(ports)),
        ".options reltol=1e-9 abstol=1e-18", ".op", ".end",
    ]  # fmt: skip
    found = ngspice.run("\n".join(deck) + "\n")
    return [float(found[f"i(vs{k})"][0]) for k in range(ports)]


def branch(ohm: float, on: bool) -> float:
    return 1 / (ohm + (SWITCH.on_ohm if on else SWITCH.off_ohm))


@pytest.mark.parametrize("states", [[0, 0, 0, 0], [1, 0, 1, 1], [1, 1, 1, 1]])
def test_a_paired_cell_conducts_what_its_switches_say(states, tmp_path):
    lines = [(0,), (1,), (0,), (1,)]
    path = tmp_path / "cell.lib"
    path.write_text(cell_library(OHM, lines, SWITCH, name="paired_cell"))
    found = currents(path, "paired_cell", 2, states)
    for line in (0, 1):
        expected = sum(
            branch(ohm, bool(state))
            for ohm, ends, state in zip(OHM, lines, states, strict=True)
            if ends == (line,)
        )
        assert found[line] == pytest.approx(expected, rel=1e-9, abs=0)


def test_a_branch_of_two_lines_is_one_resistor_with_two_switches(tmp_path):
    path = tmp_path / "cell.lib"
    path.write_text(cell_library(OHM, [(0, 1)] * 4, SWITCH))
    states = [1, -1, 0, 1]
    found = np.array(currents(path, "cell", 2, states))
    expected = np.zeros(2)
    for ohm, state in zip(OHM, states, strict=True):
        arms = np.array([1 / (SWITCH.on_ohm if state == s else SWITCH.off_ohm) for s in (1, -1)])
        expected += arms / arms.sum() / (ohm + 1 / arms.sum())  # divided behind the resistor
    assert found == pytest.approx(expected, rel=1e-9, abs=0)


def test_one_line_alone_has_one_port(tmp_path):
    path = tmp_path / "cell.lib"
    path.write_text(cell_library(OHM[:1], [(0,)], Switch(on_ohm=1e3, off_ohm=np.inf)))
    assert currents(path, "cell", 1, [1]) == pytest.approx([1 / 101e3], rel=1e-9, abs=0)
    assert currents(path, "cell", 1, [0])[0] < 1e-29


def test_plain_ngspice_includes_it_without_a_word(tmp_path):
    path = tmp_path / "cell.lib"
    path.write_text(cell_library(OHM, [(0, 1)] * 4, SWITCH))
    deck = "own deck\n.include cell.lib\nVin in 0 1\nX1 in 0 0 cell enabled0=1\n.op\n.end\n"
    (tmp_path / "deck.cir").write_text(deck)
    done = subprocess.run(
        [ngspice.probe().path, "-b", "deck.cir"], cwd=tmp_path, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0
    assert "warning" not in (done.stdout + done.stderr).lower()
    assert "error" not in (done.stdout + done.stderr).lower()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ohm": [0.0]}, "no 0 ohm"),
        ({"switch": Switch(on_ohm=0)}, "no 0 ohm"),
        ({"lines": [(1, 0)]}, r"lines\[0\]"),
        ({"lines": []}, "give as many"),
        ({"name": "a b"}, "name"),
        ({"title": "two\nlines"}, "title"),
    ],
)
def test_what_is_no_cell_is_refused(change, told):
    given = {"ohm": [1e5], "lines": [(0,)], "switch": SWITCH} | change
    with pytest.raises(CircuitError, match=told):
        cell_library(**given)
