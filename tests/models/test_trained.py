"""Networks that an experiment keeps in its folder: taken again only where they are the same."""

import dataclasses

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from crossbar import Design, InputError  # noqa: E402
from crossbar.datasets import Dataset, load_dataset  # noqa: E402
from crossbar.models.lenets import run_lenets  # noqa: E402
from crossbar.models.model_files import About, load_model, save_model  # noqa: E402
from crossbar.models.studies import ModelStudy  # noqa: E402
from crossbar.models.trained import train_once  # noqa: E402
from crossbar.models.training import Training  # noqa: E402

NAME = "lenet-5-digits"
ONCE = Training(epochs=1)


@pytest.fixture(scope="module")
def few():
    digits = load_dataset("digits")
    return Dataset(
        "few digits",
        digits.train_inputs[:120],
        digits.train_labels[:120],
        digits.test_inputs[:20],
        digits.test_labels[:20],
        image_shape=(1, 8, 8),
    )


@pytest.fixture(scope="module")
def shifted(few):
    return dataclasses.replace(few, test_labels=(few.test_labels + 1) % 10)


@pytest.fixture
def kept(few, tmp_path):
    path = tmp_path / "kept.safetensors"
    return path, train_once(NAME, few, path, ONCE)


def test_a_network_that_is_there_is_not_trained_again(few, kept):
    path, made = kept
    before = path.stat().st_mtime_ns
    again = train_once(NAME, few, path, ONCE)
    assert path.stat().st_mtime_ns == before
    assert all(map(torch.equal, again.module.parameters(), made.module.parameters()))


def test_a_network_of_other_data_settings_or_start_is_refused(few, shifted, kept):
    path, made = kept
    bytes_before = path.read_bytes()
    for dataset, training, start, said in (
        (shifted, ONCE, None, "dataset_sha256 was"),
        (few, Training(epochs=2), None, "settings.epochs was 1, is 2"),
        (few, ONCE, made, "start_sha256 was None"),
    ):
        with pytest.raises(InputError, match=rf"kept.*in another way \({said}.*with --out$"):
            train_once(NAME, dataset, path, training, start)
    assert path.read_bytes() == bytes_before


def test_a_network_of_another_start_is_refused(few, kept, tmp_path):
    _, first = kept
    path = tmp_path / "pruned.safetensors"
    other = train_once(NAME, few, tmp_path / "other.safetensors", Training(epochs=1, seed=1))
    train_once(NAME, few, path, ONCE, first)
    train_once(NAME, few, path, ONCE, first)
    with pytest.raises(InputError, match=r"\(start_sha256 was \w+, is \w+\)"):
        train_once(NAME, few, path, ONCE, other)


def test_a_network_of_another_version_is_taken(few, kept):
    path, made = kept
    details = {**made.about.details, "version": "0.0.1", "torch": "1.0"}
    save_model(path, made.module, About(NAME, (1, 8, 8), 10, details))
    assert train_once(NAME, few, path, ONCE).about == load_model(path).about


def test_lenets_refuse_a_folder_of_other_networks(few, shifted, tmp_path, monkeypatch):
    monkeypatch.setattr("crossbar.models.lenets.save_figure", lambda *_: None)  # drawn elsewhere
    study = ModelStudy(design=Design(), resistors=(4,), chips=1, images=5)
    run_lenets(few, study, tmp_path, settings={"epochs": 1})
    for dataset, settings, said in (
        (shifted, {"epochs": 1}, "dataset_sha256 was"),
        (few, {"epochs": 2}, "settings.epochs was 1, is 2"),
    ):
        with pytest.raises(InputError, match=rf"was trained in another way \({said}"):
            run_lenets(dataset, study, tmp_path, settings=settings)
