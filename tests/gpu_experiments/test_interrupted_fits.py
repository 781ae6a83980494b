"""Interrupted fits: they go on to the same numbers, and nothing else goes on from their files."""

from __future__ import annotations

import copy
import errno
import os
import pickle
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from gpu_experiments import interrupted_fits
from gpu_experiments.diffusion import ImageDiffusion, ImageDiffusionSettings
from gpu_experiments.flow import FlowSettings, ImageFlow
from gpu_experiments.interrupted_fits import CHECKPOINT, UnfinishedFit, digest
from gpu_experiments.unet_training import TrainedUNet
from sim.protocols import DivergedTraining, silent

SHAPE = (1, 4, 4)
EVERY = 3
# All that draws random numbers, and more images in two batches than there are: with a permutation
# that is half used up.
FLOW = replace(
    FlowSettings.smoke(),
    batch=8,
    piece=4,
    steps=11,
    warm_steps=8,
    dropout=0.3,
    flips=True,
)
SETTINGS = {
    "flow": FLOW,
    "diffusion": ImageDiffusionSettings.like(FLOW, visited=4, times=100),
}


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(interrupted_fits, "CHECKPOINT", EVERY)


def images(n=10, seed=0):
    drawn = torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(seed))
    return 2 * drawn - 1


def model(settings=FLOW, folder=None, **chosen):
    kind = ImageFlow if isinstance(settings, FlowSettings) else ImageDiffusion
    return kind(replace(settings, **chosen), SHAPE, unfinished=folder)


def weights(of):
    return torch.cat([value.flatten() for value in of.state()["weights"].values()])


def files(folder):
    return sorted(folder.iterdir()) if folder.exists() else []


@pytest.fixture
def steps(monkeypatch):
    """Counts the steps that are taken, and stops a fit after as many as are asked for."""
    steps, adam_step = Steps(), torch.optim.Adam.step

    def step(self, *args, **kwargs):
        adam_step(self, *args, **kwargs)
        steps.taken += 1
        if steps.taken == steps.most:
            raise steps.fault

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    return steps


class Steps:
    taken, most, fault = 0, None, KeyboardInterrupt

    def of(self, fit, most=None, fault=KeyboardInterrupt):
        """How many steps a fit takes, until it is stopped if it is."""
        self.taken, self.most, self.fault = 0, most, fault
        if most is None:
            fit()
        else:
            with pytest.raises(fault):
                fit()
        return self.taken


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize(
    ("stops", "left"),
    [
        # Nothing is written yet, or not quite.
        ([2], 11),
        ([3], 11),
        # Right after a file, and in the middle between two.
        ([4], 8),
        ([8], 5),
        ([11], 2),
        # Before the next file, and after it.
        ([5, 2], 8),
        ([4, 5, 1], 5),
    ],
    ids=str,
)
def test_an_interrupted_fit_ends_as_if_it_had_not_been(kind, stops, left, steps, tmp_path):
    whole, stream = model(SETTINGS[kind]), np.random.default_rng(1)
    found = whole.fit(images(), stream)
    globals_before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    for stop in stops:
        one = model(SETTINGS[kind], tmp_path)
        steps.of(lambda one=one: one.fit(images(), np.random.default_rng(1)), stop)
    again, other, told = model(SETTINGS[kind], tmp_path), np.random.default_rng(1), []
    assert steps.of(lambda: told.append(again.fit(images(), other))) == left
    assert torch.equal(weights(again), weights(whole))
    assert told == [found]
    assert other.bit_generator.state == stream.bit_generator.state
    assert torch.equal(torch.random.get_rng_state(), globals_before[0])
    assert np.array_equal(np.random.get_state()[1], globals_before[1])  # noqa: NPY002
    assert files(tmp_path) == []


def test_a_later_fit_goes_on_too_and_the_next_one_after_it(steps, tmp_path):
    whole = model()
    for seed in (1, 2, 3):
        whole.fit(images(seed=seed), np.random.default_rng(seed))
    one = model(folder=tmp_path / "one")
    one.fit(images(seed=1), np.random.default_rng(1))
    state = one.state()
    steps.of(lambda: one.fit(images(seed=2), np.random.default_rng(2)), 7)
    # In the same process, and in one that begins with the last state.
    shutil.copytree(tmp_path / "one", tmp_path / "again")
    again = model(folder=tmp_path / "again")
    again.load(state)
    for these in (one, again):
        left = steps.of(lambda of=these: of.fit(images(seed=2), np.random.default_rng(2)))
        assert left == 2
        these.fit(images(seed=3), np.random.default_rng(3))
        assert torch.equal(weights(these), weights(whole))


def drawing(batch, generator, rng):
    """Draws from all streams there are, the global ones included."""
    numbers = rng.random(batch.shape) + np.random.random(batch.shape)  # noqa: NPY002
    noise = torch.rand(batch.shape) + torch.rand(batch.shape, generator=generator)
    return torch.rand(len(batch)), batch + noise, torch.as_tensor(numbers).float()


def test_all_streams_go_on(steps, tmp_path):
    def fitted(most=None, folder=None):
        unet = TrainedUNet(FLOW, SHAPE, unfinished=folder)
        steps.of(lambda: unet.fit(images(), drawing, np.random.default_rng(0), silent), most)
        return unet

    fitted(8, tmp_path)
    assert torch.equal(weights(fitted(folder=tmp_path)), weights(fitted()))


def test_progress_goes_on_where_the_fit_was(steps, tmp_path):
    told = []
    steps.of(lambda: model(folder=tmp_path).fit(images(), np.random.default_rng(1)), 8)
    model(folder=tmp_path).fit(images(), np.random.default_rng(1), lambda *now: told.append(now))
    assert [done for done, _ in told] == [6 / 11, 9 / 11, 1.0]
    assert all(np.isfinite(loss) for _, loss in told)


def test_short_fits_write_nothing_and_hash_nothing(monkeypatch, steps, tmp_path):
    monkeypatch.setattr("gpu_experiments.unet_training.digest", lambda _: pytest.fail("hashed"))
    folder = tmp_path / "unfinished"
    short = model(folder=folder, steps=EVERY)
    assert steps.of(lambda: short.fit(images(), np.random.default_rng(1)), EVERY) == EVERY
    short.fit(images(), np.random.default_rng(1))
    assert not folder.exists()


def test_the_end_is_not_written(monkeypatch, tmp_path):
    written, write = [], UnfinishedFit.write

    def counted(self, state):
        written.append(state["step"])
        write(self, state)

    monkeypatch.setattr(UnfinishedFit, "write", counted)
    model(folder=tmp_path, steps=3 * EVERY).fit(images(), np.random.default_rng(1))
    assert written == [EVERY, 2 * EVERY]


def test_digits_write_nothing_and_the_published_sizes_do():
    digits, published = FlowSettings.digits(), FlowSettings.cifar10()
    assert max(digits.steps, digits.warm_steps) < CHECKPOINT < published.warm_steps


OTHERS = {
    "data": {"data": images(seed=7)},
    "order": {"data": images().flip(0)},
    "seed": {"seed": 2},
    "rate": {"rate": 2e-3},
    "steps": {"steps": 12},
    "dropout": {"dropout": 0.2},
    "diffusion": {"settings": SETTINGS["diffusion"]},
}


@pytest.mark.parametrize("other", OTHERS)
def test_another_fit_does_not_go_on_from_the_file_and_leaves_it(other, steps, tmp_path):
    def fit(data=None, seed=1, **chosen):
        of = model(folder=tmp_path, **chosen)
        of.fit(images() if data is None else data, np.random.default_rng(seed))

    steps.of(fit, 8)
    (kept,) = files(tmp_path)
    content = kept.read_bytes()
    assert steps.of(lambda: fit(**OTHERS[other])) == OTHERS[other].get("steps", 11)
    assert files(tmp_path) == [kept]
    assert kept.read_bytes() == content
    assert steps.of(fit) == 5


def test_a_later_fit_from_other_weights_or_by_another_stream_begins_anew(steps, tmp_path):
    first = model(folder=tmp_path)
    first.fit(images(), np.random.default_rng(1))
    other = model(folder=tmp_path)
    state = copy.deepcopy(first.state())
    next(iter(state["weights"].values())).view(-1)[0] += 1e-6
    other.load(state)
    steps.of(lambda: first.fit(images(), np.random.default_rng(2)), 7)
    assert steps.of(lambda: other.fit(images(), np.random.default_rng(2))) == 8
    # From the same weights by another stream.
    other.load(first.state())
    assert steps.of(lambda: other.fit(images(), np.random.default_rng(3))) == 8


def test_a_later_fit_does_not_go_on_from_a_first_one(steps, tmp_path):
    one, other = (model(folder=tmp_path) for _ in range(2))
    steps.of(lambda: one.fit(images(), np.random.default_rng(1)), 8)
    # Put back, they are the weights that the first fit began with.
    other.load({**one.state(), "weights": one.unet.network.state_dict()})
    assert steps.of(lambda: other.fit(images(), np.random.default_rng(1))) == 8


class Harmful:
    def __reduce__(self):
        return os.mkdir, ("harm",)


def stored(value, path):
    torch.save(value, path)
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["cut", "bit", "empty", "text", "foreign", "list", "harmful"])
def test_a_damaged_file_is_refused_in_one_sentence_and_left_there(
    kind, steps, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "unfinished"
    one = model(folder=folder)
    steps.of(lambda: one.fit(images(), np.random.default_rng(1)), 8)
    (file,) = files(folder)
    whole, other = file.read_bytes(), tmp_path / "other"
    middle = len(whole) // 2
    content = {
        "cut": whole[:-100],
        # Within the weights, where no structure is broken.
        "bit": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "empty": b"",
        "text": b"not a fit\n",
        "foreign": stored({"weights": 1}, other),
        "list": stored([1, 2], other),
        "harmful": pickle.dumps(Harmful()),
    }[kind]
    file.write_bytes(content)
    with pytest.raises(ValueError, match="is no unfinished fit of this program") as caught:
        one.fit(images(), np.random.default_rng(1))
    assert str(file) in str(caught.value)
    assert "remove it to begin the fit anew" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == content
    assert not (tmp_path / "harm").exists()
    file.unlink()
    assert steps.of(lambda: one.fit(images(), np.random.default_rng(1))) == 11


def test_a_file_under_the_name_of_another_fit_is_refused(steps, tmp_path):
    def fit(seed):
        model(folder=tmp_path).fit(images(), np.random.default_rng(seed))

    steps.of(lambda: fit(1), 8)
    (one,) = files(tmp_path)
    steps.of(lambda: fit(2), 8)
    (other,) = set(files(tmp_path)) - {one}
    os.replace(one, other)
    with pytest.raises(ValueError, match="is of another fit: remove it to begin this one"):
        fit(2)


def ruined_from(step):
    calls = []

    def lesson(batch, generator, rng):
        calls.append(len(batch))
        wanted = -batch * (float("nan") if len(calls) > 2 * step else 1)
        return torch.rand(len(batch), generator=generator), batch, wanted

    return lesson


def test_a_fit_that_diverges_begins_anew(steps, tmp_path):
    def fit(lesson):
        unet = TrainedUNet(FLOW, SHAPE, unfinished=tmp_path)
        unet.fit(images(), lesson, np.random.default_rng(0), silent)

    with pytest.raises(DivergedTraining, match="at step 8 of 11"):
        fit(ruined_from(7))
    assert files(tmp_path) == []
    assert steps.of(lambda: fit(ruined_from(11))) == 11


@pytest.mark.parametrize("fault", [SystemExit, ValueError, torch.cuda.OutOfMemoryError])
def test_after_any_other_end_the_file_stays_and_the_network_is_as_before(fault, steps, tmp_path):
    one = model(folder=tmp_path)
    one.fit(images(), np.random.default_rng(1))
    before = weights(one)
    raised = MemoryError if fault is torch.cuda.OutOfMemoryError else fault
    steps.taken, steps.most, steps.fault = 0, 7, fault
    with pytest.raises(raised):
        one.fit(images(), np.random.default_rng(2))
    assert torch.equal(weights(one), before)
    assert len(files(tmp_path)) == 1
    assert steps.of(lambda: one.fit(images(), np.random.default_rng(2))) == 2


def test_a_disk_that_fills_up_leaves_the_last_file(steps, tmp_path, monkeypatch):
    fsync, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    one = model(folder=tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        one.fit(images(), np.random.default_rng(1))
    assert str(tmp_path) in caught.value.filename
    assert [file.suffix for file in files(tmp_path)] == [".pt"]
    assert steps.of(lambda: one.fit(images(), np.random.default_rng(1))) == 8


KILLED = """
import time
from gpu_experiments import interrupted_fits
interrupted_fits.CHECKPOINT = every
step = torch.optim.Adam.step
calls = []
def slow(self, *args, **kwargs):
    step(self, *args, **kwargs)
    calls.append(1)
    if len(calls) == 8:
        ready.touch()
        time.sleep(1000)
torch.optim.Adam.step = slow
ImageFlow(settings, shape, unfinished=folder).fit(data, np.random.default_rng(1))
"""
IMPORTS = """
import numpy as np, torch
from gpu_experiments.flow import ImageFlow
"""


def test_a_process_that_is_killed_leaves_what_another_goes_on_from(doing, steps, tmp_path):
    folder, ready = tmp_path / "unfinished", tmp_path / "ready"
    given = {"settings": FLOW, "shape": SHAPE, "data": images().numpy(), "every": EVERY}
    code = IMPORTS + "data = torch.as_tensor(data)\n" + KILLED
    process = doing(code, folder=folder, ready=ready, **given)
    while not ready.exists():
        assert process.is_alive()
        time.sleep(0.01)
    process.kill()
    process.join()
    # As a process does that is killed while it writes.
    (file,) = files(folder)
    for name in (f"{file.stem}.7.new", f".{file.stem}.7.new.7.draft"):
        (folder / name).write_bytes(b"half")
    whole, again = model(), model(folder=folder)
    whole.fit(images(), np.random.default_rng(1))
    assert steps.of(lambda: again.fit(images(), np.random.default_rng(1))) == 5
    assert torch.equal(weights(again), weights(whole))
    assert files(folder) == []


def of_steps(*found):
    """An average over processes that are at these steps, the first of which is this one."""

    def average(tensors):
        for tensor in tensors:
            assert tensor.tolist() == [found[0], found[0] ** 2]
            tensor.copy_(torch.tensor([found, [step**2 for step in found]]).double().mean(dim=1))

    return average


def kept(folder, average):
    return UnfinishedFit(folder, {"fit": 1}, average, torch.device("cpu"))


@pytest.mark.parametrize(
    ("others", "agreed"),
    [
        ([], True),
        ([400_000 - 1000] * 7, True),
        ([400_000], False),
        ([0], False),
        # Some are at the mean.
        ([398_000, 400_000], False),
    ],
    ids=["alone", "all", "ahead", "none", "around"],
)
def test_a_step_that_not_all_processes_have_is_none(others, agreed, tmp_path):
    kept(tmp_path, lambda _: None).write({"step": 399_000})
    found = kept(tmp_path, of_steps(399_000, *others)).load()
    assert found == ({"step": 399_000} if agreed else None)
    (file,) = files(tmp_path)
    file.unlink()
    assert kept(tmp_path, of_steps(0, *others)).load() is None


def test_no_process_replaces_its_file_before_all_have_written(tmp_path):
    kept(tmp_path, lambda _: None).write({"step": 3})
    seen = []

    def average(tensors):
        seen.append(([file.suffix for file in files(tmp_path)], later._read()))

    later = kept(tmp_path, average)
    later.write({"step": 6})
    assert seen == [([".new", ".pt"], {"step": 3})]
    assert later._read() == {"step": 6}


TOGETHER = (
    IMPORTS
    + """
from gpu_experiments import interrupted_fits
from gpu_experiments.distributed import team_on
interrupted_fits.CHECKPOINT = every
team, step, data = team_on("cpu"), torch.optim.Adam.step, torch.as_tensor(data)
taken, most = 0, None
def counted(self, *args, **kwargs):
    global taken
    step(self, *args, **kwargs)
    taken += 1
    if taken == most:
        raise KeyboardInterrupt
torch.optim.Adam.step = counted
def fit(where, stop=None):
    global taken, most
    taken, most = 0, stop
    flow = ImageFlow(settings, shape, "cpu", team, where)
    try:
        told = flow.fit(data, np.random.default_rng(1))
    except KeyboardInterrupt:
        team.together()
        return
    return told, list(flow.state()["weights"].values())
told, whole = fit(None)
def end():
    found, weights = fit(folder / "unfinished")
    same = all(torch.equal(one, other) for one, other in zip(whole, weights))
    team.together()
    print(taken, found == told, same, len(list((folder / "unfinished").iterdir())))
fit(folder / "unfinished", 8)
print(len(list((folder / "unfinished").iterdir())))
team.together()
end()
fit(folder / "unfinished", 8)
team.agreed(lambda: sorted((folder / "unfinished").iterdir())[0].unlink())
end()
"""
)


def test_several_processes_go_on_together_or_begin_anew_together(pair, tmp_path):
    codes, printed = pair(TOGETHER, settings=FLOW, shape=SHAPE, data=images().numpy(), every=EVERY)
    assert codes == [0, 0], printed
    # A file each; five steps after the sixth; all eleven, where one of them has lost its file.
    assert printed == ["2\n5 True True 0\n11 True True 0\n"] * 2


def test_hashes_are_of_values_and_of_nothing_else():
    data = torch.rand(3, 2, 4, 4)
    assert digest([data]) == digest([data.contiguous(memory_format=torch.channels_last)])
    assert digest([data[:1].expand(3, -1, -1, -1)]) == digest([data[:1].repeat(3, 1, 1, 1)])
    others = ([data.double()], [data.view(3, 2, 2, 8)], [data, data], [data.flip(0)], list(data))
    assert len({digest(other) for other in ([data], *others)}) == 6
