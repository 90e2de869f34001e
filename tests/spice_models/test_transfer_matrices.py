"""Transfer matrices of many arrays: in order, on any executor, none solved twice."""

import os
import pickle
import signal
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import nullcontext
from multiprocessing import get_context

import numpy as np
import pytest

from spice_models import Array, CircuitError, Wires, nodal
from spice_models.kept import Kept, Solved, content


@pytest.fixture(autouse=True)
def nothing_kept():
    nodal.forget()
    yield
    nodal.forget()


@pytest.fixture
def solved(monkeypatch):
    """The arrays that were really solved, in order."""
    arrays = []
    original = nodal._solve_unit

    def counting(method, tolerance, array):
        arrays.append(array)
        return original(method, tolerance, array)

    monkeypatch.setattr(nodal, "_solve_unit", counting)
    return arrays


def tile(seed, rows=6, lines=4, wires=None):
    siemens = np.random.default_rng(seed).uniform(1e-6, 1e-4, (rows, lines))
    return Array.from_siemens(siemens, wires)


TILES = [tile(0), tile(1, 3, 9), tile(0), tile(2, wires=Wires(driver_ohm=np.arange(6.0)))]


def pools():
    yield None
    with ThreadPoolExecutor(3) as threads:
        yield threads
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        yield processes


def test_any_executor_gives_the_same_bits_in_order():
    wanted = [nodal.transfer_matrix(one, keep=False) for one in TILES]
    for executor in pools():
        nodal.forget()
        found = nodal.transfer_matrices(TILES, executor=executor)
        for one, other in zip(found, wanted, strict=True):
            assert not one.siemens.flags.writeable
            assert np.array_equal(one.siemens, other.siemens)
            assert one.mismatch == other.mismatch


def test_equal_arrays_are_solved_once_and_never_again(solved):
    seen = []
    nodal.transfer_matrices(TILES, progress=lambda *counts: seen.append(counts))
    assert len(solved) == 3
    assert seen[0] == (0, 4)
    assert seen[-1] == (4, 4)
    nodal.transfer_matrices(TILES)
    nodal.transfer_matrix(tile(0))
    many = nodal.product(tile(0), np.ones((4, 6)))
    assert many.currents == pytest.approx(
        np.ones((4, 6)) @ nodal.transfer_matrix(tile(0))[0].T, rel=1e-6, abs=0
    )
    assert len(solved) == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda: nodal.transfer_matrix(tile(0, wires=Wires(2.0))),
        lambda: nodal.transfer_matrix(tile(0), method="iterative"),
        lambda: nodal.transfer_matrix(tile(0), tolerance=1e-9),
        lambda: nodal.transfer_matrix(Array.from_siemens(tile(0).siemens * (1 + 1e-15))),
        lambda: nodal.transfer_matrix(Array.from_siemens(tile(0).siemens.reshape(4, 6))),
        lambda: nodal.transfer_matrix(tile(0), keep=False),
        lambda: nodal.transfer_matrices([tile(0)], keep=False),
        lambda: (nodal.forget(), nodal.transfer_matrix(tile(0))),
    ],
)
def test_another_question_is_solved_anew(change, solved):
    nodal.transfer_matrix(tile(0))
    change()
    assert len(solved) == 2


def test_what_is_not_to_be_kept_is_not(solved):
    nodal.transfer_matrix(tile(0), keep=False)
    nodal.transfer_matrices([tile(0)], keep=False)
    nodal.product(tile(0), np.ones((9, 6)), keep=False)
    nodal.transfer_matrix(tile(0))
    assert len(solved) == 4


def test_what_is_returned_cannot_be_changed():
    for keep in (True, False):
        with pytest.raises(ValueError, match="read-only"):
            nodal.transfer_matrix(tile(0), keep=keep).siemens[0, 0] = 0.0


def test_few_inputs_give_the_same_bits_whatever_is_kept():
    before = nodal.currents(tile(3), np.ones(6))
    nodal.transfer_matrix(tile(3))
    assert np.array_equal(nodal.currents(tile(3), np.ones(6)), before)


def test_layouts_in_memory_do_not_matter(solved):
    ohm = np.asfortranarray(np.full((4, 6, 2), 1e4))
    array = Array(ohm, np.ones(ohm.shape, dtype=bool))
    nodal.transfer_matrices([array, Array(ohm.copy("C"), array.enabled)])
    assert len(solved) == 1


def test_the_memory_is_bounded_and_the_last_used_stay():
    def one(size):
        return Solved(np.zeros(size // 8), 0.0, "direct")

    kept = Kept(100)
    kept.put("a", one(40))
    kept.put("b", one(40))
    assert kept.get("a") is not None
    kept.put("c", one(40))
    kept.put("too large", one(104))
    assert [key for key in ("a", "b", "c", "too large") if kept.get(key)] == ["a", "c"]
    kept.clear()
    kept.put("d", one(96))
    assert kept.get("d") is not None
    assert kept.get("a") is None


def test_a_key_holds_no_wires():
    wires = Wires(np.ones((64, 63)), np.ones((63, 64)))
    known = content(Array.from_siemens(np.full((64, 64), 1e-6), wires), "auto", 1e-10)
    assert len(pickle.dumps(known)) < 500
    assert known == content(Array.from_siemens(np.full((64, 64), 1e-6), Wires()), "auto", 1e-10)


def test_threads_share_what_is_kept():
    tiles = [tile(seed % 5) for seed in range(40)]
    wanted = [nodal.transfer_matrix(one, keep=False).siemens for one in tiles]
    with ThreadPoolExecutor(4) as executor:
        found = list(executor.map(nodal.transfer_matrix, tiles))
    assert all(np.array_equal(a.siemens, b) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("threads", [None, 2])
def test_a_bad_array_among_good_ones_is_an_error(threads):
    bad = tile(0, wires=Wires(word_segment_ohm=0.0))
    executor = ThreadPoolExecutor(threads) if threads else None
    with pytest.raises(CircuitError, match="segment of 0 ohm"):
        nodal.transfer_matrices([tile(0), bad], method="iterative", executor=executor)


@pytest.mark.parametrize("options", [{"method": "magic"}, {"tolerance": 0.0}])
def test_options_are_checked_before_anything(options, solved):
    with pytest.raises(CircuitError, match=next(iter(options))):
        nodal.transfer_matrices([tile(0)], **options)
    assert solved == []


def test_no_arrays_give_no_matrices():
    assert nodal.transfer_matrices([]) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
@pytest.mark.parametrize("held", [True, False])
def test_a_forked_process_does_not_wait_for_a_lock_of_its_parent(held):
    array = Array.from_siemens(np.full((2, 2), 1e-5))
    wanted = nodal.transfer_matrix(array).siemens
    with nodal._kept._lock if held else nullcontext():
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)
            os._exit(not np.array_equal(nodal.transfer_matrix(array).siemens, wanted))
    assert os.waitpid(pid, 0)[1] == 0
