from pathlib import Path

import numpy as np
import pytest

from spice_models import Array, Wires, nodal

REFERENCE = np.load(Path(__file__).parent / "reference" / "badcrossbar.npz")


@pytest.mark.parametrize("case", range(len(REFERENCE["wires"])))
def test_badcrossbar_gives_the_same_currents(case):
    word, bit = REFERENCE["wires"][case].tolist()
    array = Array.from_siemens(REFERENCE[f"siemens{case}"], Wires(word, bit, word, bit))
    wanted = REFERENCE[f"currents{case}"]
    assert np.isfinite(wanted).all()
    found = nodal.currents(array, REFERENCE[f"volts{case}"])
    # badcrossbar solves for node voltages, so it loses about (wire / cell conductance) x 1e-16,
    # at 0.01 ohm and 1 uS 1e-8 of a cell's own current, which is small against the peak.
    assert found == pytest.approx(wanted, rel=0, abs=1e-11 * np.abs(wanted).max())
