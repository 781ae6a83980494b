"""Few coordinates of features, against numpy's own principal components and sampled laws."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gpu_experiments import experiment
from gpu_experiments.feature_axes import (
    AXES,
    distance,
    from_json,
    of_laws,
    principal_axes,
    to_json,
)
from gpu_experiments.frechet import frechet_distance, moments
from gpu_experiments.images import Images
from gpu_experiments.metrics import Reference
from gpu_experiments.prediction import Scored, Sizes, exact_laws
from sim.loop import Round
from theory import Law


def features(n, seed, d=6, shift=0.0):
    """Correlated, of very different variances along their axes."""
    rng = np.random.default_rng(seed)
    mixing = np.linalg.qr(np.random.default_rng(1).normal(size=(d, d)))[0]
    spread = 2.0 ** -np.arange(d)
    return torch.as_tensor(rng.normal(size=(n, d)) * spread @ mixing + 3 + shift)


REAL = features(500, 0)
AXES_OF_REAL = principal_axes(moments(REAL), 3)


def test_axes_are_principal_components():
    centred = REAL.numpy() - REAL.numpy().mean(axis=0)
    _, values, vectors = np.linalg.svd(centred, full_matrices=False)
    variances = values**2 / (len(REAL) - 1)
    np.testing.assert_allclose(AXES_OF_REAL.variances, variances[:3], rtol=1e-10)
    # Up to their signs.
    along = np.abs(AXES_OF_REAL.directions.numpy().T @ vectors[:3].T)
    np.testing.assert_allclose(along, np.eye(3), atol=1e-9)
    assert AXES_OF_REAL.share == pytest.approx(variances[:3].sum() / variances.sum(), rel=1e-10)


def test_moments_along_axes_are_those_of_the_coordinates():
    found = features(80, 2, shift=0.3)
    along = AXES_OF_REAL.along(moments(found))
    of_coordinates = moments(AXES_OF_REAL.coordinates(found))
    np.testing.assert_allclose(along.mean, of_coordinates.mean, atol=1e-12)
    np.testing.assert_allclose(along.covariance, of_coordinates.covariance, atol=1e-12)
    assert along.n == 80


def test_there_are_no_more_axes_than_directions_in_which_features_differ():
    flat = REAL.clone()
    flat[:, 2] = flat[:, 1]
    assert principal_axes(moments(flat)).variances.shape == (5,)
    many = torch.as_tensor(np.random.default_rng(3).normal(size=(99, AXES + 5)))
    assert principal_axes(moments(many)).variances.shape == (AXES,)


def test_a_distance_is_computed_from_what_was_written():
    """The distance of all features, where all axes are kept; a lesser one with fewer."""
    found = moments(features(80, 2, shift=0.3))
    far = {}
    for count in (1, 3, 6):
        axes = principal_axes(moments(REAL), count)
        written = json.loads(json.dumps(to_json(axes.along(found)), allow_nan=False))
        assert len(written["covariance"]) == count * (count + 1) // 2
        far[count] = distance(written, axes.variances.tolist())
    assert far[6] == pytest.approx(frechet_distance(moments(REAL), found), rel=1e-10)
    assert far[1] < far[3] < far[6]


def test_what_is_no_triangle_is_refused():
    written = to_json(AXES_OF_REAL.along(moments(REAL)))
    with pytest.raises(ValueError, match=r"5 numbers are no covariance of 3 .* give the 6"):
        from_json({**written, "covariance": written["covariance"][:5]})


def test_the_exact_loop_is_at_the_distance_of_samples_of_its_laws():
    """p_2 of the pure loop, against 400 000 draws from it in the axes, by numpy alone."""
    rng = np.random.default_rng(4)
    images = features(1500, 5, shift=0.2)
    coordinates = AXES_OF_REAL.coordinates(images).numpy()
    rewards = 2 * coordinates[:, 0]
    laws = exact_laws(Scored(rewards, np.zeros(1500, dtype=int)), Sizes(4, 375, 2))
    variances = AXES_OF_REAL.variances.tolist()
    found = of_laws(laws, coordinates, variances)
    for law, far in zip(laws, found, strict=True):
        drawn = coordinates[rng.choice(1500, size=400_000, p=law.probabilities)]
        mean, covariance = drawn.mean(axis=0), np.cov(drawn.T)
        # tr (A B)^{1/2}, as the sum of the roots of the eigenvalues of A B.
        roots = np.sqrt(np.linalg.eigvals(np.diag(variances) @ covariance)).real.sum()
        expected = mean @ mean + sum(variances) + np.trace(covariance) - 2 * roots
        # Means of 400 000 err by 1/600 of a deviation, distances of about 1 by some thousandths.
        assert far == pytest.approx(expected, abs=0.01)
    assert found[2] > found[1] + 0.1 > found[0] + 0.2


def test_equal_weights_are_nearly_a_sample_and_a_part_of_the_atoms_stands_for_all():
    images = features(200, 6)
    law = Law(np.full(200, 1 / 200), np.zeros(200), normalise=True)
    coordinates = AXES_OF_REAL.coordinates(images).numpy()
    variances = AXES_OF_REAL.variances.tolist()
    for n in (200, 90):
        sample = AXES_OF_REAL.along(moments(images[:n]))
        own = replace(sample, covariance=sample.covariance * (n - 1) / n)
        (far,) = of_laws([law], coordinates[:n], variances)
        assert far == pytest.approx(distance(to_json(own), variances), rel=1e-9)


def test_of_a_part_of_the_atoms_weights_are_made_to_sum_to_one():
    """Two points of weights 0.3 and 0.1 are as 3/4 and 1/4, wherever the third atom is."""
    law = Law([0.3, 0.1, 0.6], [0.0, 1.0, 2.0])
    (far,) = of_laws([law], np.array([[0.0], [4.0]]), [2.0])
    # Mean 1, variance 16 * 3/16.
    assert far == pytest.approx(1 + (np.sqrt(2) - np.sqrt(3)) ** 2, rel=1e-9)


class Pixels:
    """Images are their own features."""

    def __init__(self, name):
        self.name = name

    def __call__(self, images):
        return images.flatten(1)


def test_what_is_written_of_real_images_has_the_share_of_their_axes():
    """13 directions of variances 1 to 13, of which the least is not among the twelve."""
    along = torch.eye(13, dtype=torch.float64) * torch.arange(1.0, 14).sqrt() / 13
    images = Images(torch.cat([along, -along])[:, None, :, None].float())
    written = Reference(Pixels("pixels"), images, np.random.default_rng(0)).as_json()
    # Of float32 images.
    assert written["axes_share"] == pytest.approx(1 - 1 / 91, rel=1e-6)
    ratios = np.array(written["axes_variances"]) / written["axes_variances"][0]
    np.testing.assert_allclose(ratios, np.arange(13, 1, -1) / 13, rtol=1e-6)


def test_coordinates_are_of_the_first_candidates_in_the_first_features(tiny, monkeypatch):
    """So that they are those of the first atoms, and of the features that figures name."""
    rng = np.random.default_rng(7)
    images = torch.as_tensor(rng.uniform(-1, 1, size=(9, 1, 8, 8))).float()
    real = Images(torch.as_tensor(rng.uniform(-1, 1, size=(40, 1, 8, 8))).float())
    first, other = (Reference(Pixels(name), real, rng) for name in ("first", "other"))
    other.features = lambda found: -found.flatten(1)
    monkeypatch.setattr(experiment, "LOCATED", 5)
    run = replace(tiny)
    classes = SimpleNamespace(logits=lambda found: torch.zeros(len(found), 10))
    vars(run).update(judges=classes, references=[first, other])
    arrays = run.arrays(Round(0, images, torch.arange(9.0), None, {}))
    expected = (images[:5].flatten(1).double() - first.axes.origin) @ first.axes.directions
    np.testing.assert_allclose(arrays["coordinates"], expected, atol=1e-5)
    assert "coordinates" not in run.arrays(Round(1, images, torch.arange(9.0), None, {}))


@pytest.mark.parametrize("shape", [(3, 2), (4, 3), (3,)])
def test_coordinates_of_another_shape_are_refused(shape):
    law = Law([0.5, 0.25, 0.25], [0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match=r"coordinates have shape .* for 3 atoms and 3 axes"):
        of_laws([law], np.zeros(shape), [1.0, 1.0, 1.0])


def test_a_law_of_one_image_is_as_far_as_a_point():
    law = Law([1.0, 0.0], [1.0, 0.0])
    (far,) = of_laws([law], np.array([[3.0, 4.0], [0.0, 0.0]]), [1.0, 0.5])
    assert far == pytest.approx(25 + 1.5, rel=1e-12)
