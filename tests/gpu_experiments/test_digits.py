"""The digits law: held-out rewards, the same at every run, and the loop's law in full."""

from __future__ import annotations

import numpy as np
import pytest

from gpu_experiments.digits import CLASS_REWARD, CONFIDENCE_REWARD, classify_digits, load_digits


@pytest.fixture(scope="module")
def digits():
    return classify_digits()


def test_probabilities_are_laws_on_ten_classes(digits):
    assert digits.images.shape == (1797, 64)
    assert digits.probabilities.shape == (1797, 10)
    assert digits.images.min() == 0
    assert digits.images.max() == 1
    assert (digits.probabilities > 0).all()
    # Rows are softmaxes in float64: ten terms, each rounded to 1e-16.
    np.testing.assert_allclose(digits.probabilities.sum(axis=1), 1, atol=1e-14)


def test_the_recorded_accuracy_is_that_of_the_probabilities(digits):
    right = digits.probabilities.argmax(axis=1) == digits.labels
    assert digits.accuracy == right.mean()
    # 0.969 at the default split; the standard error of a share near 0.97 of 1797 is 0.004, so
    # five of them leave room for another version of the solver, and none for a broken split.
    assert digits.accuracy == pytest.approx(0.969, abs=0.02)
    true_class = digits.probabilities[np.arange(1797), digits.labels]
    assert digits.log_loss == pytest.approx(-np.log(true_class).mean(), rel=1e-12)


def test_no_image_is_scored_by_a_model_that_saw_its_label(monkeypatch):
    """With shuffled labels nothing can be learnt, so held-out accuracy must fall to chance.

    A memorised score would stay far above 1/10. Correct guesses are at most Binomial(1797, ~0.1):
    the limit is eight standard errors (0.0071 each) above it, a false alarm below 1e-12.
    """
    images, labels = load_digits(return_X_y=True)
    shuffled = np.random.default_rng(0).permutation(labels)
    monkeypatch.setattr("gpu_experiments.digits.load_digits", lambda return_X_y: (images, shuffled))
    assert classify_digits(folds=2).accuracy < 0.1 + 8 * 0.0071


def test_the_law_is_empirical_with_the_rewards_of_the_paper(digits):
    law = digits.law(CONFIDENCE_REWARD)
    np.testing.assert_allclose(law.probabilities, 1 / 1797, rtol=1e-13)
    np.testing.assert_array_equal(law.rewards, 15.0 * digits.probabilities.max(axis=1))
    np.testing.assert_array_equal(law.atoms, digits.images)
    np.testing.assert_array_equal(digits.law(CLASS_REWARD).rewards, 5 * digits.probabilities[:, 0])


def test_the_class_reward_prefers_its_class(digits):
    rewards = digits.law(CLASS_REWARD).rewards
    zeros = digits.labels == 0
    assert rewards[zeros].mean() > 4.5
    assert rewards[~zeros].mean() < 0.1


def test_two_runs_agree_to_the_bit(digits):
    again = classify_digits()
    np.testing.assert_array_equal(again.probabilities, digits.probabilities)
    np.testing.assert_array_equal(again.labels, digits.labels)


def test_another_seed_makes_another_split(digits):
    assert (classify_digits(seed=1).probabilities != digits.probabilities).any()


def test_arrays_are_read_only(digits):
    with pytest.raises(ValueError, match="read-only"):
        digits.probabilities[0, 0] = 1.0


@pytest.mark.parametrize("folds", [0, 1, 101])
def test_a_number_of_folds_out_of_range_is_refused(folds):
    with pytest.raises(ValueError, match=f"folds is {folds}"):
        classify_digits(folds=folds)
