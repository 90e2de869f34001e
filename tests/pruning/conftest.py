"""Networks and images for the tests of pruning, small enough for a fraction of a second."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from crossbar.datasets import Dataset, load_dataset  # noqa: E402
from crossbar.models.lenet import build_model  # noqa: E402


@pytest.fixture(scope="session")
def digits():
    return load_dataset("digits")


@pytest.fixture(scope="session")
def few(digits):
    return Dataset(
        "few digits",
        digits.train_inputs[:300],
        digits.train_labels[:300],
        digits.test_inputs[:100],
        digits.test_labels[:100],
        image_shape=(1, 8, 8),
    )


@pytest.fixture
def lenet():
    return build_model("lenet-5-digits", (1, 8, 8))


class Unusual(torch.nn.Module):
    """Not a chain: a skip, a grouped convolution, a norm, and layers in a list."""

    def __init__(self):
        super().__init__()
        self.stem = torch.nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.norm = torch.nn.BatchNorm2d(4)
        self.blocks = torch.nn.ModuleList(
            [torch.nn.Conv2d(4, 4, 3, padding=1, groups=2), torch.nn.Conv2d(4, 4, 1)]
        )
        self.head = torch.nn.Linear(4 * 64, 10)

    def forward(self, images):
        maps = self.norm(self.stem(images))
        for block in self.blocks:
            maps = maps + block(maps).relu()
        return self.head(maps.flatten(1))


@pytest.fixture
def unusual():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Unusual().eval()
