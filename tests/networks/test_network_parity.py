"""Our networks against outputs that the original DeOldify computed from the same weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from retint.networks.checkpoints import load_generator  # noqa: E402
from retint.networks.critic import Critic  # noqa: E402
from retint.networks.folding import fold  # noqa: E402
from retint.networks.lean import LeanGenerator  # noqa: E402

TOLERANCE = 1e-4  # of the norm


def relative_error(got: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((got.double() - wanted.double()).norm() / wanted.double().norm())


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_outputs_are_the_originals(recorded_net: tuple[Path, str], seeded_file: Callable[[str], Path]) -> None:
    file, model = recorded_net
    with np.load(file) as recorded:
        x, y = torch.from_numpy(recorded["x"]), torch.from_numpy(recorded["y"])
    weights = seeded_file(model)
    with torch.inference_mode():
        if model == "critic":
            critic = Critic()
            with torch.serialization.safe_globals([slice]):
                critic.load_state_dict(torch.load(weights, weights_only=True)["model"])
            assert relative_error(critic.eval()(x), y) < TOLERANCE
            return
        generator = load_generator(weights)
        assert relative_error(generator(x), y) < TOLERANCE
        folded = fold(generator)
        assert relative_error(folded(x), y) < TOLERANCE
        assert relative_error(LeanGenerator(folded)(x), y) < TOLERANCE
