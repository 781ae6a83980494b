"""Each figure at reduced size: the physics its caption claims, and files that hold a picture."""

from __future__ import annotations

import itertools
import math
from functools import partial

import matplotlib.image
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erfcx

from paper_figures import (
    choice_models,
    condensate_phase,
    digits_bias,
    exact_iterates_mixture,
    exact_iterates_moons,
    iterates,
    reward_and_limit,
    stability_bound,
    style,
)
from paper_figures.registry import FIGURES
from theory.divergences import paper_kl_bound
from theory.evidence import choice_proofs
from theory.evidence.choice_table import table
from theory.notation import QUANTITIES


def test_every_figure_is_tested(reduced):
    assert set(reduced) == set(FIGURES)


def test_the_limit_is_the_start_restricted_to_the_plateau(computed):
    results = computed("reward_and_limit")
    plateau = results["reward"] == 0
    assert 0.05 < results["plateau_mass"] < 0.5
    assert (results["limit"][~plateau] == 0).all()
    np.testing.assert_allclose(
        results["limit"][plateau],
        results["start"][plateau] / results["plateau_mass"],
        rtol=1e-12,
    )
    # The plateau is the disc: its cells are those with centre inside.
    x, y = np.meshgrid(results["x"], results["y"], indexing="ij")
    inside = np.hypot(x - results["centre"][0], y - results["centre"][1]) <= results["radius"]
    np.testing.assert_array_equal(plateau, inside)


@pytest.mark.parametrize("name", ["exact_iterates_mixture", "exact_iterates_moons"])
def test_mixing_slows_and_stops_what_the_pure_loop_does(computed, name):
    results = computed(name)
    area = (results["x"][1] - results["x"][0]) * (results["y"][1] - results["y"][0])
    for loop in ("pure", "mixed"):
        np.testing.assert_allclose(results[loop].sum(axis=(1, 2)) * area, 1, rtol=1e-12)
        assert (np.diff(results[f"{loop}_reward"]) > 0).all()
    np.testing.assert_array_equal(results["pure"][0], results["mixed"][0])
    favoured = results["pure_shares"][-1].argmax()
    pure, mixed = results["pure_shares"][:, favoured], results["mixed_shares"][:, favoured]
    assert (mixed[1:] < pure[1:]).all()
    assert pure[-1] > 0.95
    # Half the data stay real, so no density falls below half the start.
    assert (results["mixed"] >= results["mixed"][0] / 2 * (1 - 1e-12)).all()


def test_pairwise_choice_never_gives_more_than_the_best_of_all_draws(computed):
    """P_t(A) <= 1 - (1 - P_0(A))^(2^t) for every set A, here the favoured mode."""
    shares = computed("exact_iterates_mixture")["pure_shares"]
    favoured = shares[-1].argmax()
    rounds = np.arange(len(shares))
    assert (shares[:, favoured] <= 1 - (1 - shares[0, favoured]) ** (2.0**rounds) + 1e-12).all()


def test_confidence_drives_classes_apart_unless_real_data_are_mixed_in(computed):
    results = computed("digits_bias")
    spread = {
        loop: np.abs(results[f"{loop}_shares"] - results[f"{loop}_shares"][0]).max(axis=1)
        for loop in ("pure", "mixed")
    }
    assert (spread["mixed"][1:] < spread["pure"][1:]).all()
    assert spread["mixed"].max() < 0.03 < 0.1 < spread["pure"][-1]
    for loop in ("pure", "mixed"):
        assert results[f"{loop}_shares"].shape == (41, 10)
        np.testing.assert_allclose(results[f"{loop}_shares"].sum(axis=1), 1, atol=1e-12)
        # Rounding alone, once the mixed loop has converged.
        assert (np.diff(results[f"{loop}_reward"]) > -1e-12).all()
    assert results["mixed_reward"][-1] < results["pure_reward"][-1] < results["top_reward"]
    # Levels off: the last ten rounds of the mixed loop add nothing visible.
    assert results["mixed_reward"][-1] - results["mixed_reward"][-10] < 1e-3


def test_measured_below_sharp_below_the_papers_bound(computed):
    results = computed("stability_bound")
    sharp, paper = results["sharp_at_points"], results["paper_at_points"]
    assert (results["measured"] > 0).all()
    assert (results["measured"].max(axis=2) <= sharp).all()
    assert (sharp < paper).all()
    assert (results["sharp"][:, :-1] < results["paper"][:, :-1]).all()
    # The steep reward comes close to the sharp bound below the threshold, the mild one does not.
    assert (results["measured"][:, 0, 1] > 0.85 * sharp[:, 0]).all()
    assert (results["measured"][:, 0, 0] < 0.1 * sharp[:, 0]).all()


def test_the_threshold_is_where_only_the_sharp_bound_stays_finite(computed):
    results = computed("stability_bound")
    np.testing.assert_allclose(results["curve_lam"][:, -1], 1 / (results["K"] - 1))
    assert np.isfinite(results["sharp"]).all()
    assert results["sharp"][0, -1] == pytest.approx(1 - math.log(2), rel=1e-12)
    # Nearer the threshold than rounding can tell, the paper's bound is infinite or enormous.
    assert (results["paper"][:, -1] > 30).all()
    assert paper_kl_bound(0.5, 2) == pytest.approx(math.log(2))


def test_the_sharp_curve_is_its_integral(computed):
    """The formula -int_0^1 log(1 + lam - lam K x^(K-1)) dx, by a route without closed forms."""
    results = computed("stability_bound")
    for row, K in enumerate(results["K"]):
        lam = results["curve_lam"][row, 5]
        integral = quad(
            lambda x, lam=lam, K=K: -math.log1p(lam - lam * K * x ** (K - 1)), 0, 1, epsabs=1e-13
        )[0]
        assert results["sharp"][row, 5] == pytest.approx(integral, rel=1e-8)


def test_map_agrees_with_the_critical_curve_computed_independently(computed):
    results = computed("condensate_phase")
    critical = results["critical"][:, None]
    lam = results["lam"][None, :]
    # Condensate 1 - I*/(1 + lam) above the curve, none below. The map's integrals are midpoint
    # sums over 800 cells of 0.011 standard deviations, within 1e-4 of the integral.
    expected = np.maximum(0, 1 - (1 + critical) / (1 + lam))
    np.testing.assert_allclose(results["condensate"], expected, atol=1e-4)
    assert (results["condensate"] > 0).any()
    assert (results["condensate"] == 0).any()


def test_critical_ratio_against_its_series():
    r"""E[1/(e^{g rho} - 1)] = sum_k E[e^{-k g rho}]: 4000 terms, and the integral of the rest."""
    g = 3.0
    k = np.arange(1, 4001)
    terms = 1 - math.sqrt(math.pi / 2) * k * g * erfcx(k * g / math.sqrt(2))
    # Terms are 1/(k g)^2 (1 + O(1/k^2)), so the rest is the midpoint sum of an integral.
    tail = 1 / (g**2 * 4000.5)
    # erfcx cancels against 1 to about k^2 g^2 rounding errors on terms of size 1/(k g)^2.
    assert condensate_phase.critical_ratio(g) == pytest.approx(terms.sum() + tail, abs=1e-8)


def test_long_runs_agree_with_the_predicted_condensate(computed):
    results = computed("condensate_phase")
    critical = [condensate_phase.critical_ratio(g) for g in results["checked_sharpness"]]
    expected = np.maximum(
        0, 1 - (1 + np.array(critical)[:, None]) / (1 + results["checked_lam"][None, :])
    )
    # Third-order extrapolation from a disc of 0.05 leaves about 2e-3 near the critical ratio.
    np.testing.assert_allclose(results["measured"], expected, atol=4e-3)


def test_choice_models_are_those_of_the_table(computed):
    results = computed("choice_models")
    # A claim about something else than loops on finite laws has no row.
    assert results["claims"].tolist() == ["lemma-2.2", "theorem-2.4-sharp", "no-curation"]
    assert results["models"].tolist() == list(choice_models.LABELS)
    state = {
        (str(claim), str(model)): choice_models.STATES[index]
        for claim, row in zip(results["claims"], results["states"], strict=True)
        for model, index in zip(results["models"], row, strict=True)
    }
    assert state["lemma-2.2", "plackett-luce"] == "proved"
    assert state["lemma-2.2", "best-of-K"] == "partly refuted"
    assert state["lemma-2.2", "noisy"] == "refuted"
    assert state["no-curation", "cyclic"] == "no such loops"
    assert {state["theorem-2.4-sharp", model] for model in choice_models.LABELS} == {"proved"}


def test_choice_models_look_different_without_colour(drawn):
    """Marker and filling alone tell the states apart."""
    looks = {symbol[:2] for symbol in choice_models.MARKERS.values()}
    assert len(looks) == len(choice_models.STATES)
    axes = drawn("choice_models").axes[0]
    assert len(axes.lines) >= 3 * len(choice_models.LABELS)


def test_choice_models_refuse_a_table_whose_arguments_fall(monkeypatch):
    planted = choice_proofs.Argument("planted", ("noisy",), {"lemma-2.2": choice_proofs.ALL})
    monkeypatch.setattr(choice_proofs, "ARGUMENTS", (planted,))
    monkeypatch.setattr(choice_models, "table", partial(table, processes=1))
    with pytest.raises(ValueError, match=r"lemma-2\.2 under noisy is said to be proved"):
        choice_models.compute(choice_models.Parameters(("lemma-2.2",), runs=60))


@pytest.mark.parametrize("name", FIGURES)
def test_drawing_gives_pictures_of_the_stated_size(drawn, name, tmp_path):
    with style.rc():
        paths = style.save(drawn(name), tmp_path, name, FIGURES[name].caption)
    written = {path.suffix[1:]: path for path in paths}
    assert tuple(written) == style.FORMATS
    assert written["pdf"].read_bytes().startswith(b"%PDF-")
    assert written["pdf"].stat().st_size > 8_000
    pixels = matplotlib.image.imread(written["png"])
    assert pixels.shape[1] in (round(style.COLUMN * 300), round(style.PAGE * 300))
    assert pixels[..., :3].std() > 0.05


@pytest.mark.parametrize("name", FIGURES)
def test_fits_its_columns_with_no_text_too_small_or_cut_off(drawn, name):
    figure = drawn(name)
    assert figure.get_figwidth() in (style.COLUMN, style.PAGE)
    assert figure.get_figheight() <= 5
    with style.rc():
        style.settle(figure)  # as saving does, at another resolution
        drawing = figure.get_tightbbox()
        pixel = 1 / figure.dpi  # rounding
        assert min(drawing.x0, drawing.y0) >= -pixel
        assert drawing.x1 <= figure.get_figwidth() + pixel
        assert drawing.y1 <= figure.get_figheight() + pixel
        assert min(text.get_fontsize() for text in _texts(figure)) >= 6.5


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_lies_on_another(drawn, name):
    figure = drawn(name)
    with style.rc():
        style.settle(figure)
        # Boxes hold the room for ascenders and descenders; half a point of it is never inked.
        boxes = [
            (text.get_text(), text.get_window_extent().padded(-0.5)) for text in _texts(figure)
        ]
    for (one, box), (other, further) in itertools.combinations(boxes, 2):
        assert not box.overlaps(further), (one, other)


def _texts(figure):
    """Texts of a figure that are seen, without the tick labels outside the range of their axis."""
    hidden = set()
    for axes in figure.findobj(matplotlib.axes.Axes):
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            margin = 1e-9 * (high - low)
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                shown = tick.get_visible() and low - margin <= tick.get_loc() <= high + margin
                if not (shown and tick.label1.get_visible()):
                    hidden.add(tick.label1)
                hidden.add(tick.label2)
    return [
        text
        for text in figure.findobj(matplotlib.text.Text)
        if text.get_visible() and text.get_text() and text not in hidden
    ]


@pytest.mark.parametrize("name", FIGURES)
def test_every_outer_axis_is_labelled(drawn, name):
    figure = drawn(name)
    for part in figure.subfigs or [figure]:
        for axes in part.axes:
            if axes.get_label() == "<colorbar>":
                assert axes.get_xlabel() or axes.get_ylabel()
                continue
            if axes.images and not len(axes.get_xticks()):
                continue  # a picture: its pixels have no axes
            place = axes.get_subplotspec()
            if place.is_last_row():
                assert axes.get_xlabel(), axes
            if place.is_first_col() or not axes.get_shared_y_axes().get_siblings(axes)[1:]:
                titled = any(one.name in axes.get_title("left") for one in QUANTITIES.values())
                assert axes.get_ylabel() or part.get_supylabel() or titled, axes


def test_the_same_results_give_the_same_bytes(computed, tmp_path):
    figure = FIGURES["stability_bound"]
    contents = []
    for folder in ("first", "second"):
        with style.rc():
            picture = figure.draw(computed("stability_bound"))
            paths = style.save(picture, tmp_path / folder, figure.name, figure.caption)
        contents.append([path.read_bytes() for path in paths])
    assert contents[0] == contents[1]


def test_modules_agree_with_the_registry():
    modules = (
        reward_and_limit,
        exact_iterates_mixture,
        exact_iterates_moons,
        digits_bias,
        stability_bound,
        condensate_phase,
        choice_models,
    )
    for module in modules:
        assert FIGURES[module.FIGURE.name] is module.FIGURE
        assert module.FIGURE.file.stem == module.FIGURE.name
    assert isinstance(exact_iterates_moons.FIGURE.parameters, iterates.Parameters)
