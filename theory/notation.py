r"""Symbols and their names: one line for each quantity, read by figures, pages and tables alike.

A reward is the natural logarithm of a weight of the choice model, so rewards and their means are
*log-odds*; divergences take natural logarithms and are in *nats*. Symbols follow Ferbach et al.
2024 (arXiv:2407.09499) where it has one.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["QUANTITIES", "Quantity"]


@dataclass(frozen=True)
class Quantity:
    r"""A quantity that is plotted, tabulated or stated.

    Attributes
    ----------
    name
        In words.
    symbol
        In TeX, without dollar signs; empty for none.
    unit
        Its unit; empty for a pure number.
    meaning
        What it is, with formulas between dollar signs; empty where the name says it.
    """

    name: str
    symbol: str = ""
    unit: str = ""
    meaning: str = ""


QUANTITIES: dict[str, Quantity] = {
    # the loop
    "round": Quantity("round", "t", meaning="number of retrainings so far; the first model has 0"),
    "candidates": Quantity("candidates", "K", meaning="samples that one is kept of"),
    "ratio": Quantity(
        "synthetic-to-real ratio",
        r"\lambda",
        meaning=r"kept samples for each real one in a training set; infinite in the pure loop",
    ),
    "ratio_to_threshold": Quantity(
        "synthetic-to-real ratio in units of the threshold",
        r"\lambda(K-1)",
        meaning="the paper's stability bound is finite where it is below 1",
    ),
    "kept": Quantity("kept samples", "n", meaning="samples kept in a round, to train the next"),
    "law": Quantity("law of the model", "p_t"),
    "start": Quantity("start", "p_0", meaning="law of the first model"),
    "limit": Quantity("limit", "p^*", meaning="law that the loop tends to"),
    "real": Quantity("law of the real data", r"p_{\mathrm{ref}}"),
    "curation": Quantity(
        "curation factor",
        "H",
        meaning=r"density of the kept sample relative to that of a candidate, $C_K(p) = p H$",
    ),
    "reward": Quantity("reward", "r", "log-odds", "logarithm of the weight of the choice model"),
    "scale": Quantity(
        "scale of the reward",
        r"\gamma",
        meaning="factor of the clipped distance, log-odds per length, or of the confidence",
    ),
    "sharpness": Quantity(
        "reward sharpness",
        r"\gamma\sigma",
        "log-odds per s.d.",
        r"fall of the reward within a standard deviation $\sigma$ of the real data",
    ),
    "weight": Quantity("weight", "w", meaning="$w = e^r$"),
    # what becomes of the law
    "mean_reward": Quantity("mean reward", "E[r]", "log-odds"),
    "mean_weight": Quantity("mean weight", "E[w]", meaning="$E[e^r]$"),
    "share": Quantity("share", meaning="mass of a class, mode or region"),
    "best_mode": Quantity("best mode", meaning="mode of the real data where the reward is largest"),
    "upper_moon": Quantity("upper moon", meaning="of the two half circles, the upper one"),
    "condensate": Quantity("condensate", unit="share of mass", meaning="atom at the top reward"),
    "kl": Quantity("divergence", r"D_{\mathrm{KL}}", "nats"),
    "class_kl": Quantity(
        "divergence of class shares",
        r"D_{\mathrm{KL}}(P_t\|P_0)",
        "nats",
        "of the shares $P_t$ of the classes in round t from those in the first",
    ),
    "kl_to_real": Quantity(
        "divergence from the real data", r"D_{\mathrm{KL}}(p_t\|p_{\mathrm{ref}})", "nats"
    ),
    "reverse_kl_to_real": Quantity(
        "reverse divergence from the real data", r"D_{\mathrm{KL}}(p_{\mathrm{ref}}\|p_t)", "nats"
    ),
    "total_variation": Quantity(
        "total variation",
        r"\mathrm{TV}",
        meaning="largest difference of the masses that two laws give to a set",
    ),
    "chi_square": Quantity(
        "chi-square",
        r"\chi^2",
        meaning=r"mean square, under the real data, of the relative change of the law",
    ),
    "kl_aligned": Quantity(
        "divergence of the aligned law from the start", r"D_{\mathrm{KL}}(q\|p_0)", "nats"
    ),
    "tv_to_start": Quantity("distance from the start", r"\mathrm{TV}(p_t,p_0)"),
    "chance": Quantity("probability of being kept", "P", meaning="$e^r$ over the sum of all K"),
    # the plane
    "x_1": Quantity("first coordinate", "x_1", "length"),
    "x_2": Quantity("second coordinate", "x_2", "length"),
    "density": Quantity("density", "p", "per unit area"),
    "marginal": Quantity("marginal density", unit="per unit length", meaning="of one coordinate"),
    "angle": Quantity("angle on the ring", unit="degrees", meaning="from the reward's centre"),
    # distance of samples from a law
    "sliced": Quantity("sliced Wasserstein distance", unit="length"),
    "frechet": Quantity(
        "Fréchet distance",
        unit="squared units",
        meaning="of Gaussians with the features' means and covariances (Heusel et al. 2017)",
    ),
    "difference": Quantity(
        "difference of images",
        unit="pixel, of 2",
        meaning="root mean square over pixels, which go from -1, black, to 1, white",
    ),
    "pixel_distance": Quantity(
        "Fréchet distance of pixels", unit="pixel²", meaning="with the pixels as features"
    ),
    "precision": Quantity(
        "precision", meaning="share of generated samples close to a real one (Kynkäänniemi 2019)"
    ),
    "recall": Quantity(
        "recall", meaning="share of real samples close to a generated one (Kynkäänniemi 2019)"
    ),
    # learning a reward
    "comparisons": Quantity("comparisons", "n", meaning="choices that a reward is learnt from"),
    "penalty": Quantity("KL penalty", r"\beta", meaning=r"of the optimum $p_0 e^{r/\beta}$"),
}
"""Every quantity by its key."""
