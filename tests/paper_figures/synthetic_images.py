"""Runs on images that needed no training: the loop drawn image by image from a population.

The generator is perfect, its model the images that it was fitted to, unless part of what it makes
is said to be of low reward whatever it was fitted to.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import torch

from gpu_experiments.experiment import CONTROL
from gpu_experiments.feature_axes import to_json
from gpu_experiments.frechet import moments
from gpu_experiments.presets import MEASURED_IN_CONTROL, PRESETS
from gpu_experiments.pretrained import FIRST_MODEL
from sim.runs import CONFIG, ENVIRONMENT, METRICS, SECONDS

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


VARIANCES = (4.0, 1.0)
"""Of the real images along the axes of their made-up features."""


def population(reward):
    """Rewards and classes of 20 000 images; some classes are told with less confidence."""
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=20_000)
    confidence = 0.3 + 0.7 * rng.beta(10 - 0.9 * labels, 2)
    if reward == "confidence":
        return 15 * confidence, labels
    return 5 * np.where(labels == 0, confidence, (1 - confidence) / 9), labels


def coordinates(rewards, labels):
    """Along the axes, shape (n, 2): both follow from what the image is."""
    return np.stack([0.7 * (labels - 4.5), (rewards - rewards.min()) / np.ptp(rewards)], axis=1)


def write_run(folder, reward, ratio, seed, iterations, blurred=0.0, kept=100, K=20):
    """A complete run in a folder of its own, which is returned."""
    control, name = reward == CONTROL, f"{reward}-{ratio}-{seed}"
    reward = MEASURED_IN_CONTROL if control else reward
    experiment = replace(
        PRESETS["cifar10-paper"].runs[f"{reward}-{ratio}-0"],
        kept=kept,
        K=K,
        iterations=iterations,
        seed=seed,
        saved=3 * K,
        selects=not control,
    )
    # All settings of a seed begin with the same images.
    first, rng = np.random.default_rng(seed), np.random.default_rng([seed, ratio == "mixed"])
    rewards, labels = population(reward)
    places = coordinates(rewards, labels)
    path = folder / name
    (path / "samples").mkdir(parents=True)
    (path / CONFIG).write_text(json.dumps(experiment.as_json()))
    packages = {"torch": "9.8.7", "torchcfm": "1.0.7", "numpy": "2.4.6"}
    environment = {"python": "3.11.7", "packages": packages, "revision": "abc"}
    (path / ENVIRONMENT).write_text(json.dumps(environment))
    model = np.arange(len(rewards))
    for t in range(iterations + 1):
        source = rng if t else first
        candidates = source.choice(model, K * kept)
        images = source.integers(256, size=(3 * K, 32, 32, 3), dtype=np.uint8)
        scores = rewards[candidates]
        scores = np.where(rng.random(len(scores)) < blurred * (t > 0), rewards.min(), scores)
        noise = rng.gumbel(size=(kept, K))
        chosen = (scores.reshape(kept, K) * (not control) + noise).argmax(axis=1) + K * np.arange(
            kept
        )
        arrays = {
            "rewards": scores.astype(np.float32),
            "classes": labels[candidates],
            "kept": chosen,
        }
        if t == 0:
            # Of some candidates alone, as in runs of many.
            arrays["coordinates"] = places[candidates][: 3 * len(candidates) // 4]
        np.savez(path / "samples" / f"{t:03d}.npz", images=images, **arrays)
        shares = np.bincount(labels[candidates], minlength=10) / len(candidates)
        quality = {
            "features": "made-up features (7)",
            "frechet": 10.0 + t,
            "frechet_floor": 5.0,
            "precision": 0.7,
            "recall": 0.9 - 0.01 * t,
            "along_axes": to_json(moments(torch.as_tensor(places[candidates]))),
        }
        weights = np.exp(scores)
        line = {
            "t": t,
            "reward": float(scores.mean()),
            "weight": float(weights.mean()),
            "weight_se": float(weights.std(ddof=1) / math.sqrt(len(weights))),
            "candidates": len(candidates),
            "shares": dict(zip(NAMES, shares.tolist(), strict=True)),
            "quality": [quality],
        }
        if t == 0:
            levels = {"precision_halves": 0.8, "recall_halves": 0.85}
            axes = {"axes_variances": VARIANCES, "axes_share": 0.9}
            line["reference"] = [levels | axes]
            line["fit"] = {FIRST_MODEL: 1.5}
        with (path / METRICS).open("a") as lines:
            lines.write(json.dumps(line) + "\n")
        with (path / SECONDS).open("a") as lines:
            lines.write(json.dumps({"t": t, "all": 100.0}) + "\n")
        real = 0 if math.isinf(experiment.lam) else kept
        model = np.concatenate([candidates[chosen], rng.choice(len(rewards), real)])
    return path
