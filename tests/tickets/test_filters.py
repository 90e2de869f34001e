"""Whole filters dropped: what is left is a smaller convolution that runs, as the table says."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from crossbar.errors import InputError
from crossbar.tables import to_csv
from crossbar.tickets import filters, runs
from crossbar.tickets.filters import FILTERS, SHAPES, FilterRow, filter_rows, prune_filters
from crossbar.tickets.neurons import largest_dimensions
from crossbar.tickets.runs import run_filters


def kernel(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, shape)


def test_the_pruned_network_is_a_smaller_convolution_with_the_kernel_it_says():
    torch = pytest.importorskip("torch")
    ticket = prune_filters(kernel(2, 2, 1, 2), 14, seed=1)
    images = torch.rand(3, 2, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = ticket.network().double()(images)
    said = torch.nn.functional.conv2d(images, torch.from_numpy(ticket.kernel))
    # The two modules hold single precision: 2**-24 of some 40 products, each at most 1.
    assert torch.allclose(found, said, rtol=0, atol=40 * 2**-24)
    assert found.shape == (3, 2, 5, 5)
    edged = ticket.network(padding=1).double()(images)
    said_edged = torch.nn.functional.conv2d(images, torch.from_numpy(ticket.kernel), padding=1)
    assert torch.allclose(edged, said_edged, rtol=0, atol=40 * 2**-24)
    assert ticket.network()[0].out_channels == ticket.mask.sum() < 14
    patches = images[:, :, :1, :2].numpy()
    assert ticket.run(patches) == pytest.approx(said[:, :, 0, 0].numpy(), rel=1e-9, abs=1e-12)


def test_no_other_filters_do_better():
    ticket = prune_filters(kernel(1, 2, 1, 2), 8, seed=4)
    assert ticket.proven
    each = np.einsum("onhw,nc->nochw", ticket.second, ticket.first)
    errors = [
        np.abs(each[np.array(choice, bool)].sum(axis=0) - ticket.target).max()
        for choice in itertools.product([0, 1], repeat=8)
    ]
    assert ticket.error == pytest.approx(min(errors), rel=1e-9)


def test_rows_are_the_same_in_any_company_and_bound_the_outputs():
    (alone,) = filter_rows([(1, 2, 2)], [10], trials=3)
    among = {(row.d, row.n): row for row in filter_rows(SHAPES[:4], [8, 10], trials=3)}
    assert among[8, 10].median_error == alone.median_error
    assert (alone.kind, alone.outputs, alone.channels, alone.kernel) == (FILTERS, 1, 2, 2)
    for row in among.values():
        assert row.output_error <= row.worst_error * row.d / row.outputs


def test_the_error_of_an_output_is_the_largest_of_all_patches():
    """Of one weight it is its error times the brightest of 256 pixels."""
    (row,) = filter_rows([(1, 1, 1)], [6], trials=1)
    assert 0.95 * row.worst_error < row.output_error <= row.worst_error


def test_each_trial_draws_its_own_target_and_one_unproven_is_told(monkeypatch):
    drawn = []
    real = filters.prune_filters

    def recorded(target, n, **options):
        drawn.append(target)
        return replace(real(target, n, **options), proven=len(drawn) % 2 == 1)

    monkeypatch.setattr(filters, "prune_filters", recorded)
    rows = list(filter_rows([(1, 1, 1)], [4, 5], trials=2))
    assert len({float(target.item()) for target in drawn}) == 2 * 2
    assert [row.proven for row in rows] == [False, False]


def test_it_ends_where_there_are_too_many_weights():
    rows = list(filter_rows(SHAPES, [16], trials=3, seed=2))
    (reached,) = largest_dimensions(rows, 0.1).values()
    assert 1 <= reached < 25
    assert rows[-1].median_error > 0.2 > rows[0].median_error


def test_a_killed_run_computes_only_what_is_missing(tmp_path, monkeypatch):
    computed = []
    real = filters._row

    def killed(shape, n, *rest):
        if len(computed) == stop:
            raise KeyboardInterrupt
        computed.append((shape, n))
        return real(shape, n, *rest)

    monkeypatch.setattr(filters, "_row", killed)
    monkeypatch.setattr(runs, "save_figure", lambda *_: None)
    stop = 3
    with pytest.raises(KeyboardInterrupt):
        run_filters(tmp_path, [4, 5], trials=1)
    stop = -1
    rows = run_filters(tmp_path, [4, 5], trials=1)
    assert len(computed) == len(set(computed)) == len(rows) == 2 * len(SHAPES)
    at_once = filter_rows(SHAPES, [4, 5], trials=1)
    alike = [replace(one, seconds=row.seconds) for row, one in zip(rows, at_once, strict=True)]
    assert to_csv(rows, FilterRow) == to_csv(alike, FilterRow)
    with pytest.raises(InputError, match=r"settings.trials was 1, is 2"):
        run_filters(tmp_path, [4, 5], trials=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: prune_filters([[1.0]], 4), r"target has shape \(1, 1\)"),
        (lambda: prune_filters(kernel(1, 1, 1, 1), 0), "n = 0"),
        (lambda: prune_filters(kernel(1, 1, 1, 1), 1.5), "n = 1.5"),
        (lambda: list(filter_rows([(1, 1, 2), (4, 1, 1)], [4])), "4, 4"),
        (lambda: list(filter_rows([(1, 0, 2)], [4])), "shapes = "),
        (lambda: list(filter_rows([(1, 1, 1)], [4], trials=0)), "trials = 0"),
        (lambda: prune_filters(np.full((1, 1, 1, 1), 1e-9), 1).network(), "no filter stays"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
