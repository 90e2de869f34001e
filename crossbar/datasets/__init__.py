"""Labelled images: scikit-learn's digits, and IDX files in a folder that the user names."""

from crossbar.datasets.images import DATASETS, Dataset, load_dataset

__all__ = ["DATASETS", "Dataset", "load_dataset"]
