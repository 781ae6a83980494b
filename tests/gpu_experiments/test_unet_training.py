"""Training: what it learns in a case that is known, its average, its numbers, its faults."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch

from gpu_experiments.flow import FlowSettings
from gpu_experiments.unet_training import TrainedUNet, TrainedUNetSettings, spread_times
from sim.protocols import DivergedTraining, silent
from sim.streams import torch_generator

SHAPE = (1, 4, 4)
TINY = replace(FlowSettings.smoke(), flips=False)


def images(n=40, seed=0):
    drawn = torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(seed))
    return 2 * drawn - 1


def opposite(batch, generator, rng):
    """To learn: an image's negative, whatever the time."""
    return spread_times(len(batch), generator), batch, -batch


def fitted(settings=TINY, seed=0, lesson=opposite, **chosen):
    unet = TrainedUNet(replace(settings, **chosen), SHAPE)
    unet.fit(images(), lesson, np.random.default_rng(seed), silent)
    return unet


def weights(unet):
    return torch.cat([value.flatten() for value in unet.state()["weights"].values()])


def test_a_lesson_is_learnt():
    unet = fitted(steps=150, rate=3e-3, rise=0.1, fall="cosine", beta_2=0.99, dropout=0.0)
    fresh = images(100, seed=9)
    error = (unet(fresh, 0.3) + fresh).square().mean() / fresh.square().mean()
    # Predicting 0 gives 1; the reported loss is of the images that were trained on.
    assert float(error) < 0.05


def test_the_average_is_the_one_that_is_described():
    """Weights after each step are seen through a lesson; their average is recomputed in double."""
    seen = []
    unet = TrainedUNet(replace(TINY, steps=6, average=0.3), SHAPE)

    def watched(batch, generator, rng):
        if rng is not None and unet.network is not None:
            seen.append(
                torch.cat([w.detach().flatten() for w in unet.network.parameters()]).double()
            )
        return opposite(batch, generator, rng)

    last = []
    adam_step = torch.optim.Adam.step

    def step(self, *args, **kwargs):
        found = adam_step(self, *args, **kwargs)
        last.append(
            torch.cat([w.detach().flatten() for w in self.param_groups[0]["params"]]).double()
        )
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", step)
        unet.fit(images(), watched, np.random.default_rng(0), silent)
    averaged = seen[0]
    for k, now in enumerate(last):
        memory = min(0.3, (1 + k) / (10 + k))
        averaged = memory * averaged + (1 - memory) * now
    found = torch.cat([w.detach().flatten() for w in unet.network.parameters()]).double()
    assert len(last) == 6
    torch.testing.assert_close(found, averaged, rtol=1e-5, atol=1e-7)
    assert not torch.allclose(found, last[-1], rtol=1e-5, atol=1e-7)


def test_the_rate_rises_and_falls():
    settings = replace(TINY, rise=0.1, fall="cosine")
    rates = [settings.rate_at(step, 100, 2.0) for step in range(100)]
    assert rates[0] == pytest.approx(0.2, abs=0)
    assert max(rates) == pytest.approx(2.0, rel=0.03)
    assert rates[50] == pytest.approx(1.0, rel=1e-12)
    assert rates[99] < 0.001
    flat = [replace(settings, fall="constant").rate_at(step, 100, 2.0) for step in range(100)]
    assert flat[9:] == [2.0] * 91


def test_the_same_stream_gives_the_same_weights_and_leaves_the_global_streams_alone():
    before, numpy_before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    one, same, other = fitted(seed=1), fitted(seed=1), fitted(seed=2)
    assert torch.equal(weights(one), weights(same))
    assert not torch.equal(weights(one), weights(other))
    assert torch.equal(before, torch.random.get_rng_state())
    assert np.array_equal(numpy_before, np.random.get_state()[1])  # noqa: NPY002


def test_dropout_depends_on_the_stream_only():
    torch.manual_seed(0)
    one = fitted(dropout=0.5)
    torch.manual_seed(1)
    assert torch.equal(weights(one), weights(fitted(dropout=0.5)))
    assert not torch.equal(weights(one), weights(fitted(dropout=0.0)))


def test_a_state_passes_through_a_file_and_goes_on_in_the_same_way():
    unet = fitted()
    file = io.BytesIO()
    torch.save(unet.state(), file)
    file.seek(0)
    again = TrainedUNet(TINY, SHAPE)
    again.load(torch.load(file, weights_only=True))
    for one in (unet, again):
        one.fit(images(seed=5), opposite, np.random.default_rng(3), silent)
    assert torch.equal(weights(unet), weights(again))


def test_a_later_fit_starts_from_the_last_weights():
    unet = fitted()
    before = weights(unet)
    unet.settings = replace(unet.settings, warm_steps=1, warm_rate=1e-9)
    unet.fit(images(), opposite, np.random.default_rng(1), silent)
    torch.testing.assert_close(weights(unet), before, rtol=0, atol=1e-7)


class Half:
    """One of two devices, whose gradients are put together by the test."""

    count = 2

    def __init__(self, rank, average):
        self.rank, self.average = rank, average


def test_two_devices_take_the_steps_of_one(monkeypatch):
    """Both halves of a first step, averaged, are the gradient that one device finds."""
    settings = replace(TINY, steps=1, clip=1e9, batch=16, piece=8)
    found = {}
    for rank in (0, 1):

        def keep(tensors, rank=rank):
            found.setdefault(rank, [tensor.clone() for tensor in tensors])

        unet = TrainedUNet(settings, SHAPE, replicas=Half(rank, keep))
        unet.fit(images(), opposite, np.random.default_rng(0), silent)

    class Watching:
        rank, count = 0, 1

        def average(self, tensors):
            found.setdefault("one", [tensor.clone() for tensor in tensors])

    one = TrainedUNet(settings, SHAPE, replicas=Watching())
    one.fit(images(), opposite, np.random.default_rng(0), silent)
    for whole, first, second in zip(found["one"], found[0], found[1], strict=True):
        torch.testing.assert_close(whole, (first + second) / 2, rtol=1e-4, atol=1e-7)
    assert any(not torch.allclose(a, b) for a, b in zip(found[0], found[1], strict=True))


def test_every_image_is_seen_once_before_any_is_seen_again():
    seen = []

    def watched(batch, generator, rng):
        seen.append(batch[:, 0, 0, 0])
        return opposite(batch, generator, rng)

    # Ten images, batches of 16: each batch takes parts of two or three passes.
    unet = TrainedUNet(replace(TINY, steps=5), SHAPE)
    unet.fit(images(10), watched, np.random.default_rng(0), silent)
    passes = torch.cat(seen).reshape(8, 10)
    assert all(torch.equal(one.sort().values, passes[0].sort().values) for one in passes)
    assert not torch.equal(passes[0], passes[1])


def test_flips_mirror_half_of_the_images():
    seen = []

    def watched(batch, generator, rng):
        seen.append(batch)
        return opposite(batch, generator, rng)

    data = torch.arange(16.0).reshape(1, *SHAPE) / 16
    for flips in (False, True):
        unet = TrainedUNet(replace(TINY, steps=10, flips=flips), SHAPE)
        unet.fit(data.repeat(40, 1, 1, 1), watched, np.random.default_rng(0), silent)
    plain, flipped = (torch.cat(part) for part in (seen[:20], seen[20:]))
    assert torch.equal(plain, data.expand_as(plain))
    mirrored = (flipped == data.flip(-1)).all(dim=(1, 2, 3))
    assert bool((mirrored | (flipped == data).all(dim=(1, 2, 3))).all())
    # 160 throws of a coin: five standard deviations are 32.
    assert abs(int(mirrored.sum()) - 80) < 32


def test_times_are_spread_and_in_no_order():
    times = spread_times(1000, torch_generator(np.random.default_rng(0), "cpu"))
    assert torch.equal((times.sort().values * 1000).long(), torch.arange(1000))
    assert abs(float(torch.corrcoef(torch.stack([times, torch.arange(1000.0)]))[0, 1])) < 0.15


def nan_at(step):
    calls = []

    def lesson(batch, generator, rng):
        calls.append(len(batch))
        times, inputs, wanted = opposite(batch, generator, rng)
        return times, inputs, wanted * (float("nan") if len(calls) > 2 * step else 1)

    return lesson


def test_a_loss_that_is_no_number_names_its_step_and_leaves_the_network_as_it_was():
    unet = fitted()
    before = weights(unet)
    unet.settings = replace(unet.settings, warm_steps=7)
    # Two pieces to a batch: the fourth step is the first whose pieces are no numbers.
    with pytest.raises(DivergedTraining, match=r"nan at step 4 of 7"):
        unet.fit(images(), nan_at(3), np.random.default_rng(1), silent)
    assert torch.equal(weights(unet), before)


def test_too_high_a_rate_is_found_out():
    with pytest.raises(DivergedTraining, match=r"of 40 at rate 100"):
        fitted(steps=40, rate=100.0, rise=0.0, average=0.0)


def test_weights_that_the_last_step_ruined_are_found_out(monkeypatch):
    adam_step = torch.optim.Adam.step
    count = []

    def step(self, *args, **kwargs):
        adam_step(self, *args, **kwargs)
        count.append(0)
        if len(count) == 4:
            with torch.no_grad():
                self.param_groups[0]["params"][0].fill_(float("inf"))

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    with pytest.raises(DivergedTraining, match="after step 4 of 4"):
        fitted()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_a_fit_that_is_stopped_leaves_the_network_as_it_was(stop):
    unet = fitted()
    before = weights(unet)

    def stopped(done, loss):
        raise stop

    with pytest.raises(stop):
        unet.fit(images(), opposite, np.random.default_rng(1), stopped)
    assert torch.equal(weights(unet), before)


def exhausted(*args, **kwargs):
    raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize(
    ("batch", "piece", "remedy"),
    [
        (16, 8, r"give batch = 8 instead of 16\.$"),
        (16, 16, r"give batch = 8 and piece = 8 instead of 16\.$"),
        (10, 5, r"give batch = 5 instead of 10\.$"),
        (12, 4, r"give batch = 6 and piece = 2 instead of 12\.$"),
        (1, 1, r"smaller network"),
    ],
)
def test_too_little_memory_for_a_batch_names_one_that_may_fit(batch, piece, remedy):
    unet = fitted()
    before = weights(unet)
    unet.settings = replace(unet.settings, batch=batch, piece=piece)
    unet._run = exhausted
    with pytest.raises(MemoryError, match=remedy):
        unet.fit(images(), opposite, np.random.default_rng(0), silent)
    assert torch.equal(weights(unet), before)


def test_too_little_memory_for_samples_names_how_many_may_fit():
    unet = fitted(in_flight=50)
    unet._run = exhausted
    with pytest.raises(MemoryError, match=r"give in_flight = 25 instead of 50\.$"):
        unet.in_flight(lambda part: unet(part, 0.5), images())


def test_parts_in_flight_make_no_difference():
    one, parts = fitted(in_flight=64), fitted(in_flight=7)
    found = [unet.in_flight(lambda part, u=unet: u(part, 0.5), images()) for unet in (one, parts)]
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-6)


def test_a_compiled_network_sees_one_size():
    unet = fitted(in_flight=16)
    plain, sizes = unet(images(5), 0.5), []

    def compiled(times, x):
        sizes.append((len(times), len(x)))
        return unet.network(times, x)

    unet._run = compiled
    torch.testing.assert_close(unet(images(5), 0.5), plain, rtol=1e-5, atol=1e-6)
    assert sizes == [(16, 16)]


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"batch": 128, "piece": 100}, "whole pieces of 100"),
        ({"steps": 0}, "steps = 0"),
        ({"in_flight": 2.5}, "in_flight = 2.5"),
        ({"rate": 0.0}, "rate = 0.0"),
        ({"clip": float("nan")}, "clip = nan"),
        ({"average": 1.0}, "average = 1.0"),
        ({"rise": -0.1}, "rise = -0.1"),
        ({"fall": "linear"}, "fall = 'linear'"),
        ({"flips": 1}, "flips = 1"),
    ],
)
def test_settings_out_of_range_are_refused(chosen, said):
    with pytest.raises(ValueError, match=said):
        TrainedUNetSettings(**chosen)


def test_what_does_not_belong_is_refused():
    unet = fitted()
    with pytest.raises(ValueError, match="shared out to 2"):
        TrainedUNet(replace(TINY, batch=8, piece=8), SHAPE, replicas=Half(0, None))
    with pytest.raises(ValueError, match="another network"):
        TrainedUNet(replace(TINY, channel_mult=(1, 1)), SHAPE).load(unet.state())
    with pytest.raises(ValueError, match=r"images of shape \(1, 4, 4\)"):
        TrainedUNet(TINY, (1, 8, 8)).load(unet.state())
    with pytest.raises(ValueError, match="latents have shape"):
        unet.in_flight(lambda part: part, torch.zeros(2, 1, 8, 8))
    with pytest.raises(ValueError, match="has not been fitted"):
        TrainedUNet(TINY, SHAPE).in_flight(lambda part: part, images())
