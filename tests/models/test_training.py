"""Training on the digits: it learns, prunes, and does not depend on interruptions or threads."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from crossbar import InputError  # noqa: E402
from crossbar.datasets import Dataset, load_dataset  # noqa: E402
from crossbar.models.checkpoints import checkpoint_path  # noqa: E402
from crossbar.models.lenet import build_model  # noqa: E402
from crossbar.models.model_files import load_model  # noqa: E402
from crossbar.models.pruning import (  # noqa: E402
    keep_zeros,
    matrix_layers,
    plain_state,
    prune_smallest,
    pruned_fraction,
)
from crossbar.models.training import (  # noqa: E402
    Training,
    accuracy_percent,
    image_tensors,
    logits,
    run_epoch,
    train,
)

NAME = "lenet-5-digits"
SHORT = Training(epochs=4, lr=5e-3, batch=50)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


@pytest.fixture(scope="module")
def few(digits):
    """A fifth of the digits, where it does not matter how well they are learnt."""
    return Dataset(
        "few digits",
        digits.train_inputs[:250],
        digits.train_labels[:250],
        digits.test_inputs[:50],
        digits.test_labels[:50],
        image_shape=(1, 8, 8),
    )


def stop_after(epochs):
    def progress(done, total, accuracy):
        if done > epochs:
            raise KeyboardInterrupt

    return progress


def test_it_learns_the_digits_and_says_how_well(digits, tmp_path):
    out = tmp_path / "a.safetensors"
    made = train(NAME, digits, out, Training(epochs=12, lr=1e-2))
    details = load_model(out).about.details
    test = image_tensors(digits, train=False)
    assert details["accuracy_percent"] == accuracy_percent(made.module, *test) > 85
    assert details["dataset_sha256"] == digits.checksum
    assert details["settings"] == {"epochs": 12, "batch": 60, "lr": 1e-2, "seed": 0, "prune": 0.0}
    assert not checkpoint_path(out).exists()


@pytest.mark.parametrize("prune", [0.0, 0.6])
@pytest.mark.parametrize("stop", [0.5, 1.5, 2.5, 3.99])
def test_a_run_that_was_stopped_ends_with_the_same_bytes(few, tmp_path, prune, stop):
    settings = dataclasses.replace(SHORT, prune=prune)
    whole, stopped = tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    train(NAME, few, whole, settings)
    with pytest.raises(KeyboardInterrupt):
        train(NAME, few, stopped, settings, progress=stop_after(stop))
    assert checkpoint_path(stopped).exists() == (stop > 1)
    seen = []
    train(NAME, few, stopped, settings, progress=lambda done, *_: seen.append(done))
    assert seen[:1] == ([int(stop)] if stop < 3 else [])  # the last one has only to write
    assert stopped.read_bytes() == whole.read_bytes()


def test_threads_change_no_bit_and_stay_as_they_were(few, tmp_path):
    threads = torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            train(NAME, few, tmp_path / f"{count}.safetensors", Training(epochs=1))
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    first, second = (tmp_path / f"{count}.safetensors" for count in (1, 2))
    assert first.read_bytes() == second.read_bytes()


def test_another_seed_is_another_network(few, tmp_path):
    made = [
        train(NAME, few, tmp_path / "a.safetensors", Training(epochs=1, seed=seed)).module
        for seed in (0, 1)
    ]
    assert not torch.equal(made[0].fc1.weight, made[1].fc1.weight)


def test_a_dense_network_is_pruned_and_fine_tuned(few, tmp_path):
    dense, out = tmp_path / "dense.safetensors", tmp_path / "pruned.safetensors"
    train(NAME, few, dense, Training(epochs=12, lr=5e-3))
    first = load_model(dense)
    pruned = train(NAME, few, out, dataclasses.replace(SHORT, prune=0.6), start=first)
    assert pruned.about.details["pruned_fraction"] == pytest.approx(0.6, abs=1e-3)
    before, after = plain_state(first.module), plain_state(load_model(out).module)
    weights = [name for name, value in before.items() if value.ndim > 1]
    magnitudes = torch.cat([before[name].abs().flatten() for name in weights])
    kept = torch.cat([after[name].flatten() for name in weights]) != 0
    assert magnitudes[kept].min() >= magnitudes[~kept].max()
    assert not any(np.signbit(after[name][after[name] == 0].numpy()).any() for name in weights)

    again = train(NAME, few, out, Training(epochs=1), start=load_model(out))
    assert all(
        torch.equal(after[name] == 0, value == 0)
        for name, value in plain_state(again.module).items()
        if value.ndim > 1
    )


def test_pruning_counts_what_is_zero_already():
    model = build_model(NAME, (1, 8, 8))
    prune_smallest(model, 0.3)
    with torch.no_grad():
        fresh = build_model(NAME, (1, 8, 8))
        fresh.load_state_dict(plain_state(model))
    keep_zeros(fresh)
    prune_smallest(fresh, 0.5)
    assert pruned_fraction(plain_state(fresh)) == pytest.approx(0.5, abs=1e-3)
    with pytest.raises(InputError, match=r"0\.5000 of the weights are zero already"):
        prune_smallest(fresh, 0.4)
    assert list(matrix_layers(fresh)) == ["conv1", "conv2", "fc1", "fc2"]


def test_logits_come_in_batches_and_leave_the_mode_alone():
    model = build_model(NAME, (1, 8, 8)).train()
    images = torch.rand(7, 1, 8, 8)
    assert torch.allclose(logits(model, images, batch=3), model.eval()(images), rtol=1e-5)
    assert logits(model.train(), images) is not None
    assert model.training


@pytest.mark.parametrize(
    "field, value",
    [
        ("epochs", 0),
        ("batch", 0),
        ("lr", 0.0),
        ("lr", float("nan")),
        ("lr", float("inf")),
        ("seed", -1),
        ("prune", 1.0),
        ("prune", -0.1),
        ("prune", float("nan")),
    ],
)
def test_settings_out_of_range_are_refused(field, value):
    with pytest.raises(InputError, match=f"{field} = "):
        Training(**{field: value})


def test_a_training_that_diverges_says_so(few, tmp_path):
    with pytest.raises(InputError, match="diverged in epoch 1; give a smaller rate"):
        train(NAME, few, tmp_path / "a.safetensors", Training(epochs=1, lr=1e30))
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_another_training_is_refused(few, tmp_path):
    out = tmp_path / "a.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(NAME, few, out, SHORT, progress=stop_after(1.1))
    with pytest.raises(InputError, match=r"other settings\); delete it"):
        train(NAME, few, out, dataclasses.replace(SHORT, seed=1))
    shifted = dataclasses.replace(few, train_labels=(few.train_labels + 1) % 10)
    with pytest.raises(InputError, match="other dataset_sha256"):
        train(NAME, shifted, out, SHORT)
    checkpoint_path(out).write_bytes(b"not one")
    with pytest.raises(InputError, match="checkpoint = .*no safetensors file"):
        train(NAME, few, out, SHORT)
    made = train(NAME, few, tmp_path / "b.safetensors", Training(epochs=1))
    checkpoint_path(out).write_bytes((tmp_path / "b.safetensors").read_bytes())
    with pytest.raises(InputError, match="is no checkpoint"):
        train(NAME, few, out, SHORT)
    assert made.about.details["start_sha256"] is None


def test_a_file_that_cannot_be_written_is_known_before_training(few, tmp_path):
    def progress(*_):
        pytest.fail("it trains")

    for name in ("no/a.safetensors", "a.npz"):
        with pytest.raises(InputError, match="out = "):
            train(NAME, few, tmp_path / name, SHORT, progress=progress)


def test_two_trainings_of_one_file_are_refused(few, tmp_path):
    out, said = tmp_path / "a.safetensors", []

    def progress(*_):
        with pytest.raises(InputError, match="^out = .*another run is writing it; wait") as raised:
            train(NAME, few, out, SHORT)
        said.append(raised.value)
        train(NAME, few, tmp_path / "b.safetensors", Training(epochs=1))  # another file is free
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(NAME, few, out, SHORT, progress=progress)
    assert len(said) == 1
    train(NAME, few, out, Training(epochs=1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors", "b.safetensors"]


def test_the_rate_falls_along_half_a_cosine(few, monkeypatch):
    model = build_model(NAME, (1, 8, 8))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    generator, rates = torch.Generator(), []
    training = Training(epochs=4, lr=0.08, batch=len(few.train_labels))
    step = optimizer.step
    monkeypatch.setattr(
        optimizer, "step", lambda: (rates.append(optimizer.param_groups[0]["lr"]), step())
    )
    for epoch in range(4):
        run_epoch(
            model, optimizer, generator, image_tensors(few, train=True), training, epoch, None
        )
    # 0.08 (1 + cos(pi k / 4)) / 2: half of it in the middle, never zero in the last epoch.
    assert rates == pytest.approx([0.08, 0.0682842712474619, 0.04, 0.0117157287525381], rel=1e-12)


def test_a_start_that_does_not_fit_is_refused(few, tmp_path):
    out = tmp_path / "a.safetensors"
    start = train(NAME, few, out, Training(epochs=1))
    with pytest.raises(InputError, match="from: is a lenet-5-digits"):
        train("lenet-300-100", few, out, SHORT, start=start)
    three = dataclasses.replace(
        few, train_labels=few.train_labels % 3, test_labels=few.test_labels % 3
    )
    with pytest.raises(InputError, match="and 10 classes; the training asks for .* and 3"):
        train(NAME, three, out, SHORT, start=start)
    with pytest.raises(InputError, match="prune: needs 2 epochs"):
        train(NAME, few, out, Training(epochs=1, prune=0.5))
