"""The strong-ticket table: published values, ours, and evidence for what explains them."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

pytest.importorskip("torch")

import solvers
from crossbar.errors import InputError
from crossbar.tables import read_table, to_csv
from crossbar.tickets import table_runs
from crossbar.tickets.constructions import CONSTRUCTIONS
from crossbar.tickets.experiments import TicketRow, WeightErrorRow
from crossbar.tickets.leeway import (
    LeewayRow,
    fewest_within,
    leeway_rows,
    published_draws,
    published_weights,
)
from crossbar.tickets.published import ComparisonRow, compare_da_cunha, compare_pensia, to_markdown
from crossbar.tickets.table_runs import COUNTS, compared_in, run_table


def ticket_row(name="plain sums", n=21, **changed):
    values = {
        **{"weights": 100, "random_per_weight": 21.0, "kept_per_weight": 9.8, "missed": 0},
        **{"network_kept_per_weight": 9.8, "unreachable": 0, "weight_error": 0.01},
        **{"relative_weight_error": 0.01, "target_percent": 98.0, "percent": 98.0, "flips": 3},
        **{"error": 0.1, "bound": 1.0, "seconds": 2.0},
    }
    return TicketRow(name=name, n=n, **(values | changed))


def leeway_row(tolerance, kept):
    return LeewayRow(tolerance, 1, 36, kept, 1e-6, 0.1)


def test_the_smallest_subset_within_a_tolerance_is_found():
    values = np.random.default_rng(1).uniform(-1, 1, 8)
    targets, tolerances = np.array([0.1, -0.4, 30.0]), [0.0, 0.02, 0.3]
    choices = np.array(list(itertools.product([0, 1], repeat=8)))
    found = fewest_within(values, targets, tolerances)
    for number, target in enumerate(targets):
        gaps = np.abs(choices @ values - target)
        for line, tolerance in enumerate(tolerances):
            within = gaps <= max(tolerance, gaps.min())
            assert found[line, number, 0] == choices[within].sum(axis=1).min()
            assert found[line, number, 1] <= max(tolerance, gaps.min()) + 1e-12


def test_every_target_has_its_closest_sum_even_where_only_another_has_one_nearby():
    found = fewest_within(np.array([1.0]), np.array([0.0, 0.6]), [0.0])
    assert found[0].tolist() == [[0.0, 0.0], [1.0, 0.4]]


def test_the_numbers_are_those_of_their_seed_and_their_log():
    """The first numbers of numpy's generator seeded with 1, over the range that the log shows."""
    share = (published_draws(2)[0, :2] + 0.464231551) / (0.540702164 + 0.464231551)
    assert share == pytest.approx([0.417022005, 0.720324493], abs=1e-8)
    assert published_draws(2).shape == (2, 21)
    (row,) = leeway_rows([0.0], rows=2)
    assert (row.sets, row.weights) == (2, 2 * 36)


def test_without_tolerance_it_is_the_closest_subset_that_the_solver_proves():
    weights = published_weights()
    (draws,) = published_draws(1)
    (row,) = leeway_rows([0.0], rows=1)
    solution = solvers.solve_batch(np.tile(draws, (len(weights), 1)), weights)
    assert row.kept_per_weight == np.count_nonzero(solution.mask) / len(weights)
    assert row.worst_error == pytest.approx(np.abs(solution.error).max(), rel=1e-6)


def test_a_tolerance_leaves_fewer_numbers():
    """What can explain the 9.39 that Gurobi kept: it lies between the first two."""
    exact, constraint, integer, eps = leeway_rows(rows=8)
    assert exact.kept_per_weight > constraint.kept_per_weight + 0.3
    assert constraint.kept_per_weight > integer.kept_per_weight + 1
    assert eps.kept_per_weight == 0  # each of these weights is within 0.01 of nothing at all
    assert constraint.worst_error <= max(exact.worst_error, 1e-6)


def test_wrong_tolerances_are_refused():
    with pytest.raises(InputError, match=r"tolerances: -1 is none"):
        list(leeway_rows([-1]))
    with pytest.raises(InputError, match=r"tolerances: nan is none"):
        list(leeway_rows([float("nan")]))
    with pytest.raises(InputError, match="rows = 501"):
        list(leeway_rows(rows=501))


def test_pensias_numbers_stand_beside_ours_with_the_evidence():
    rows = [ticket_row(), ticket_row(n=10)]
    found = compare_pensia("mnist", rows, [leeway_row(0.0, 9.8), leeway_row(1e-6, 9.0)])
    assert {row.n for row in found} == {21}
    published = {row.quantity: row for row in found}
    kept = published["numbers kept a weight"]
    assert kept.published == pytest.approx(9.385, rel=1e-3)
    assert kept.ours == 9.8
    assert "keeps 9.80, the smallest within 1e-6" in kept.explanation
    assert "theirs lies between" in kept.explanation
    assert "rules out the network" in kept.explanation
    assert published["accuracy, pruned [%]"].explanation.startswith("3 labels differ")
    assert published["time of the subset sums [s]"].published == 77_266


def test_what_the_evidence_does_not_say_is_not_said():
    rows, quantity = [ticket_row(kept_per_weight=10.0)], "numbers kept a weight"
    for exact, within in ((9.8, 9.5), (9.0, 8.0)):
        found = compare_pensia("mnist", rows, [leeway_row(0.0, exact), leeway_row(1e-6, within)])
        (kept,) = (row for row in found if row.quantity == quantity)
        assert "theirs does not lie between" in kept.explanation
        assert "rules out the network" not in kept.explanation


@pytest.mark.parametrize(
    ("errors", "inside"),
    [
        ((0.1, 0.6, 0.9), True),
        ((0.1, 0.2, 0.49), False),
        ((0.5101, 0.6, 0.9), True),
        ((0.1, 0.2, 0.5051), True),
        ((0.1, 0.2, 0.5049), False),
    ],
)
def test_a_published_error_is_inside_the_range_of_draws_or_not(errors, inside):
    draws = [WeightErrorRow("plain sums", 10, k, error, 0.1) for k, error in enumerate(errors)]
    accuracy, (row, last) = ticket_row(n=30), compare_da_cunha("mnist", [ticket_row(n=30)], draws)
    assert (row.published, row.low, row.high, row.draws) == (0.51, errors[0], errors[2], 3)
    assert row.ours == errors[1]
    assert ("lies in the range" in row.explanation) == inside
    assert (last.published, last.ours) == (98.99, accuracy.percent)
    assert compare_da_cunha("digits", [], draws) == []


def test_each_row_points_at_the_note_that_explains_it():
    errors = [WeightErrorRow(name, 10, 0, 0.4, 0.1) for name in ("plain sums", "da_cunha")]
    compared = compare_da_cunha("mnist", [ticket_row(n=30)], errors)
    plain, products, _ = (row.explanation for row in compared)
    assert "sums of plain numbers" in products
    assert "sums of plain numbers" not in plain
    text = to_markdown(compared, [], [])
    lines = [line for line in text.splitlines() if line.startswith("| da Cunha")]
    for line, row in zip(lines, compared, strict=True):
        assert f"\n{line.split(' | ')[-1].strip(' |')}. {row.explanation}\n" in text


def da_cunha_folder(out, name, rows, kind, settings=None):
    folder = out / name
    folder.mkdir()
    (folder / "results.csv").write_text(to_csv(rows, kind))
    if settings is not None:
        (folder / "run.json").write_text(json.dumps({"identity": {"settings": settings}}))
    return folder


def test_errors_and_accuracies_are_compared_each_by_itself(tmp_path):
    da_cunha_folder(tmp_path, "da-cunha-mnist", [ticket_row(n=30)], TicketRow)
    (accuracy,) = compared_in(tmp_path)
    assert (accuracy.quantity, accuracy.published) == ("accuracy, pruned [%]", 98.99)
    draws = [WeightErrorRow("plain sums", 10, 0, 0.4, 0.1)]
    da_cunha_folder(tmp_path, "da-cunha-fashion-mnist-errors", draws, WeightErrorRow)
    (tmp_path / "da-cunha-mnist.png").touch()
    assert [row.dataset for row in compared_in(tmp_path)] == ["fashion-mnist", "mnist"]


def test_a_share_of_the_test_images_is_told(tmp_path):
    rows = [ticket_row(n=30)]
    folder = da_cunha_folder(tmp_path, "da-cunha-mnist", rows, TicketRow, {"images": 1000})
    assert "ours of the first 1,000 test images only" in compared_in(tmp_path)[0].explanation
    (folder / "run.json").write_text('{"identity": {"settings": {"images": null}}}')
    assert "test images only" not in compared_in(tmp_path)[0].explanation
    (folder / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"run.json: not readable as settings"):
        compared_in(tmp_path)


def test_the_table_is_made_of_what_is_in_the_folder(tmp_path):
    folder = tmp_path / "pensia-mnist"
    folder.mkdir()
    (folder / "results.csv").write_text(to_csv([ticket_row()], TicketRow))
    made = run_table(tmp_path, sets=1, epochs=1)
    assert read_table(tmp_path / "strong-tickets.csv", ComparisonRow, "") == made.compared
    assert [row.key for row in made.constructions] == [
        (name, n) for name in CONSTRUCTIONS for n in COUNTS
    ]
    by = {row.key: row for row in made.constructions}
    for row in made.constructions:
        assert row.error <= row.bound
    assert by["pensia", 20].weight_error < by["malach", 20].weight_error / 10
    text = (tmp_path / "strong-tickets.md").read_text()
    assert text.count("| Pensia et al. 2020 |") == 4
    assert "| 9.385 | 9.8 |" in text
    assert text.count("| malach |") == len(COUNTS)
    assert text == to_markdown(made.compared, made.constructions, made.leeway)


def test_a_killed_table_measures_only_what_is_missing(tmp_path, monkeypatch):
    measured, scales = [], set()
    real = table_runs.measure

    def killed(name, ticket, *rest):
        if len(measured) == stop:
            raise KeyboardInterrupt
        measured.append((name, ticket.n))
        return real(name, ticket, *rest)

    def construction(construct):
        def built(target, n, *, scale, seed):
            largest = max(float(one.detach().abs().max()) for one in target.parameters())
            scales.add(scale / largest)
            return construct(target, n, scale=scale, seed=seed)

        return built

    monkeypatch.setattr(table_runs, "measure", killed)
    for name in CONSTRUCTIONS:
        monkeypatch.setitem(CONSTRUCTIONS, name, construction(CONSTRUCTIONS[name]))
    stop = 3
    with pytest.raises(KeyboardInterrupt):
        run_table(tmp_path, counts=(2, 3), sets=1, epochs=1)
    stop = -1
    made = run_table(tmp_path, counts=(2, 3), sets=1, epochs=1)
    assert len(measured) == len(CONSTRUCTIONS) * 2
    assert measured == [row.key for row in made.constructions]
    assert scales == {1.0}
    with pytest.raises(InputError, match=r"settings.sets was 1, is 2"):
        run_table(tmp_path, counts=(2, 3), sets=2, epochs=1)
