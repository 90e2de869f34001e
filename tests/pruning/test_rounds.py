"""Pruning in rounds: masks grow, tickets start from where they should, runs go on when stopped."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from crossbar import InputError
from crossbar.models.lenet import build_model
from crossbar.models.model_files import read_tensors
from crossbar.models.pruning import matrix_layers, plain_state
from crossbar.models.training import Training, accuracy_on, train
from crossbar.pruning import (
    Fitting,
    edge_popup,
    fine_tune,
    iterative_magnitude,
    lottery_ticket,
    magnitude,
    reinitialized,
)
from crossbar.pruning.rounds import Rounds, prune_in_rounds

TRAINING = Training(lr=5e-3, batch=50)
TINY = torch.nn.Linear(4, 4)


def zeros(model):
    return {path: layer.weight.detach() == 0 for path, layer in matrix_layers(model).items()}


def same(model, other):
    first, second = plain_state(model), plain_state(other)
    return all(torch.equal(first[name], second[name]) for name in first)


class Recorded:
    """A training that notes what it was given, then pushes each weight off by a fixed amount."""

    def __init__(self, stop=None):
        self.given = []
        self.stop = stop

    def __call__(self, model, epochs):
        if self.stop is not None and len(self.given) == self.stop:
            raise KeyboardInterrupt
        self.given.append((plain_state(model), epochs))
        generator = torch.Generator().manual_seed(len(plain_state(model)) + epochs)
        with torch.no_grad():
            for value in model.parameters():
                value += 0.1 * torch.randn(value.shape, generator=generator)


def test_tickets_start_each_round_from_the_first_weights(lenet):
    fit = Recorded()
    keeps = [0.8, 0.64, 0.5]
    made = list(prune_in_rounds(lenet, keeps, fit, Rounds(3, "rewound")))
    assert [round(one.size().kept_fraction, 2) for one in made] == [1.0, *keeps]
    first = plain_state(lenet)
    for (given, epochs), one in zip(fit.given, made, strict=True):
        assert epochs == 3
        for path, gone in zeros(one.model).items():
            assert torch.equal(given[f"{path}.weight"], first[f"{path}.weight"] * ~gone)
            assert torch.equal(given[f"{path}.bias"], first[f"{path}.bias"])
    for before, after in pairwise(made):
        for path, gone in zeros(before.model).items():
            assert (gone <= zeros(after.model)[path]).all()
            kept = ~zeros(after.model)[path]
            trained = matrix_layers(before.model)[path].weight.detach().abs()
            assert kept.any()
            assert not trained[kept].eq(0).any()


def test_the_output_layer_can_be_pruned_at_half_the_rate(lenet):
    rounds = Rounds(1, "rewound", scope="layer", output_rate=0.5)
    keeps = [0.8, 0.64]
    *_, last = prune_in_rounds(lenet, keeps, Recorded(), rounds)
    kept = {path: float((~gone).float().mean()) for path, gone in zeros(last.model).items()}
    *others, output = kept.values()
    counts = [layer.weight.numel() for layer in matrix_layers(lenet).values()]
    for one, count in zip(others, counts, strict=False):
        assert one == pytest.approx(0.64, abs=0.51 / count)  # a whole number of weights
    assert output == pytest.approx(0.9 * 0.9, abs=0.51 / counts[-1])
    assert rounds.output_keep(keeps) == pytest.approx(0.81, rel=1e-12)
    short = lottery_ticket(
        lenet, 0.64, Recorded(), epochs=1, rate=0.2, scope="layer", output_rate=0.5
    )
    assert all(
        torch.equal(one, zeros(short.model)[path]) for path, one in zeros(last.model).items()
    )


def test_an_output_rate_of_one_keeps_folders_valid(lenet, tmp_path):
    list(prune_in_rounds(lenet, [0.5], Recorded(), Rounds(1, scope="layer"), tmp_path))
    _, about = read_tensors(tmp_path / "round-01.safetensors", "network")
    assert "output_rate" not in about["identity"]["rounds"]
    rounds = Rounds(1, scope="layer", output_rate=0.5)
    with pytest.raises(InputError, match="of another run"):
        list(prune_in_rounds(lenet, [0.5], Recorded(), rounds, tmp_path))


def test_tickets_can_start_from_an_early_epoch(lenet):
    fit = Recorded()
    list(prune_in_rounds(lenet, [0.5], fit, Rounds(3, "rewound", rewind_epochs=1)))
    assert [epochs for _, epochs in fit.given] == [1, 3, 3]
    early, ticket = fit.given[1][0], fit.given[2][0]
    assert not torch.equal(early["fc1.weight"], plain_state(lenet)["fc1.weight"])
    kept = ticket["fc1.weight"] != 0
    assert torch.equal(ticket["fc1.weight"][kept], early["fc1.weight"][kept])


def test_iterative_pruning_goes_on_from_the_trained_weights(lenet):
    fit = Recorded()
    made = list(prune_in_rounds(lenet, [0.8, 0.5], fit, Rounds(3)))
    for one, (given, _) in zip(made, fit.given[1:], strict=False):
        kept = given["fc1.weight"] != 0
        assert torch.equal(given["fc1.weight"][kept], one.model.fc1.weight.detach()[kept])
    last = iterative_magnitude(lenet, 0.5, Recorded(), epochs=3, rate=0.5)
    assert last.size().kept_fraction == pytest.approx(0.5, abs=1e-3)


def test_the_control_has_the_ticket_s_mask_and_other_weights(lenet):
    ticket = lottery_ticket(lenet, 0.5, Recorded(), epochs=1)
    fit = Recorded()
    state = torch.get_rng_state()
    control = reinitialized(ticket.model, 1, fit, 2)
    assert torch.equal(state, torch.get_rng_state())
    assert zeros(control.model)["fc1"].equal(zeros(ticket.model)["fc1"])
    fresh = build_model("lenet-5-digits", (1, 8, 8), seed=1)
    kept = ~zeros(ticket.model)["fc1"]
    assert torch.equal(fit.given[0][0]["fc1.weight"], fresh.fc1.weight.detach() * kept)


@pytest.mark.parametrize("stop", [0, 1, 2, 3])
def test_stopped_rounds_go_on_and_end_the_same(lenet, tmp_path, stop):
    rounds = Rounds(2, "rewound", rewind_epochs=1)
    whole = list(prune_in_rounds(lenet, [0.8, 0.5], Recorded(), rounds))
    with pytest.raises(KeyboardInterrupt):
        list(prune_in_rounds(lenet, [0.8, 0.5], Recorded(stop), rounds, tmp_path))
    fit = Recorded()
    again = list(prune_in_rounds(lenet, [0.8, 0.5], fit, rounds, tmp_path))
    assert len(fit.given) == 4 - stop
    assert all(same(one.model, other.model) for one, other in zip(whole, again, strict=True))
    longer = Recorded()
    assert len(list(prune_in_rounds(lenet, [0.8, 0.5, 0.3], longer, rounds, tmp_path))) == 4
    assert len(longer.given) == 1
    with pytest.raises(InputError, match="is of another run; name another folder"):
        list(prune_in_rounds(lenet, [0.7, 0.5], fit, rounds, tmp_path))


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: Rounds(0), "epochs = 0"),
        (lambda: Rounds(1, "old"), "weights = 'old'"),
        (lambda: Rounds(1, rewind_epochs=-1), "epochs = -1"),
        (lambda: reinitialized(TINY, 1.5, None, 1), "seed = 1.5"),
        (lambda: edge_popup(TINY, 0.5, None, epochs=0, seed=1.5), "seed = 1.5"),
        (lambda: edge_popup(TINY, 0.5, None, epochs=0, seed=-1), "seed = -1"),
        (lambda: Rounds(1, scope="layer", output_rate=0), "output_rate = 0"),
        (lambda: Rounds(1, output_rate=0.5), "output_rate = 0.5: is for scope 'layer'"),
        (lambda: Rounds(1, scope="all"), "scope = 'all'"),
    ],
)
def test_bad_rounds_are_refused(make, said):
    with pytest.raises(InputError, match=said):
        make()


def test_rounds_that_do_not_prune_more_are_refused_before_any_training(lenet):
    fit = Recorded()
    for keeps in ([0.5, 0.5], [0.5, 0.8], [0.5, 0.0]):
        with pytest.raises(InputError, match="^keep"):
            list(prune_in_rounds(lenet, keeps, fit, Rounds(1)))
    assert not fit.given


def test_the_ready_training_is_that_of_the_train_command(few, lenet, tmp_path):
    made = train("lenet-5-digits", few, tmp_path / "a.safetensors", replace(TRAINING, epochs=2))
    assert same(fine_tune(lenet, Fitting(few, TRAINING), 2), made.module)


def stop_in(epoch):
    def progress(done, total, accuracy):
        if done > epoch:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("family", ["magnitude", "popup"])
def test_a_stopped_training_goes_on_and_ends_with_the_same_bytes(few, lenet, tmp_path, family):
    def run(fit):
        if family == "popup":
            return edge_popup(lenet, 0.5, fit, epochs=4).model
        return fine_tune(magnitude(lenet, 0.4).model, fit, 4)

    whole = run(Fitting(few, TRAINING))
    path = tmp_path / "a.checkpoint.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run(Fitting(few, TRAINING, path, stop_in(2.5)))
    with pytest.raises(InputError, match="is of another training"):
        run(Fitting(few, replace(TRAINING, lr=0.1), path))
    seen = []
    again = run(Fitting(few, TRAINING, path, lambda done, *_: seen.append(done)))
    assert seen[0] == 2
    assert not path.exists()
    assert same(whole, again)


def test_layers_that_draw_numbers_end_with_the_same_bytes_too(few, tmp_path):
    """Dropout draws from torch's global generator, which the training leaves as it was."""
    layers = (torch.nn.Linear(64, 20), torch.nn.Dropout(0.5), torch.nn.Linear(20, 10))
    model = torch.nn.Sequential(torch.nn.Flatten(), *layers)
    state = torch.get_rng_state()
    whole = fine_tune(model, Fitting(few, TRAINING), 3)
    assert torch.equal(state, torch.get_rng_state())
    torch.rand(7)
    path = tmp_path / "a.checkpoint.safetensors"
    with pytest.raises(KeyboardInterrupt):
        fine_tune(model, Fitting(few, TRAINING, path, stop_in(1.5)), 3)
    assert same(whole, fine_tune(model, Fitting(few, TRAINING, path), 3))
    other = fine_tune(model, Fitting(few, replace(TRAINING, seed=1)), 3)
    assert not same(whole, other)


def test_edge_popup_learns_the_digits_without_training_a_weight(digits):
    model = build_model("lenet-300-100", (1, 8, 8))
    fit = Fitting(digits, Training(lr=2e-2, batch=50))
    before = accuracy_on(edge_popup(model, 0.5, fit, epochs=0).model, digits)
    after = accuracy_on(edge_popup(model, 0.5, fit, epochs=3).model, digits)
    assert before < 30
    assert after > 80
