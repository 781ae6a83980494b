"""Metrics of a round against NumPy, noise floors against samples, and features by their names."""

from __future__ import annotations

import json
import math
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from gpu_experiments.feature_axes import distance
from gpu_experiments.frechet import frechet_distance, moments
from gpu_experiments.images import Images
from gpu_experiments.metrics import (
    ClassifierFeatures,
    Reference,
    features_for,
    measured,
    predicted,
)
from gpu_experiments.precision_recall import precision_recall
from sim.loop import Round

RNG = np.random.default_rng
NAMES = ("dark", "light", "none")


class Brightness:
    """Says "light" of images with a positive mean; its features are six of their pixels."""

    features_name = "six pixels"

    def features(self, images):
        return images.flatten(1)[:, :6]

    def logits(self, images):
        mean = images.mean(dim=(1, 2, 3))
        return torch.stack([-mean, mean, torch.full_like(mean, -9.0)], dim=1)


FEATURES = ClassifierFeatures(Brightness())


def images(rng, n, low=-1.0, high=1.0):
    return Images(torch.as_tensor(rng.uniform(low, high, size=(n, 1, 4, 4))).float())


def a_round(rng, n=60, kept=20):
    candidates = images(rng, n)
    chosen = torch.arange(0, n, n // kept) if kept else None
    return Round(2, candidates, 5 * candidates.mean(dim=(1, 2, 3)), chosen, {"loss": 0.5})


def test_the_metrics_of_a_round_are_those_of_numpy():
    found = a_round(RNG(0))
    labels = predicted(Brightness(), found.candidates)
    said = measured(found, labels, NAMES)
    r = found.rewards.double().numpy()
    light = (found.candidates.mean(dim=(1, 2, 3)) > 0).numpy()
    assert (said["t"], said["candidates"], said["fit"]) == (2, 60, {"loss": 0.5})
    assert said["reward"] == pytest.approx(r.mean(), rel=1e-12)
    assert said["reward_se"] == pytest.approx(r.std(ddof=1) / math.sqrt(60), rel=1e-12)
    assert said["weight"] == pytest.approx(np.exp(r).mean(), rel=1e-12)
    assert said["weight_se"] == pytest.approx(np.exp(r).std(ddof=1) / math.sqrt(60), rel=1e-12)
    assert said["kept_reward"] == pytest.approx(r[::3].mean(), rel=1e-12)
    share = light.mean()
    assert said["shares"] == pytest.approx({"dark": 1 - share, "light": share, "none": 0})
    error = math.sqrt(share * (1 - share) / 60)
    assert said["shares_se"] == pytest.approx({"dark": error, "light": error, "none": 0})
    assert said["kept_shares"]["light"] == pytest.approx(light[::3].mean())
    assert said["quality"] == []
    assert 0 < share < 1
    json.dumps(said, allow_nan=False)


def test_the_last_round_keeps_nothing_and_one_candidate_has_no_error():
    said = measured(a_round(RNG(1), n=1, kept=0), torch.tensor([1]), NAMES)
    assert "kept_reward" not in said
    assert "kept_shares" not in said
    assert said["reward_se"] is None
    assert said["shares"]["light"] == 1


def test_each_reference_adds_its_numbers_under_its_name():
    real, found = images(RNG(2), 80), a_round(RNG(3))
    reference = Reference(FEATURES, real, RNG(4))
    (said,) = measured(found, torch.zeros(60, dtype=torch.long), NAMES, [reference])["quality"]
    x, y = (one.flatten(1)[:, :6] for one in (real, found.candidates))
    assert said["features"] == "six pixels"
    assert said["frechet"] == pytest.approx(frechet_distance(moments(x), moments(y)), rel=1e-12)
    assert (said["real"], said["generated"], said["compared"], said["k"]) == (80, 60, 60, 3)
    json.dumps([said, reference.as_json()], allow_nan=False)
    # All six axes are kept, hence all of the distance; the coordinates are those of the images.
    variances = reference.as_json()["axes_variances"]
    assert distance(said["along_axes"], variances) == pytest.approx(said["frechet"], rel=1e-9)
    places = reference.coordinates(Images(found.candidates))
    np.testing.assert_allclose(places.mean(dim=0), said["along_axes"]["mean"], atol=1e-12)
    assert reference.as_json()["axes_share"] == pytest.approx(1, rel=1e-12)
    # Other images than the 60 real ones drawn would give other shares.
    chosen = reference._real[:60]
    assert (said["precision"], said["recall"]) == precision_recall(chosen, y)


def test_precision_and_recall_compare_no_more_images_than_asked_for():
    real = images(RNG(5), 200)
    reference = Reference(FEATURES, real, RNG(6), most=50)
    y = images(RNG(7), 120)
    said = reference.compare(y)
    assert said["compared"] == 50
    assert (said["precision"], said["recall"]) == precision_recall(
        reference._real, y.flatten(1)[:50, :6]
    )
    assert (said["real"], said["generated"]) == (200, 120)
    # A random part of the real images, each of them one.
    rows = {tuple(row) for row in reference._real.tolist()}
    assert len(rows) == 50
    assert rows <= {tuple(row) for row in real.flatten(1)[:, :6].tolist()}
    assert reference.as_json()["compared_halves"] == 50


def test_new_images_of_the_real_law_are_at_the_floor_and_at_the_ceiling():
    """Six uniform pixels: the floor from halves holds for other numbers of images."""
    rng = RNG(8)
    far, said, ceilings = [], [], []
    for _ in range(40):
        reference = Reference(FEATURES, images(rng, 400), rng)
        said.append(reference.compare(images(rng, 200)))
        far.append(reference.compare(images(rng, 1600)))
        ceilings.append(reference.ceiling)
    for found in (said, far):
        distance, floor = (
            np.mean([one[name] for one in found]) for name in ("frechet", "frechet_floor")
        )
        # The spread of one distance is a third: 0.08 for the ratio of means of 40.
        assert distance / floor == pytest.approx(1, abs=0.25)
    # For 200 and 1600 beside 400: 3/4 and 5/16 of the floor of halves.
    assert far[0]["frechet_floor"] < 0.5 * said[0]["frechet_floor"]
    found = np.mean([[one["precision"], one["recall"]] for one in said], axis=0)
    # 200 of each in both; a share of 200 has an error of 0.03, a mean of 40 far less.
    np.testing.assert_allclose(found, np.mean(ceilings, axis=0), atol=0.03)
    assert (found < 0.99).all()
    darker = reference.compare(images(rng, 200, high=0.0))
    assert darker["frechet"] > 20 * darker["frechet_floor"]
    assert darker["recall"] < 0.3


def test_features_are_compared_on_the_device_asked_for():
    reference = Reference(FEATURES, images(RNG(9), 20), RNG(0), device="cpu")
    found = images(RNG(10), 20)
    assert reference.compare(found) == reference.compare_features(FEATURES(found))
    assert reference.moments.mean.device.type == "cpu"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.zeros(59, dtype=torch.long), r"shape \(59,\) for 60"),
        (torch.full((60,), 3), "3 classes"),
        (torch.full((60,), -1), "3 classes"),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        measured(a_round(RNG(0)), labels, NAMES)


def test_rewards_too_large_for_their_weights_are_refused():
    found = a_round(RNG(0))
    large = Round(2, found.candidates, found.rewards + 800, None, {})
    with pytest.raises(ValueError, match=r"samples of p_2 go up to 80.*lower gamma"):
        measured(large, torch.zeros(60, dtype=torch.long), NAMES)


@pytest.mark.parametrize(("n", "most"), [(7, 100), (100, 3)])
def test_too_few_real_images_are_refused(n, most):
    with pytest.raises(ValueError, match="too few for k = 3"):
        Reference(FEATURES, images(RNG(0), n), RNG(0), most=most)


def test_images_on_another_scale_are_refused():
    reference = Reference(FEATURES, images(RNG(0), 20), RNG(0))
    with pytest.raises(ValueError, match="generated images have values"):
        reference.compare(Images(255 * torch.ones(9, 1, 4, 4)))
    with pytest.raises(ValueError, match="real images have values"):
        Reference(FEATURES, Images(255 * torch.ones(9, 1, 4, 4)), RNG(0))


class FakeInception(torch.nn.Module):
    """Stands for torch-fidelity's network: it takes bytes, and answers with one tensor for each of
    the features asked for."""

    def __init__(self, name, features_list, feature_extractor_weights_path):
        super().__init__()
        assert features_list == ["2048"]
        assert Path(feature_extractor_weights_path).is_file()

    def forward(self, pixels):
        assert pixels.dtype == torch.uint8
        assert pixels.shape[1] == 3
        return (pixels.flatten(1)[:, :5].double(),)


@pytest.fixture
def fidelity(monkeypatch):
    library = types.ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    library.FeatureExtractorInceptionV3 = FakeInception
    monkeypatch.setitem(sys.modules, "torch_fidelity", types.ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, library.__name__, library)


def test_inception_features_come_first_where_they_can_be_had(fidelity, tmp_path, monkeypatch):
    monkeypatch.setattr("gpu_experiments.metrics.INCEPTION_BATCH", 2)
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"")
    inception, own = features_for(Brightness(), weights, "cpu")
    assert inception.name.startswith("Inception v3")
    assert own.name == "six pixels"
    colours = torch.linspace(-1, 1, 5 * 3 * 4).reshape(5, 3, 2, 2)
    expected = ((colours + 1) * 127.5).round().flatten(1)[:, :5]
    np.testing.assert_array_equal(inception(Images(colours)), expected)
    with pytest.raises(ValueError, match="1 channels and Inception takes 3"):
        inception(images(RNG(0), 3))


def test_features_are_the_classifiers_and_inception_is_never_left_out_silently(
    tmp_path, monkeypatch
):
    weights = tmp_path / "weights.pth"
    assert [one.name for one in features_for(Brightness(), None, "cpu")] == ["six pixels"]
    with pytest.raises(FileNotFoundError, match=r"weights\.pth is no file"):
        features_for(Brightness(), weights, "cpu")
    weights.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(ImportError, match=r"torch-fidelity cannot be imported .* or leave Incep"):
        features_for(Brightness(), weights, "cpu")
