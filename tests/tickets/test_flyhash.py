"""The hash by an unprogrammed array: its resistors, its winners, its recall."""

from __future__ import annotations

import numpy as np
import pytest

from crossbar.datasets import load_dataset
from crossbar.errors import InputError
from crossbar.tickets.flyhash import (
    array_matrix,
    centred,
    flyhash_rows,
    recall,
    sparse_array,
    winner_codes,
)
from spice_models import Wires


def test_each_column_listens_to_its_share_of_the_rows():
    chip, program = sparse_array(50, 30, sampled=0.1, seed=3)
    assert (program.enabled.sum(axis=(0, 2)) == 5).all()
    assert program.enabled.any(axis=(1, 2)).all()  # no row is left out at 150 places of 50
    again = sparse_array(50, 30, sampled=0.1, seed=3)
    assert (again[0].true_ohm == chip.true_ohm).all()
    assert (again[1].enabled == program.enabled).all()


def test_the_ideal_array_is_its_closed_resistors():
    chip, program = sparse_array(10, 6, sampled=0.3)
    matrix = array_matrix(chip, program, "ideal")
    assert matrix == pytest.approx(chip.cell_siemens(program.enabled).T, rel=1e-9, abs=0)
    closed = program.enabled.any(axis=2).T
    assert (matrix[closed] > 1e3 * np.abs(matrix[~closed]).max()).all()


def test_wires_take_current_and_without_resistance_nothing():
    chip, program = sparse_array(16, 8)
    ideal = array_matrix(chip, program, "ideal")
    none = Wires(word_segment_ohm=0, bit_segment_ohm=0, driver_ohm=0, sense_ohm=0)
    closed = program.enabled.any(axis=2).T
    assert array_matrix(chip, program, "nodal", none)[closed] == pytest.approx(
        ideal[closed], rel=1e-9
    )
    assert (array_matrix(chip, program, "nodal", Wires())[closed] < ideal[closed]).all()


def test_the_largest_responses_win():
    codes = winner_codes(np.array([[1.0, 5.0, 3.0], [2.0, 2.0, 2.0]]), 2)
    assert codes.tolist() == [[False, True, True], [True, True, False]]
    with pytest.raises(InputError, match="winners = 4"):
        winner_codes(np.zeros((1, 3)), 4)


def test_recall_is_one_for_the_images_themselves_and_chance_for_nothing():
    points = np.random.default_rng(0).random((101, 4))
    assert recall(points, points, 0.1) == 1
    assert recall(points, np.zeros((101, 1)), 0.1) == pytest.approx(0.1, rel=1e-9)
    with pytest.raises(InputError, match="none is near"):
        recall(points, points, 1e-3)
    with pytest.raises(InputError, match="codes are of 3 points"):
        recall(points, points[:3])


def test_a_tie_counts_by_its_chance():
    points = np.array([[0.0], [1.0], [3.0], [9.0]])
    codes = np.array([[0], [1], [1], [1]])
    hits = [1 / 3, 0.5, 0.5, 0.5]  # of its 1 nearest, among 3, 2, 2, 2 that tie
    assert recall(points, codes, 0.34) == pytest.approx(np.mean([hits[0], 0, 0.5, 0.5]), rel=1e-9)


def test_the_unprogrammed_array_recalls_digits_better_than_bits_of_a_dense_projection():
    images = load_dataset("digits").test_inputs
    rows = {(row.name, row.length): row for row in flyhash_rows(images, [4, 16], trials=2)}
    assert len(rows) == 2 * 5
    for length in (4, 16):
        ideal, wires, signs = (
            rows[name, length].recall for name in ("array, ideal", "array, wires", "dense, signs")
        )
        assert ideal > 1.3 * signs
        assert rows["dense, as many bits", length].recall > signs
        assert wires == pytest.approx(ideal, rel=0.15)
    assert rows["array, ideal", 16].recall > rows["array, ideal", 4].recall > 0.05
    assert centred(images).mean(axis=1) == pytest.approx(0, abs=1e-12)


def test_wrong_input_is_refused():
    with pytest.raises(InputError, match="sampled = 0"):
        sparse_array(4, 4, sampled=0)
    with pytest.raises(InputError, match="lengths"):
        list(flyhash_rows(np.eye(60), [0]))
    for images in (np.ones(60), np.full((60, 3), np.nan)):
        with pytest.raises(InputError, match="images have shape"):
            list(flyhash_rows(images, [2]))
