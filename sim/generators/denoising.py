r"""From noise to samples with a prediction of the noise: DDPM and DDIM, by diffusers' schedulers.

A scheduler is given the chain of the visited times only. Its own spacing of times would assume
that their number divides T, and step to a time beside the next one where it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch

from sim.generators.noise_schedule import NoiseSchedule

Sampler = Literal["ddim", "ddpm"]
# From x_t of shape (n, ...) and t in 1, ..., T to the noise in it, of the same shape.
NoiseOf = Callable[[torch.Tensor, int], torch.Tensor]


def denoise(
    noise_of: NoiseOf,
    schedule: NoiseSchedule,
    latents: torch.Tensor,
    *,
    sampler: Sampler,
    visited: int,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    r"""Samples :math:`x_0` from latents :math:`x_T`, both (n, ...).

    Parameters
    ----------
    noise_of
        Prediction of the noise.
    schedule
        The chain that it was made for.
    latents
        Standard normal for a sample of the model.
    sampler
        ``"ddim"`` is deterministic. ``"ddpm"`` adds noise of variance :math:`\beta_t`, on all
        steps but the last: exact for data that are standard normal, and nearer to the law than
        :math:`\tilde\beta_t` when few times are visited.
    visited
        Times visited, evenly spaced in 1, …, T.
    generator
        Of DDPM's noise, on the device of the latents.

    Raises
    ------
    ValueError
        For more times than T, fewer than one, or DDPM without a generator.
    """
    times = schedule.spaced(visited)
    if sampler == "ddpm" and generator is None:
        raise ValueError("DDPM adds noise: give a torch generator for it.")
    noisy = {"generator": generator} if sampler == "ddpm" else {}
    scheduler = _scheduler(sampler, schedule.at(times))
    samples = latents
    for place in range(visited - 1, -1, -1):
        noise = noise_of(samples, int(times[place]))
        samples = scheduler.step(noise, place, samples, return_dict=False, **noisy)[0]
    return samples


def _scheduler(sampler: Sampler, schedule: NoiseSchedule) -> Any:
    # Imported here: it takes seconds, which whoever does not sample should not wait for.
    from diffusers import DDIMScheduler, DDPMScheduler

    shared = {
        "num_train_timesteps": schedule.steps,
        "trained_betas": schedule.betas.tolist(),
        "clip_sample": False,
    }
    if sampler == "ddim":
        scheduler = DDIMScheduler(**shared)
    else:
        scheduler = DDPMScheduler(variance_type="fixed_large", **shared)
    scheduler.set_timesteps(schedule.steps)
    # It would keep a product in float32, whose 1 - alpha_bar is wrong by 1e-3 at t = 1.
    scheduler.alphas_cumprod = torch.as_tensor(schedule.alpha_bar)
    return scheduler
