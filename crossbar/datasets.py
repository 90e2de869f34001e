"""Labelled images with a fixed split into training and test part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from crossbar.errors import InputError


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
    """

    name: str
    train_inputs: NDArray[np.float64]
    train_labels: NDArray[np.int64]
    test_inputs: NDArray[np.float64]
    test_labels: NDArray[np.int64]


@lru_cache(maxsize=4)
def load_dataset(name: str) -> Dataset:
    """Load a dataset by name.

    Parameters
    ----------
    name : {"digits"}
        ``digits``: scikit-learn's 1,797 handwritten digits of 8 x 8 pixels; every
        fourth image is a test image.

    Raises
    ------
    InputError
        For an unknown name.
    """
    if name != "digits":
        raise InputError(f"dataset = {name!r}: the one dataset known is 'digits'")
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    inputs = images / 16
    test = np.arange(len(labels)) % 4 == 3
    return Dataset(name, inputs[~test], labels[~test], inputs[test], labels[test])
