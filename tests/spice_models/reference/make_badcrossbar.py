"""Make badcrossbar.npz, currents of small arrays by another simulator.

Run once, in an environment with badcrossbar (https://github.com/joksas/badcrossbar, MIT)::

    pip install badcrossbar==1.1.0
    python make_badcrossbar.py

badcrossbar knows one resistance for all word-line segments, the one before the first cell
included, and one for all bit-line segments, the one after the last cell included. So its word
segment is our driver and its bit segment our sense resistance.
"""

from pathlib import Path

import badcrossbar
import numpy as np

CASES = (  # rows, lines, word segment [ohm], bit segment [ohm]
    (1, 1, 1.0, 1.0),
    (1, 6, 0.5, 2.0),
    (7, 1, 3.0, 0.1),
    (5, 4, 1.0, 1.0),
    (8, 12, 10.0, 0.3),
    (12, 8, 0.01, 100.0),
    (16, 16, 5.0, 5.0),
    (6, 5, 0.0, 2.0),
    (6, 5, 2.0, 0.0),
)
POINTS = 3


def main() -> None:
    """Write badcrossbar.npz beside this file."""
    random = np.random.default_rng(20240229)
    stored = {"wires": np.array([case[2:] for case in CASES])}
    for k, (rows, lines, word, bit) in enumerate(CASES):
        siemens = random.uniform(1e-6, 100e-6, (rows, lines))
        if k == 4:
            siemens[2, 3] = siemens[5, 11] = 0.0
        volts = random.uniform(-1.0, 1.0, (POINTS, rows))
        with np.errstate(divide="ignore"):
            ohm = 1 / siemens
        solution = badcrossbar.compute(volts.T, ohm, r_i_word_line=word, r_i_bit_line=bit)
        stored[f"siemens{k}"] = siemens
        stored[f"volts{k}"] = volts
        stored[f"currents{k}"] = np.asarray(solution.currents.output)
    np.savez_compressed(Path(__file__).with_name("badcrossbar.npz"), **stored)


if __name__ == "__main__":
    main()
