"""All methods beneath the frontier."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.methods import Placed, placed
from theory import Law

# Six rounds at K = ∞ move the mean to 6: eight standard deviations are left.
X = np.linspace(-14, 14, 3001)
GAUSSIAN = Law.from_density(np.exp(-(X**2) / 2), X, (X,), normalise=True)
FOUND = placed(GAUSSIAN)
NAMES = list(dict.fromkeys(one.method for one in FOUND))


def of(method: str) -> list[Placed]:
    return [one for one in FOUND if one.method == method]


def test_all_methods_are_there() -> None:
    assert NAMES == [
        "KL penalty",
        "best of n",
        "top share",
        "4 levels",
        "curation, K = 2",
        "curation, K = 4",
        "curation, K = ∞",
        "curation, K = 2, λ = 1",
    ]
    assert [one.setting for one in of("curation, K = 4")] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("method", NAMES)
def test_attainable_is_the_gaussian_square_root(method: str) -> None:
    for one in of(method):
        assert one.attainable == pytest.approx(math.sqrt(2 * one.kl), rel=1e-6)


@pytest.mark.parametrize("method", ["KL penalty", "curation, K = ∞"])
def test_tilts_are_on_the_frontier(method: str) -> None:
    for one in of(method):
        assert one.reward == pytest.approx(one.attainable, rel=1e-8)


@pytest.mark.parametrize(
    "method", [name for name in NAMES if name not in ("KL penalty", "curation, K = ∞")]
)
def test_all_others_are_inside(method: str) -> None:
    for one in of(method):
        assert 0 < one.reward < one.attainable * (1 - 1e-5)


def test_rounds_at_infinite_k_are_penalties_of_one_over_t() -> None:
    by_penalty = {one.setting: one for one in of("KL penalty")}
    rounds = of("curation, K = ∞")
    for t in (1, 2, 4):
        assert rounds[t - 1].reward == pytest.approx(by_penalty[1 / t].reward, rel=1e-10)


def test_the_filter_pays_minus_the_logarithm_of_its_share() -> None:
    for one in of("top share"):
        # The cell at the threshold is kept in part: 0.0093 wide, of mass at most 0.0038.
        assert one.kl == pytest.approx(-math.log(one.setting), abs=0.0038 / one.setting)


def test_real_data_hold_the_divergence() -> None:
    # The sharp bound at K = 2 and λ = 1 is 1 - log 2.
    assert all(one.kl < 1 - math.log(2) for one in of("curation, K = 2, λ = 1"))
    assert of("curation, K = 2")[-1].kl > 1


def test_two_levels_of_reward_leave_no_room_below_the_frontier() -> None:
    for one in placed(Law([0.6, 0.4], [0.0, 1.0]), levels=10):
        assert one.reward == pytest.approx(one.attainable, rel=1e-7)
