"""Figure of the finite-sample bands: coverage, lost modes, shifts, and what is drawn of them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from scipy.stats import binomtest

from paper_figures import finite_sample_bands as figure
from paper_figures import style
from sim.streams import Streams

REDUCED = dataclasses.replace(
    figure.FIGURE.parameters, kept=(100, 1000), seeds=(400, 250), rounds=7, levels=60
)
# False-alarm rate of each binomial test, two-sided: 1e-4 for each of about 60 (seeds fixed). No
# allowance is made for the bands being right to first order only.
ALARM = 1e-4
LARGE, SMALL = 1, 0


@pytest.fixture(scope="module")
def results():
    return figure.compute(REDUCED)


@pytest.fixture(scope="module")
def drawn(results):
    with style.rc():
        return figure.draw(results)


def least_p(results, name, row, column, narrowed=1.0):
    """Least p-value over the rounds, of the coverage being the level of the bands."""
    counts = figure.coverage(results, name, narrowed)[row, :, column]
    return min(binomtest(int(k), REDUCED.seeds[row], REDUCED.level).pvalue for k in counts)


COVERED = [("pure", LARGE), ("mixed", SMALL), ("mixed", LARGE)]


@pytest.mark.parametrize(("name", "row"), COVERED)
@pytest.mark.parametrize("column", [0, 1])
def test_bands_cover_95_percent_of_runs_in_every_round(results, name, row, column):
    assert least_p(results, name, row, column) > ALARM


@pytest.mark.parametrize(("name", "row"), COVERED)
@pytest.mark.parametrize("column", [0, 1])
@pytest.mark.parametrize("narrowed", [0.8, 1.3])
def test_bands_too_narrow_or_too_wide_fail_the_same_check(results, name, row, column, narrowed):
    assert least_p(results, name, row, column, narrowed) < ALARM


def test_late_rounds_of_the_small_pure_loop_leave_the_bands(results):
    """What leads there descends from few of the data, and the bands are of first order."""
    inside = figure.coverage(results, "pure")[SMALL, :, 0]
    p_values = [binomtest(int(k), REDUCED.seeds[SMALL], REDUCED.level).pvalue for k in inside]
    assert min(p_values[:5]) > ALARM
    assert p_values[7] < ALARM
    assert inside[7] < 0.92 * REDUCED.seeds[SMALL]


def test_the_band_is_for_what_is_measured_and_narrows_with_n(results):
    """Widths go as the inverse root of n, all sizes being in proportion to it."""
    for name in figure.LOOPS:
        ratio = results[f"{name}_half"][SMALL] / results[f"{name}_half"][LARGE]
        np.testing.assert_allclose(ratio, math.sqrt(10), rtol=1e-10)
    # Round 0: N = 200 data and 200 candidates of one eighth each.
    expected = 1.959964 * math.sqrt(0.125 * 0.875 * (1 / 200 + 1 / 200))
    assert results["pure_half"][SMALL, 0, 0] == pytest.approx(expected, rel=1e-5)


def test_runs_are_independent(results):
    rewards = np.concatenate([results[f"{name}_runs"][..., 0, 1].ravel() for name in figure.LOOPS])
    rewards = rewards[~np.isnan(rewards)]
    assert len(rewards) == 2 * sum(REDUCED.seeds) == len(np.unique(rewards))


@pytest.mark.parametrize("row", [SMALL, LARGE])
def test_modes_die_as_foretold(results, row):
    """Within four standard errors and 0.15 of a mode: modes begin with an eighth of the mass, and
    the prediction is for rare ones."""
    runs = results["pure_modes_runs"][row, : REDUCED.seeds[row]]
    error = runs.std(axis=0) / math.sqrt(len(runs))
    predicted = results["pure_modes"][row]
    assert (np.abs(runs.mean(axis=0) - predicted) < 4 * error + 0.15).all()
    assert predicted[0] > 7.99
    assert predicted[-1] < 3.5
    # A round later or earlier is not within that.
    assert (np.abs(runs.mean(axis=0)[3:] - predicted[2:-1]) > 4 * error[3:] + 0.15).any()


def test_modes_are_those_of_the_training_set_not_of_the_candidates():
    """With all 2n = 12 real data in every training set, no mode of theirs is ever lost; 12
    candidates often lack one."""
    parameters = dataclasses.replace(REDUCED, rounds=20)
    found = [modes for _, _, modes in figure._run(parameters, 0.5, 6, 0, Streams(1))]
    assert len(found) == 21
    assert len(set(found)) == 1


def test_more_samples_keep_modes_longer_and_real_data_keep_them_all(results):
    assert (results["pure_modes"][LARGE, 2:7] > results["pure_modes"][SMALL, 2:7] + 0.2).all()
    for row in (SMALL, LARGE):
        assert (results["mixed_modes_runs"][row, : REDUCED.seeds[row]] == 8).all()
        assert (results["mixed_modes"][row] > 7.99).all()


@pytest.mark.parametrize("column", [0, 1])
def test_the_mean_is_shifted_down_as_foretold(results, column):
    """Within four standard errors and a fifth of the largest shift, for what is of order 1/n^2."""
    away = results["pure_runs"][SMALL, ..., column] - results["pure_mean"][:, column]
    error = away.std(axis=0) / math.sqrt(len(away))
    predicted = results["pure_shift"][SMALL, :, column]
    slack = 4 * error + 0.2 * np.abs(predicted).max()
    assert (np.abs(away.mean(axis=0) - predicted) < slack).all()
    assert (predicted[1:] < 0).all()
    # No shift, or one upwards, is refuted.
    assert (away.mean(axis=0) < -4 * error)[5:].all()
    np.testing.assert_allclose(
        results["pure_shift"][SMALL], 10 * results["pure_shift"][LARGE], atol=1e-14
    )


def test_runs_that_an_n_does_not_have_are_not_counted(results):
    runs = results["pure_runs"]
    assert runs.shape == (2, 400, 8, 2)
    assert np.isnan(runs[LARGE, 250:]).all()
    assert not np.isnan(runs[LARGE, :250]).any()
    assert (figure.coverage(results, "pure")[LARGE] <= 250).all()
    assert (figure.coverage(results, "pure", narrowed=100)[LARGE] == 250).all()


def test_the_dotted_line_is_what_narrow_bands_would_cover():
    assert figure.chance_inside(0.95, 1.0) == pytest.approx(0.95, rel=1e-12)
    # 2 Phi(1.6) - 1 by tables, for 1.959964 made 1.6.
    assert figure.chance_inside(0.95, 1.6 / 1.959964) == pytest.approx(0.890401, abs=1e-6)


@pytest.mark.parametrize(
    ("panel", "name", "column"), [(2, "pure", 0), (3, "pure", 1), (4, "mixed", 0), (5, "mixed", 1)]
)
def test_coverage_is_drawn_where_it_is_with_its_binomial_interval(
    results, drawn, panel, name, column
):
    axes = drawn.axes[panel]
    bars = [one for one in axes.containers if isinstance(one, ErrorbarContainer)]
    assert len(bars) == len(REDUCED.kept)
    for row, bar in enumerate(bars):
        share = figure.coverage(results, name)[row, :, column] / REDUCED.seeds[row]
        np.testing.assert_allclose(bar[0].get_ydata(), share)
        ends = np.array([segment[:, 1] for segment in bar[2][0].get_segments()])
        assert (ends[:, 0] < share).all()
        assert (ends[:, 1] > share).all()
        # The normal approximation, near enough inside (0, 1).
        width = 2 * 1.96 * np.sqrt(share * (1 - share) / REDUCED.seeds[row])
        np.testing.assert_allclose(ends[:, 1] - ends[:, 0], width, rtol=0.35)
    assert axes.get_title(loc="left").endswith(f"{name}, {('share', 'reward')[column]}")


def test_runs_lie_on_the_bands_as_drawn(results, drawn):
    for column, axes in enumerate(drawn.axes[:2]):
        ends = [one.get_paths()[0].vertices[:, 1] for one in axes.collections]
        assert len(ends) == 2
        for end, name in zip(ends, figure.LOOPS, strict=True):
            mean, half = results[f"{name}_mean"][:, column], results[f"{name}_half"][0, :, column]
            assert end.max() == pytest.approx((mean + half).max())
            assert end.min() == pytest.approx((mean - half).min())
        assert len(axes.lines) >= 2 * (figure.SHOWN + 1)
